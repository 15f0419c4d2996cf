"""Which data set of the registry does an older pack mean with its free text?"""

import re
from typing import Any

from aws_research_wizard.packs import tables
from aws_research_wizard.packs.production import reading
from aws_research_wizard.packs.tables import Bucket, Registered

LEAST = 4  # letters: shorter names are found in everything


def meant(text: str, bucket: str = "") -> tuple[Registered, Bucket] | None:
    """By its bucket, by a bucket or a name that the text holds, or by the registry's own title."""
    if bucket:
        return _in(bucket.removeprefix("s3://").strip("/").partition("/")[0])
    head = re.split(r"\s[-–:]\s", text, maxsplit=1)[0]  # noqa: RUF001 (a dash that people type)
    for word in (*re.findall(r"s3://([a-z0-9][a-z0-9.-]+)", text), _slug(head)):
        if found := _in(word):
            return found
    named = tables.registry().get(_slug(head)) or _titled().get(_slug(head))
    usable = [one for one in named.buckets if _usable(one)] if named else []
    return (named, usable[0]) if named and usable else None


def entry(known: Registered, bucket: Bucket) -> dict[str, Any]:
    """The data set as our pack says it, with the registry's facts."""
    said = {"name": _word(known.name), "registry": known.name, "title": known.title, "bucket": bucket.name}
    if bucket.prefix:
        said["prefix"] = f"{bucket.prefix.rstrip('/')}/"
    return said | {"region": bucket.region, "access": bucket.access, "licence": known.licence or "See the registry"}


def _in(bucket: str) -> tuple[Registered, Bucket] | None:
    owners = tables.by_bucket().get(bucket, ())
    live = [one for one in owners if not one.deprecated] or list(owners)
    usable = [(known, one) for known in live for one in known.buckets if one.name == bucket and _usable(one)]
    return usable[0] if usable else None


def _usable(bucket: Bucket) -> bool:
    """Some rows of the registry name no bucket, or something that is none."""
    return bool(
        reading.BUCKET.fullmatch(bucket.name) and reading.REGION.fullmatch(bucket.region) and not bucket.prefix.startswith("/")
    )


def _titled() -> dict[str, Registered]:
    return {_slug(one.title): one for one in tables.registry().values() if len(one.title) >= LEAST}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _word(name: str) -> str:
    return re.sub(r"[^a-z0-9_.-]+", "-", name.lower()).strip("-_.")[:64]
