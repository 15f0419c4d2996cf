"""How is a limit kept when a hundred requests race for the last place, or the last dollar?

    TEAM#<team>  USAGE               the set of lab ids that count · the sums of what all of them hold
                 HELD#<lab>          what one lab holds: vCPUs, GPUs, GB
                 TERMS               what an admin or a lead decided: quotas, budget, thresholds
                 MONEY#<month>       what is spoken for and what of it is spent, over all labs · thresholds told of
                 MONEY#<month>#<lab> the same of one lab: spent, set aside, rate, since

Keeps true: a sum changes only in the transaction that changes the lab's own line from what it was read as, so saying something
twice changes nothing, and the sums are those of the lines; whether more fits is a condition on the sum that DynamoDB checks in
the transaction that makes or starts the lab. Terms that change in that moment refuse it as well. Money is kept in millionths.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import and_
from typing import Any

from pynamodb.expressions.condition import Condition, size
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.limits import budgets, quotas
from chalicelib.limits.budgets import Line, Month, Threshold
from chalicelib.limits.quotas import Held, Holding, Quotas, Usage
from chalicelib.limits.shapes import (
    COUNTED,
    Book,
    LimitItem,
    Terms,
    held_of,
    holding_of,
    line_of,
    month_of,
    terms_of,
    usage_of,
)
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, Retryable
from chalicelib.runtime.store import Write, update

KEPT = 400 * 86400  # seconds that a month is remembered for


class Raced(Retryable):
    """A line was changed between reading and writing: read again. Never leaves limits."""


# ---- reading -------------------------------------------------------------------------------------------------------------


def book(team: str, lab_id: str, month: str, past_month: str = "") -> Book:
    keys = ["TERMS", "USAGE", f"HELD#{lab_id}", f"MONEY#{month}", f"MONEY#{month}#{lab_id}"]
    keys += [f"MONEY#{past_month}#{lab_id}"] if past_month else []
    found = LimitItem.batch_get([(_pk(team), sk) for sk in keys], consistent_read=True)
    items = {item.sk: item for item in found}
    held = items.get(f"HELD#{lab_id}")
    return Book(
        team,
        lab_id,
        month,
        terms_of(items.get("TERMS")),
        usage_of(items.get("USAGE")),
        holding_of(held) if held else None,
        month_of(items.get(f"MONEY#{month}"), month),
        line_of(items.get(f"MONEY#{month}#{lab_id}")),
        line_of(items.get(f"MONEY#{past_month}#{lab_id}")),
        past_month,
        {sk: int(item.version or 0) for sk, item in items.items()},
    )


def terms(team: str) -> Terms:
    items = list(LimitItem.query(_pk(team), LimitItem.sk == "TERMS", consistent_read=True))
    return terms_of(items[0] if items else None)


def usage(team: str) -> Usage:
    items = list(LimitItem.query(_pk(team), LimitItem.sk == "USAGE", consistent_read=True))
    return usage_of(items[0] if items else None)


def held(team: str) -> list[Held]:
    """What each lab of the team holds, by its id."""
    return [held_of(item) for item in LimitItem.query(_pk(team), LimitItem.sk.startswith("HELD#"), consistent_read=True)]


def month(team: str, name: str) -> tuple[Month, dict[str, Line]]:
    """A team's month, and the line of each lab in it."""
    items = list(LimitItem.query(_pk(team), LimitItem.sk.startswith(f"MONEY#{name}"), consistent_read=True))
    whole = next((item for item in items if item.sk == f"MONEY#{name}"), None)
    lines = {item.sk.rpartition("#")[2]: line_of(item) for item in items if item is not whole}
    return month_of(whole, name), lines


def set_aside(team: str) -> list[str]:
    """The labs with an open line."""
    items = LimitItem.query(_pk(team), LimitItem.sk.startswith("MONEY#"), consistent_read=True)
    return sorted({item.sk.rpartition("#")[2] for item in items if item.since})


# ---- places and what labs hold ---------------------------------------------------------------------------------------------


def hold(seen: Book, after: Holding, limits: Quotas, at: str) -> Write:
    """This lab counts, and holds so much; refused with LimitReached where it does not fit any more."""
    before = seen.holding or quotas.NOTHING
    added = quotas.more(before, after)
    fits = _there_is_room(seen.lab_id, added, limits)

    def apply(transaction: TransactWrite) -> None:
        actions: list[Action] = [LimitItem.labs.add({seen.lab_id}), LimitItem.reserved_at.set(at), *_sums(added)]
        transaction.update(_item(seen.team, "USAGE"), actions=actions, condition=fits)

    return Write(apply, quotas.raced(seen.team))


