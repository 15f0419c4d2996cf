"""What AWS has, as of the dates these tables carry: instance types that exist, and the Registry of Open Data.

Facts only, shipped, so that nothing is asked of any network. Each is read once, when something is looked up.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

GRAVITON = re.compile(r"(a1|[a-z]+\d+g[a-z]*|[a-z]+\d+g[a-z]*-flex)\..+")
MOST_BUCKETS = 4  # the table names no more of one data set


class Bucket(NamedTuple):
    name: str
    prefix: str
    region: str
    access: str


class Registered(NamedTuple):
    """A data set of the registry; `licence` is its text, cut at 60 letters."""

    name: str
    title: str
    licence: str
    deprecated: bool
    buckets: tuple[Bucket, ...]


@cache
def instance_types() -> frozenset[str]:
    """Every type that EC2 knows; written by `python -m tools.instances`."""
    return frozenset(line for line in _lines("instance_types.txt") if not line.startswith("#"))


def is_arm(instance_type: str) -> bool:
    """Graviton: kernels' locks are for x86-64."""
    return bool(GRAVITON.fullmatch(instance_type))


@cache
def registry() -> Mapping[str, Registered]:
    """Every data set by its name in the registry."""
    found: dict[str, Registered] = {}
    last = ""
    for line in _lines("open_data.tsv")[3:]:
        name, title, licence, place, region, access, *deprecated = line.split("\t")
        bucket, _, prefix = place.partition("/")
        one = Bucket(bucket, prefix, region, access)
        last = name or last
        known = found.get(last)
        buckets = (*known.buckets, one) if known else (one,)
        found[last] = known._replace(buckets=buckets) if known else Registered(last, title, licence, bool(deprecated), buckets)
    return found


@cache
def by_bucket() -> Mapping[str, tuple[Registered, ...]]:
    """The data sets that lie in a bucket."""
    found: dict[str, tuple[Registered, ...]] = {}
    for one in registry().values():
        for name in {bucket.name for bucket in one.buckets}:
            found[name] = (*found.get(name, ()), one)
    return found


def as_of() -> str:
    """The day of the registry's table."""
    found = re.search(r"\d{4}-\d\d-\d\d", _lines("open_data.tsv")[0])
    return found.group() if found else ""


@cache
def _lines(file: str) -> tuple[str, ...]:
    return tuple((files("aws_research_wizard.packs") / file).read_text("utf-8").splitlines())
