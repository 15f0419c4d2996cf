"""What is there to say about a lab's idleness? Values that answers are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.idle.grounds import Policy
from chalicelib.idle.rules import Decision
from chalicelib.idle.store import Record
from chalicelib.labs.rules import Lab
from chalicelib.runtime.clock import iso


@dataclass(frozen=True)
class Told:
    """What the rules know of a lab: `now` is decided for the asking and not carried out; `paper` is a decision that was kept."""

    lab: Lab
    record: Record | None
    policy: Policy
    now: Decision | None = None
    evidence: Mapping[str, Any] | None = None
    cullable: tuple[str, ...] = ()
    paper: Mapping[str, Any] | None = None
    stopped: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Replay:
    """Kept decisions under another policy, each as (what was decided, what would be), the newest first."""

    policy: Policy
    items: tuple[tuple[Mapping[str, Any], Decision], ...] = field(default=())
    cursor: str | None = None


def plain(decision: Decision) -> dict[str, Any]:
    """A decision as it is kept."""
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in decision._asdict().items()}