def keep(seen: Book, after: Holding) -> Write:
    """The lab's own line; committed beside `hold` or `free`."""
    sk = f"HELD#{seen.lab_id}"
    actions: list[Action] = [getattr(LimitItem, name).set(getattr(after, name)) for name in COUNTED]
    actions.append(LimitItem.version.set(seen.versions.get(sk, 0) + 1))
    if not after.vcpus:
        actions += [LimitItem.frees_at.remove(), LimitItem.frees_why.remove()]
    return update(_item(seen.team, sk), actions, _unchanged(seen, sk), _raced(seen.team))


def free(seen: Book, after: Holding) -> Write:
    """The lab holds less, and counts still; never refused for want of room."""
    added = quotas.more(seen.holding or quotas.NOTHING, after)
    return update(_item(seen.team, "USAGE"), [LimitItem.labs.add({seen.lab_id}), *_sums(added)])


def leave(seen: Book) -> tuple[Write, ...]:
    """The lab counts no more."""
    back = quotas.more(seen.holding or quotas.NOTHING, quotas.NOTHING)
    gone = update(_item(seen.team, "USAGE"), [LimitItem.labs.delete({seen.lab_id}), *_sums(back)])
    sk = f"HELD#{seen.lab_id}"
    if seen.holding is None:
        return (gone,)

    def drop(transaction: TransactWrite) -> None:
        transaction.delete(_item(seen.team, sk), condition=_unchanged(seen, sk))

    return gone, Write(drop, _raced(seen.team))


def recount(team: str, before: Usage, total: Holding) -> Write:
    """The sums as the lines say, while they still are what they were read as."""
    wrong = _is("vcpus", before.holding.vcpus) & _is("gpus", before.holding.gpus) & _is("storage_gb", before.holding.storage_gb)
    actions: list[Action] = [getattr(LimitItem, name).set(getattr(total, name)) for name in COUNTED]
    return update(_item(team, "USAGE"), actions, wrong, _raced(team))


def note_frees(team: str, lab_id: str, at: datetime | None, why: str) -> Write:
    """When this lab is going to give back what it holds; no line, no note."""
    actions: list[Action] = [LimitItem.frees_at.set(iso(at)) if at else LimitItem.frees_at.remove()]
    actions.append(LimitItem.frees_why.set(why) if at else LimitItem.frees_why.remove())
    return update(_item(team, f"HELD#{lab_id}"), actions, LimitItem.pk.exists(), _raced(team))


def _there_is_room(lab_id: str, added: Holding, limits: Quotas) -> Condition | None:
    fits: list[Condition] = []
    if limits.labs is not None:
        few = size(LimitItem.labs) < limits.labs  # type: ignore[no-untyped-call]
        fits.append(LimitItem.labs.does_not_exist() | few | LimitItem.labs.contains(lab_id))
    for name in COUNTED:
        limit, wanted = getattr(limits, name), getattr(added, name)
        if limit is not None and wanted > 0:
            fits.append(getattr(LimitItem, name).does_not_exist() | (getattr(LimitItem, name) <= limit - wanted))
    return reduce(and_, fits) if fits else None


def _sums(added: Holding) -> list[Action]:
    return [getattr(LimitItem, name).add(getattr(added, name)) for name in COUNTED if getattr(added, name)]


# ---- money ---------------------------------------------------------------------------------------------------------------


def spend(
    seen: Book, name: str, before: Line, after: Line, *, room: Decimal | None = None, refused: AppError | None = None
) -> Write:
    """One lab's line of a month and the month's sum, together. With `room` the month may not come to more than that."""
    added, spent = budgets.micros(after.used) - budgets.micros(before.used), budgets.micros(after.spent - before.spent)
    fits = None
    if room is not None and added > 0:
        fits = LimitItem.used.does_not_exist() | (LimitItem.used <= budgets.micros(room) - added)
    ends = int(parse_iso(f"{name}-01T00:00:00").timestamp()) + KEPT

    def apply(transaction: TransactWrite) -> None:
        actions: list[Action] = [LimitItem.used.add(added), LimitItem.spent.add(spent), LimitItem.expires.set(ends)]
        transaction.update(_item(seen.team, f"MONEY#{name}"), actions=actions, condition=fits)

    return Write(apply, refused or _raced(seen.team))


