"""What does a wake key look like, and what is on a lab's way to ready? Values only.

A wake key proves one person for one lab: with it the lab's page is shown as theirs, starts the lab, and lets them in. It stands
in the fragment of a link, which no browser sends to anybody; the page takes it out of there and sends it as a header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from chalicelib.labs.rules import Lab

KEY = re.compile(r"awk_[A-Za-z0-9_-]{22,128}")
LASTS = timedelta(days=180)
BEGINS = frozenset({"LabRequested", "LabStarting", "LabScaling", "LabRebuilt"})


class Key(NamedTuple):
    """Whose it is and until when; only its hash is kept."""

    email: str
    lab_id: str
    id: str
    created_at: datetime
    expires_at: datetime


class Step(NamedTuple):
    """A named part of the way: `started`, `done` or `failed`."""

    name: str
    state: str
    seconds: float | None


class Seen(NamedTuple):
    """A lab as its page shows it."""

    lab: Lab
    steps: tuple[Step, ...]
    may_start: bool


def steps(newest_first: Iterable[tuple[str, Mapping[str, Any]]]) -> tuple[Step, ...]:
    """The steps since the lab last began to move, oldest first, each as it stands now."""
    found: dict[str, Step] = {}
    for name, data in newest_first:
        if name in BEGINS:
            break
        if name == "MachineStep" and data.get("step") not in (None, *found):
            found[data["step"]] = Step(str(data["step"]), str(data.get("state", "")), data.get("seconds"))
    return tuple(reversed(found.values()))
