"""What is the audit log verified with? Entries and anchors from the control plane or from a file, and what was seen before.

The end of the log that this machine verified last is kept beside the profiles. The next verification holds the log to it, so a
control plane that rewrote both its log and its anchors would still be found out by everybody who had looked before.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain as joined
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_research_wizard.cli.session import connect, session

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls

KEY = re.compile(r"(\d{12})-([0-9a-f]{64})\.json")
SAME = ("name", "domain", "phase", "owner", "team", "users", "instance_type", "shared_storage_gb", "generation", "address")


@dataclass
class Evidence:
    """One log: its name, its claimed end, its entries in order, and its anchors."""

    chain: str
    head: Mapping[str, Any]
    entries: Iterable[Any]
    anchors: list[Any] = field(default_factory=list)
    place: str = ""  # whose log it is: the control plane's address

    def remembered(self) -> list[dict[str, Any]]:
        """The end that was verified here before, of the same log."""
        known = _memory().get(self.place or self.chain)
        return [known] if known and known.get("chain") == self.chain else []

    def remember(self, seq: int, hash_: str) -> None:
        """Keep this end; an older one than is known (of an old export) is not taken."""
        known = self.remembered()
        if seq and (not known or known[0]["seq"] < seq):
            memory = {**_memory(), (self.place or self.chain): {"chain": self.chain, "seq": seq, "hash": hash_}}
            path = _path()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(memory, indent=2))


@contextmanager
def of(file: Path | None) -> Iterator[Evidence]:
    """The log in a file, or the control plane's. Anchors and end are asked for before entries, so that growth is no break."""
    if file is not None:
        yield _in(file)
        return
    from aws_research_wizard.client import profiles

    with connect() as calls:
        anchors = list(calls.audit_anchors())
        head = calls.audit_head()
        place = profiles.current(session.profile).url
        told = [{"seq": head["seq"], "hash": head["hash"]}] if head["seq"] else []
        yield Evidence(head["chain"], head, calls.audit(), [*anchors, *told], place)


def _in(file: Path) -> Evidence:
    from aws_research_wizard.client.errors import WizardError

    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        first, rest = rows[0], rows[1:]
        head, chain = dict(first["head"]), str(first["chain"])
    except (ValueError, LookupError, TypeError) as error:
        raise WizardError(
            f"{file} is not an export of the audit log", "make one: aws-research-wizard audit export FILE"
        ) from error
    anchors = [one["anchor"] for one in rest if "anchor" in one]
    told = [{"seq": head["seq"], "hash": head["hash"]}] if head["seq"] else []
    return Evidence(chain, head, [one for one in rest if "anchor" not in one], [*anchors, *told])


def anchors_in(place: Path) -> list[dict[str, Any]]:
    """Anchors by the names of a folder's files (as the bucket has them), or from a file of JSON lines."""
    if place.is_dir():
        names = [KEY.fullmatch(one.name) for one in sorted(place.rglob("*.json"))]
        return [{"seq": int(one[1]), "hash": one[2]} for one in names if one]
    rows = [json.loads(line) for line in place.read_text(encoding="utf-8").splitlines() if line]
    return [one.get("anchor", one) for one in rows if "seq" in one.get("anchor", one)]


def _path() -> Path:
    from aws_research_wizard.client import profiles

    return profiles.path().with_name("audit.json")


def _memory() -> dict[str, Any]:
    try:
        return dict(json.loads(_path().read_text()))
    except (OSError, ValueError):
        return {}


# ---- does the log say what the tables say? -------------------------------------------------------------------------------


def differences(calls: "Calls", rebuilt: Mapping[str, Mapping[str, Any]], lab: str) -> list[str]:
    """Where the control plane's own answers are not what the log adds up to."""
    labs = [calls.lab(lab)] if lab else list(calls.labs())
    apart = list(joined.from_iterable(_of_lab(calls, one, rebuilt.get(one["id"], {})) for one in labs))
    if lab:
        return apart
    known = {one["id"] for one in labs}
    standing = [name for name, one in rebuilt.items() if one.get("phase", "DELETED") != "DELETED" and name not in known]
    people = list(calls.people())
    apart += [f"{name}: the log has it, the table does not" for name in standing]
    for person in people:
        stood = rebuilt.get(person["email"], {})
        apart += _apart(person["email"], {"role": person["role"], "teams": person["teams"]}, stood)
    return apart


def _of_lab(calls: "Calls", lab: Any, stood: Mapping[str, Any]) -> Iterator[str]:
    yield from _apart(lab["id"], {name: lab[name] for name in SAME}, stood)
    if lab["phase"] != "DELETED":
        roles = {f"member:{one['email']}.role": one["role"] for one in calls.users(lab["id"]) if not one["owner"]}
        yield from _apart(lab["id"], roles, {name: one for name, one in stood.items() if name.startswith("member:")}, both=True)


def _apart(subject: str, table: Mapping[str, Any], log: Mapping[str, Any], *, both: bool = False) -> list[str]:
    names = dict.fromkeys([*table, *(log if both else ())])
    pairs = {name: (table.get(name) or None, log.get(name) or None) for name in names}
    return [f"{subject}: {name} is {one!r} in the table, {two!r} in the log" for name, (one, two) in pairs.items() if one != two]