def enter(seen: Book, name: str, after: Line) -> Write:
    """The lab's own line of a month; committed beside `spend`."""
    sk = f"MONEY#{name}#{seen.lab_id}"
    actions: list[Action] = [
        LimitItem.version.set(seen.versions.get(sk, 0) + 1),
        LimitItem.used.set(budgets.micros(after.used)),
        LimitItem.spent.set(budgets.micros(after.spent)),
        LimitItem.rate.set(budgets.micros(after.rate)),
        LimitItem.since.set(iso(after.since)) if after.since else LimitItem.since.remove(),
        LimitItem.expires.set(int(parse_iso(f"{name}-01T00:00:00").timestamp()) + KEPT),
    ]
    return update(_item(seen.team, sk), actions, _unchanged(seen, sk), _raced(seen.team))


def announce(team: str, before: Month, reached: Iterable[Threshold], total: Month | None = None) -> Write:
    """Each threshold once a month, by whoever saw the sum come to it: refused when the month is another than was read. With
    `total` the month's sums move there in the same write."""
    words = {one.word for one in reached}
    condition = _is("spent", budgets.micros(before.spent))
    actions: list[Action] = []
    if words:
        condition &= _untold(words)
        actions.append(LimitItem.announced.add(words))
    if total:
        added, spent = budgets.micros(total.used) - budgets.micros(before.used), budgets.micros(total.spent - before.spent)
        actions += [LimitItem.used.add(added), LimitItem.spent.add(spent)]
        actions.append(LimitItem.expires.set(int(parse_iso(f"{before.month}-01T00:00:00").timestamp()) + KEPT))
    return update(_item(team, f"MONEY#{before.month}"), actions, condition, _raced(team))


def told(team: str, name: str, one: Threshold, refused: AppError) -> Write:
    """A threshold was told of; refused when it was before."""
    return update(_item(team, f"MONEY#{name}"), [LimitItem.announced.add({one.word})], _untold({one.word}), refused)


def _untold(words: Iterable[str]) -> Condition:
    each = (LimitItem.announced.does_not_exist() | ~LimitItem.announced.contains(word) for word in sorted(words))
    untold: Condition = reduce(and_, each)
    return untold


# ---- terms ---------------------------------------------------------------------------------------------------------------


def agree(team: str, before: Terms, after: Terms, refused: AppError) -> Write:
    """Other terms, provided nobody changed them meanwhile."""
    values: dict[str, Any] = {
        "most_labs": after.labs,
        **{name: getattr(after, name) for name in COUNTED},
        "families": set(after.families) if after.families else None,
        "monthly": budgets.micros(after.budget.monthly) if after.budget else None,
        "currency": after.budget.currency if after.budget else None,
        "thresholds": {one.word for one in after.budget.thresholds} if after.budget else None,
    }
    actions: list[Action] = [
        getattr(LimitItem, name).remove() if value is None else getattr(LimitItem, name).set(value)
        for name, value in values.items()
    ]
    actions.append(LimitItem.version.set(before.version + 1))
    return update(_item(team, "TERMS"), actions, _version(before.version), refused)


def hold_terms(seen: Book) -> Write:
    """The terms that a start was judged by are those that count."""

    def apply(transaction: TransactWrite) -> None:
        transaction.condition_check(LimitItem, _pk(seen.team), "TERMS", condition=_version(seen.terms.version))

    return Write(apply, _raced(seen.team))


# ---- keys and conditions -------------------------------------------------------------------------------------------------


def _pk(team: str) -> str:
    return f"TEAM#{team}"


def _item(team: str, sk: str) -> LimitItem:
    return LimitItem(_pk(team), sk)


def _version(number: int) -> Condition:
    return (LimitItem.version == number) if number else LimitItem.pk.does_not_exist()


def _unchanged(seen: Book, sk: str) -> Condition:
    return _version(seen.versions.get(sk, 0))


def _is(name: str, value: int) -> Condition:
    attribute = getattr(LimitItem, name)
    same: Condition = (attribute == value) if value else (attribute.does_not_exist() | (attribute == 0))
    return same


def _raced(team: str) -> Raced:
    return Raced(f"what team {team} uses is being changed by another request", "try again in a moment")
