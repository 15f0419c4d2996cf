"""Do the data sets exist, may a lab read them as the pack says, and what does it cost to reach them?"""

import re
from collections.abc import Iterator
from typing import Any

from aws_research_wizard.packs import tables
from aws_research_wizard.packs.findings import Finding, finding
from aws_research_wizard.packs.production import limits, near_miss
from aws_research_wizard.packs.subject import Subject
from aws_research_wizard.packs.tables import Bucket, Registered

TERABYTE = 1000
#: licences that can be told apart by a few letters, the narrower ones first
FAMILIES = (
    ("CC-BY-NC-SA", r"by-nc-sa|attribution-?noncommercial-?sharealike"),
    ("CC-BY-NC-ND", r"by-nc-nd"),
    ("CC-BY-NC", r"by-nc|attribution-?noncommercial"),
    ("CC-BY-SA", r"by-sa|attribution-?sharealike"),
    ("CC-BY", r"cc-by|creativecommons\.org/licenses/by/|creative-commons-attribution"),
    ("CC0", r"cc0|publicdomain/zero"),
    ("ODbL", r"odbl"),
    ("ODC-By", r"odc-by|opendatacommons\.org/licenses/by"),
    ("Apache-2.0", r"apache"),
    ("MIT", r"(^|[^a-z])mit([^a-z]|$)"),
    ("BSD", r"(^|[^a-z])bsd([^a-z]|$)"),
)


def findings(subject: Subject) -> Iterator[Finding]:
    """Of the data sets that the pack's own file names."""
    sets = subject.part("datasets")
    names: dict[str, int] = {}
    for number, one in enumerate(sets if isinstance(sets, list) else ()):
        if not isinstance(one, dict):
            continue
        name = one.get("name")
        if isinstance(name, str) and name in names:
            said = f"'{name}' is the name of datasets[{names[name]}] already"
            yield finding("P408", subject.document.at("datasets", number, "name"), said)
        elif isinstance(name, str):
            names[name] = number
        yield from _one(subject, number, one)


def _one(subject: Subject, number: int, said: dict[str, Any]) -> Iterator[Finding]:
    wanted = said.get("registry")
    if not isinstance(wanted, str):
        return
    known = tables.registry().get(wanted)
    at = subject.document.at("datasets", number, "registry")
    if known is None:
        yield finding("P401", at, f"the registry of {tables.as_of()} knows no '{wanted[:64]}'", _near(wanted, said.get("bucket")))
        return
    if known.deprecated:
        yield finding("P402", at, f"{wanted} is deprecated")
    yield from _licence(subject, number, said, known)
    if isinstance(said.get("bucket"), str):
        yield from _bucket(subject, number, said, known)


def _near(wanted: str, bucket: object) -> str:
    """The registry's name for what the bucket holds, or the closest one."""
    there = tables.by_bucket().get(bucket, ()) if isinstance(bucket, str) else ()
    if there:
        return f"the bucket {bucket} belongs to {', '.join(one.name for one in there[:3])}"
    return near_miss(wanted, tables.registry())


def _bucket(subject: Subject, number: int, said: dict[str, Any], known: Registered) -> Iterator[Finding]:
    bucket = _match(said["bucket"], str(said.get("prefix") or ""), known)
    if bucket is None:
        yield from _elsewhere(subject, number, said, known)
        return
    at, region, access = subject.document.at, said.get("region"), said.get("access")
    if isinstance(region, str) and region != bucket.region:
        yield finding("P404", at("datasets", number, "region"), f"{_path(bucket)} is in {bucket.region}, not in {region[:32]}")
    if isinstance(access, str) and access != bucket.access:
        yield finding(
            "P405", at("datasets", number, "access"), f"the registry calls {_path(bucket)} {bucket.access}, not {access[:32]}"
        )
    yield from _reaching(subject, number, bucket, known)


def _elsewhere(subject: Subject, number: int, said: dict[str, Any], known: Registered) -> Iterator[Finding]:
    """The registry names another place, or a narrower one; of very large data sets the table does not know all."""
    place = subject.document.at("datasets", number, "bucket")
    parts = [one.prefix for one in known.buckets if one.name == said["bucket"]]
    if parts:
        remedy = f"say prefix: {parts[0].rstrip('/')}/"
        yield finding("P403", place, f"{known.name} is only a part of the bucket {said['bucket']}", remedy)
    elif len(known.buckets) < tables.MOST_BUCKETS:
        names = ", ".join(_path(one) for one in known.buckets)
        yield finding("P403", place, f"{known.name} is not in the bucket {said['bucket'][:64]}", f"the registry names: {names}")


def _match(name: str, prefix: str, known: Registered) -> Bucket | None:
    """The registry's bucket that holds what the pack names: the same bucket, and no wider than its prefix."""
    inside = [one for one in known.buckets if one.name == name and (prefix.rstrip("/") + "/").startswith(one.prefix.rstrip("/"))]
    return max(inside, key=lambda one: len(one.prefix), default=None)


def _path(bucket: Bucket) -> str:
    return f"{bucket.name}/{bucket.prefix}" if bucket.prefix else bucket.name


def _reaching(subject: Subject, number: int, bucket: Bucket, known: Registered) -> Iterator[Finding]:
    place, payer = subject.document.at("datasets", number), bucket.access == "requester-pays"
    if bucket.region != subject.region:
        price = limits.between_regions_price(bucket.region)
        cost = (
            f"${price.amount * TERABYTE:.2f} for each TB that leaves it" if price else "a transfer price that is not known here"
        )
        who = "the lab pays" if payer else "the bucket's owner pays"
        said = f"{known.name} is in {bucket.region}, labs in {subject.region}: {cost}, which {who}; reads are slower"
        yield finding("P407", place, said)
    elif payer:
        yield finding("P409", place, f"{known.name} is requester-pays: requests and listings are on the lab's bill")


def _licence(subject: Subject, number: int, said: dict[str, Any], known: Registered) -> Iterator[Finding]:
    text = said.get("licence")
    theirs, ours = _family(known.licence), _family(text) if isinstance(text, str) else ""
    if theirs and ours and theirs != ours and not _several(str(text)):
        place = subject.document.at("datasets", number, "licence")
        yield finding("P406", place, f"the registry's licence of {known.name} is {theirs} ('{known.licence}'), not {ours}")


def _family(text: str) -> str:
    plain = re.sub(r"[\s_]+", "-", text.lower())
    return next((name for name, pattern in FAMILIES if re.search(pattern, plain)), "")


def _several(text: str) -> bool:
    """A licence that is told for each part is more than the registry's one line."""
    return " or " in text or "varies" in text.lower() or "each" in text
