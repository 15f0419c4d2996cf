"""What was decided for a team: its quotas and its budget. Who decides is asked at the door; here it is written down and told.

Keeps true: every decision is audited with what it was before; of two at once one is refused. `written` and `take_in` carry what
was decided to a stage that begins again: what is known there already is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from chalicelib.limits import budgets, rules, store
from chalicelib.limits.budgets import Budget, Line, Reach, Threshold
from chalicelib.limits.shapes import COUNTED, Terms
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Conflict, Unprocessable, near_miss
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import Write, commit

NUMBERS = ("labs", *COUNTED)


def subject(team: str) -> str:
    """What facts about a team's limits are filed under."""
    return f"team:{team}"


def terms(team: str) -> Terms:
    return store.terms(team)


def agree(team: str, before: Terms, after: Terms, now: datetime, by: str, request: str, *also: Write) -> None:
    """Other terms for a team, audited; Conflict when somebody changed them meanwhile."""
    changed = Conflict(f"the terms of team {team} were changed by another request", "look at them again, then repeat the request")
    was, is_now = _audited(before), _audited(after)
    changes = {name: (was[name], is_now[name]) for name in was if was[name] != is_now[name]}
    money_changed = before.budget != after.budget
    name = "BudgetSet" if money_changed else "QuotaSet"
    told = Fact(name, subject(team), {"team": team, **is_now}, now, by, request, changes=changes)
    commit(*also, store.agree(team, before, after, changed), record(told))


def _audited(terms: Terms) -> dict[str, Any]:
    budget = terms.budget
    money = {
        "monthly": str(budget.monthly) if budget else None,
        "currency": budget.currency if budget else None,
        "thresholds": [one.word for one in budget.thresholds] if budget else None,
    }
    return {**{name: getattr(terms, name) for name in NUMBERS}, "families": terms.families, **money}


def known_families(names: Iterable[str]) -> tuple[str, ...]:
    """Instance families that we know a type of. Unprocessable for another, with the nearest."""
    known = {one.partition(".")[0] for one in rules.priced_types(settings.current().region)}
    wanted = tuple(sorted({name.strip().lower() for name in names}))
    for name in wanted:
        if name not in known:
            raise Unprocessable(f"there is no instance family '{name[:20]}'", near_miss(name, known) or "as in m7i, r7i, g5")
    return wanted


def in_our_currency(budget: Budget) -> Budget:
    """Prices are in one currency; a budget in another could not be compared with them."""
    price = rules.currency()
    if budget.currency != price:
        raise Unprocessable(f"prices are in {price}: a budget in {budget.currency} cannot be compared", f"name it in {price}")
    return budget


# ---- kept outside of the tables, and taken in from there ---------------------------------------------------------------------


def written(teams: Iterable[str], now: datetime) -> Iterator[dict[str, Any]]:
    """What was decided for each of these teams, and what its labs cost this month so far, as plain values."""
    for team in teams:
        known = store.terms(team)
        if known.version:
            month, _ = store.month(team, budgets.month_of(now))
            yield {"team": team, **_audited(known), "month": month.month, "spent": str(month.spent)}


def take_in(value: Mapping[str, Any], place: str, now: datetime, by: str, request: str) -> bool:
    """A team's terms as they were; False when others were decided here already. What its labs had cost this
    month stands in the month as one line of that `place`: a budget does not begin anew because a region does."""
    team = str(value["team"])
    known = store.terms(team)
    if known.version:
        return False
    spent = Decimal(value["spent"]) if value["month"] == budgets.month_of(now) else budgets.ZERO
    agree(team, known, _terms(value), now, by, request, *_spent_there(team, place, spent, now))
    return True


def _terms(value: Mapping[str, Any]) -> Terms:
    families = tuple(value["families"]) if value["families"] is not None else None
    return Terms(**{name: value[name] for name in NUMBERS}, families=families, budget=_budget(value))


def _budget(value: Mapping[str, Any]) -> Budget | None:
    if value["monthly"] is None:
        return None
    words = (word.partition(":") for word in value["thresholds"])
    thresholds = tuple(Threshold(int(percent), Reach(action)) for percent, _, action in words)
    return Budget(Decimal(value["monthly"]), value["currency"], thresholds)


def _spent_there(team: str, place: str, spent: Decimal, now: datetime) -> tuple[Write, ...]:
    if not spent:
        return ()
    seen = store.book(team, place, budgets.month_of(now))
    after = Line(seen.line.spent + spent)
    return store.spend(seen, seen.month, seen.line, after), store.enter(seen, seen.month, after)
