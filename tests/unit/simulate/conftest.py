"""A day of one lab, said in minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from aws_research_wizard.simulate.outcome import Outcome
from aws_research_wizard.simulate.policies import SHIPPED, Policy
from aws_research_wizard.simulate.replay import live
from aws_research_wizard.simulate.usage import Lab, Span, Usage, usage

MONDAY = int(datetime(2026, 10, 5, tzinfo=UTC).timestamp())
DAY = 24 * 3600
LAB = Lab("genomics-00", "genomics", "us-east-1", "r6i.2xlarge")
ADA = "ada@lab.example"


def at(minutes: float) -> int:
    """So many minutes into Monday."""
    return MONDAY + round(minutes * 60)


def span(kind: str, begins: float, ends: float, user: str = ADA, lab: str = LAB.name, **more: Any) -> Span:
    """Something that was so, from and until minutes of Monday."""
    return Span(at(begins), at(ends), kind, lab, user, **more)


def day(*spans: Span, days: int = 3, lab: Lab = LAB) -> Usage:
    """One lab's days."""
    return usage(MONDAY, MONDAY + days * DAY, [lab], spans)


Lived = Callable[..., Outcome]


@pytest.fixture
def lived() -> Lived:
    """What comes of spans under a policy."""

    def act(*spans: Span, policy: str | Policy = "default", days: int = 3, lab: Lab = LAB, snooze: float = 0.0) -> Outcome:
        month = day(*spans, days=days, lab=lab)
        chosen = SHIPPED[policy] if isinstance(policy, str) else policy
        return live(month, lab, month.spans, chosen, snooze=snooze)

    return act
