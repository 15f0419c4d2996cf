# ruff: noqa: N818 (errors are named for what happened)
"""One trace under several policies: per lab, in sum, and beside each other."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.simulate.keepers import keeper
from aws_research_wizard.simulate.life import Life
from aws_research_wizard.simulate.outcome import Outcome, Price, price_of, total
from aws_research_wizard.simulate.policies import Policy
from aws_research_wizard.simulate.usage import Lab, Span, Usage


class Empty(WizardError):
    """Nothing to replay."""


class Played(NamedTuple):
    """What came of a policy."""

    policy: Policy
    labs: Mapping[str, Outcome]
    whole: Outcome


class Replay(NamedTuple):
    """What came of all of them; the first is the one that was asked about. Money in `currency`, prices as of `as_of`."""

    usage: Usage
    played: tuple[Played, ...]
    currency: str
    as_of: date

    def saved(self, one: Played) -> Decimal | None:
        """How much cheaper than always-on, in percent; None when nobody asked for that."""
        base = next((other.whole.cost for other in self.played if other.policy.way == "always"), None)
        return 100 * (base - one.whole.cost) / base if base else None


def replay(usage: Usage, policies: Sequence[Policy], seed: int = 0, snooze: float = 0.0) -> Replay:
    """Every lab under every policy."""
    prices = _one_currency(usage)
    spans = usage.by_lab()
    played = []
    for policy in policies:
        labs = {lab.name: live(usage, lab, spans[lab.name], policy, seed, snooze) for lab in usage.labs}
        played.append(Played(policy, labs, total(labs.values())))
    return Replay(usage, tuple(played), prices[0].currency, min(price.as_of for price in prices))


def live(usage: Usage, lab: Lab, spans: Sequence[Span], policy: Policy, seed: int = 0, snooze: float = 0.0) -> Outcome:
    """One lab under one policy."""
    return Life(lab, list(spans), usage.begins, usage.ends, keeper(policy, lab, snooze), seed).run()


def _one_currency(usage: Usage) -> list[Price]:
    if not usage.labs:
        raise Empty("there is no lab to replay", "ask for at least one: --labs 50")
    prices = [price_of(lab) for lab in usage.labs]
    if len({price.currency for price in prices}) > 1:
        raise Empty("the labs' prices are in several currencies", "replay the labs of one currency at a time")
    return prices
