"""What is a Spack package called where labs install from?"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

SPEC = re.compile(r"(?P<name>[A-Za-z0-9][\w-]*)(?:@(?P<version>[\w.:=,-]+))?(?P<rest>(?:\s*[%+~^][^\s%+~^]+|\s+[\w-]+=\S+)*)")
PLAIN = re.compile(r"\d+(\.\d+)*")


class Spec(NamedTuple):
    """`fftw@3.3.10 +mpi %gcc`: name, version, and the rest, which is about how to build it."""

    name: str
    version: str
    rest: str


class Home(NamedTuple):
    """`kind`: python, debian, r or none; `name`: there, or why there is none. `known`: it stands in the table."""

    kind: str
    name: str
    known: bool = True


def parse(text: str) -> Spec | None:
    """None for what is no spec."""
    found = SPEC.fullmatch(text.strip())
    return Spec(found["name"].lower(), found["version"] or "", " ".join(found["rest"].split())) if found else None


def home(name: str) -> Home | None:
    """Where a package lives; None when nobody knows."""
    if name in table():
        return Home(*table()[name])
    if name.startswith("py-") and len(name) > 3:
        return Home("python", name.removeprefix("py-"), known=False)
    return None


def bound(spec: Spec) -> str:
    """A version as the least that PyPI may give; '' where it is no plain version."""
    return f">={spec.version}" if PLAIN.fullmatch(spec.version) else ""


@cache
def table() -> Mapping[str, tuple[str, str]]:
    """Name → (kind, name there)."""
    lines = (files("aws_research_wizard.packs.older") / "spack_names.tsv").read_text("utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {name: (kind, there) for name, kind, there in rows}
