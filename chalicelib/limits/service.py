"""The verbs of limits: may this lab be made, started, made larger? Give back what it held; settle what it cost.

What changes a lab is handed out as writes for the caller's own transaction: a lab and what it takes from its team come and go
together. `committed` sends such a transaction; it reads again when a team's line changed in that moment, and tells once a month
that a start was refused for want of money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chalicelib.limits import budgets, quotas, rules, store
from chalicelib.limits.agreeing import agree as agree  # what was decided, for whoever asks for a verb of limits
from chalicelib.limits.agreeing import subject as subject
from chalicelib.limits.agreeing import take_in as take_in
from chalicelib.limits.agreeing import terms as terms
from chalicelib.limits.agreeing import written as written
from chalicelib.limits.budgets import Budget, Line, Month, Reach, Threshold
from chalicelib.limits.quotas import Held, Holding, Quotas
from chalicelib.limits.rules import Usage
from chalicelib.limits.shapes import COUNTED, Book, Terms
from chalicelib.runtime import settings
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import BudgetExceeded, Conflict, Retryable
from chalicelib.runtime.facts import Fact, record
from chalicelib.runtime.store import Write, commit, pause

WIZARD = "aws-research-wizard"
TRIES = 6


class Need(NamedTuple):
    """What a lab is going to take: the types it may come up as (none: its machine rests), its storage, and its idle minutes."""

    types: tuple[str, ...] = ()
    storage_gb: int = 0
    idle_minutes: int | None = None

    @property
    def holding(self) -> Holding:
        return quotas.holding(self.types, self.storage_gb)


def hourly(need: Need) -> Decimal | None:
    """What an hour of the dearest machine that it may come up as costs; None when one of them has no known price."""
    prices = [rules.hourly_price(name, settings.current().region) for name in need.types]
    known = [price.amount for price in prices if price]
    return max(known, default=budgets.ZERO) if len(known) == len(prices) else None


def share(need: Need) -> Decimal | None:
    """What a start of it sets aside, and what is kept set aside while it runs; None when its price is not known."""
    rate = hourly(need)
    return None if rate is None else budgets.share(rate, need.idle_minutes)


# ---- making, starting, making larger ---------------------------------------------------------------------------------------


def admit(team: str, lab_id: str, need: Need, now: datetime, *, starts: bool = True) -> tuple[Write, ...]:
    """The lab counts, holds and (if it starts) sets aside what it needs: LimitReached or BudgetExceeded, now or when this is
    committed."""
    seen = _book(team, lab_id, now)
    _fits(seen, need)
    holding = need.holding
    held = (store.hold(seen, holding, _limits(seen.terms), iso(now)), store.keep(seen, holding))
    if not need.types or not starts:
        return held
    return *held, *_money(seen, hourly(need), share(need), now, seen.terms.budget), store.hold_terms(seen)


def readmit(team: str, lab_id: str, need: Need, now: datetime) -> tuple[Write, ...]:
    """A lab that was admitted in a region that is lost counts, holds and sets aside the same here. Never refused: all labs of a
    team come back at once, also those that rested there."""
    seen = _book(team, lab_id, now)
    held = (store.free(seen, need.holding), store.keep(seen, need.holding))
    return *held, *_money(seen, hourly(need), share(need), now, None)


def reserve(team: str, lab_id: str, now: datetime) -> Write:
    """Take one of the team's places for this lab; refused with LimitReached."""
    return _together(admit(team, lab_id, Need(), now))


def reserve_money(team: str, lab_id: str, amount: Decimal, now: datetime) -> Write:
    """Set aside what a lab that starts will cost; refused with BudgetExceeded. Saying it twice sets it aside once."""
    seen = _book(team, lab_id, now)
    return _together((*_money(seen, seen.line.rate, amount, now, seen.terms.budget), store.hold_terms(seen)))


def _fits(seen: Book, need: Need) -> None:
    added = quotas.more(seen.holding or quotas.NOTHING, need.holding)
    for refused in quotas.refusals(seen.team, _limits(seen.terms), seen.usage, seen.lab_id, added, need.types):
        raise refused


def _money(seen: Book, rate: Decimal | None, amount: Decimal | None, now: datetime, budget: Budget | None) -> tuple[Write, ...]:
    """The lab's line as one that runs from now on, within this budget."""
    before = seen.line
    after = budgets.started(before, rate or budgets.ZERO, amount or budgets.ZERO, now)
    after = after._replace(spent=after.spent + budgets.carried(seen.past, now))
    added = None if amount is None else after.used - before.used
    budgets.refuse(seen.team, budget, seen.total, added)
    room = budget.refuses_at if budget else None
    refused = budgets.over(seen.team, budget, budgets.ZERO, after.used - before.used) if budget else None
    moved = store.spend(seen, seen.month, before, after, room=room, refused=refused), store.enter(seen, seen.month, after)
    return *moved, *_close_past(seen, now)


def _close_past(seen: Book, now: datetime) -> tuple[Write, ...]:
    """The month before, where the lab's line was left open over its end."""
    if seen.past.since is None:
        return ()
    closed = budgets.rested(seen.past, now)
    return store.spend(seen, seen.past_month, seen.past, closed), store.enter(seen, seen.past_month, closed)


# ---- resting, and giving back ----------------------------------------------------------------------------------------------


def ran_as(team: str, lab_id: str, need: Need, now: datetime) -> tuple[Write, ...]:
    """What came up is known: it holds that and no more. Never refused."""
    seen = _book(team, lab_id, now)
    if seen.holding == need.holding:
        return ()
    return store.free(seen, need.holding), store.keep(seen, need.holding)


def rest(team: str, lab_id: str, storage_gb: int, now: datetime) -> tuple[Write, ...]:
    """The lab's machine rests: its vCPUs and GPUs are free, and so is the money it did not use. Twice does no harm."""
    seen = _book(team, lab_id, now)
    after = Holding(0, 0, storage_gb)
    held = () if seen.holding == after else (store.free(seen, after), store.keep(seen, after))
    return *held, *_rest_money(seen, now)


def rest_money(team: str, lab_id: str, now: datetime) -> tuple[Write, ...]:
    """Nothing is set aside for this lab any more."""
    return _rest_money(_book(team, lab_id, now), now)


def release(team: str, lab_id: str, now: datetime) -> Write:
    """Give back all that this lab holds; twice does no harm."""
    seen = _book(team, lab_id, now)
    return _together((*store.leave(seen), *_rest_money(seen, now)))


def restore(team: str, lab_id: str, need: Need, now: datetime) -> Write:
    """Count a lab again whose place was lost, with what it holds; never refused, twice does no harm."""
    seen = _book(team, lab_id, now)
    return _together((store.free(seen, need.holding), store.keep(seen, need.holding)))


def _rest_money(seen: Book, now: datetime) -> tuple[Write, ...]:
    after = budgets.rested(seen.line, now)
    after = after._replace(spent=after.spent + budgets.carried(seen.past, now))
    moved = () if after == seen.line else (store.spend(seen, seen.month, seen.line, after), store.enter(seen, seen.month, after))
    return *moved, *_close_past(seen, now)


# ---- money that was spent --------------------------------------------------------------------------------------------------


def settle_money(team: str, lab_id: str, spent: Decimal, keep: Decimal, now: datetime, month: str = "") -> None:
    """What a lab has cost in this month so far, in all (not since last time), and what to keep set aside for it (0: it rests).

    Never refused: what is spent is spent. Both are absolute, so saying it twice is saying it once. `month` ("2026-10") settles
    an earlier month afterwards. Tells BudgetReached for each threshold that is reached, once a month."""
    committed(team, now, lambda: _settled(team, lab_id, spent, keep, now, month))


def _settled(team: str, lab_id: str, spent: Decimal, keep: Decimal, now: datetime, month: str) -> tuple[Write, ...]:
    this = month in ("", budgets.month_of(now))
    seen = _book(team, lab_id, now) if this else store.book(team, lab_id, month)
    after = budgets.settled(seen.line, spent, keep if this and _runs(seen) else budgets.ZERO, now)
    total = seen.total
    moved = Month(total.month, total.spent + after.spent - seen.line.spent, total.held + after.held - seen.line.held)
    news = tuple(budgets.news(seen.terms.budget, moved._replace(announced=total.announced)))
    past = _close_past(seen, now) if this else ()
    if after == seen.line and not news:
        return past
    written = store.announce(team, total, news, moved), store.enter(seen, seen.month, after)
    return *written, *past, *(_told(team, seen.terms, moved, one, now) for one in news)


def _runs(seen: Book) -> bool:
    """Is the lab's line open, here or from the month before? A meter that heard late of a stop sets nothing aside again; a lab
    from before there were lines has none to say so."""
    known = f"MONEY#{seen.month}#{seen.lab_id}" in seen.versions
    return bool(seen.line.since or seen.past.since) or not known


def _told(team: str, terms: Terms, month: Month, one: Threshold, now: datetime, **more: object) -> Write:
    budget = terms.budget
    data = {
        "team": team,
        "percent": one.percent,
        "action": str(one.action),
        "month": month.month,
        "spent": str(month.spent),
        "monthly": str(budget.monthly) if budget else "",
        "currency": budget.currency if budget else "",
    }
    return record(Fact("BudgetReached", subject(team), data | more, now, WIZARD, f"budget-{month.month}"))


def committed(team: str, now: datetime, writes: Callable[[], Iterable[Write]]) -> None:
    """Commit what touches this team's lines; `writes` is asked again when somebody changed them in the meantime."""
    for attempt in range(TRIES):
        try:
            return commit(*writes())
        except store.Raced:
            if attempt == TRIES - 1:
                raise
            pause(attempt)
        except BudgetExceeded:
            _tell_refusal(team, now)
            raise


def _tell_refusal(team: str, now: datetime) -> None:
    """The first start of a month that is refused is news."""
    month, _ = store.month(team, budgets.month_of(now))
    terms = store.terms(team)
    if terms.budget is None:
        return
    one = budgets.refusing(terms.budget)
    known = Conflict("it was told before")
    if one.word not in month.announced:
        try:
            commit(store.told(team, month.month, one, known), _told(team, terms, month, one, now, refused=True))
        except (Conflict, Retryable):
            return  # somebody else told it, or the next refusal will


# ---- looking ---------------------------------------------------------------------------------------------------------------


def limits_of(team: str) -> Quotas:
    """A team's quotas: what an admin decided for it, else what the stage says."""
    return _limits(store.terms(team))


def usage(team: str) -> Usage:
    seen = store.usage(team)
    return Usage(team, len(seen.labs), limits_of(team).labs)


def used(team: str) -> quotas.Usage:
    """Which labs count, and what all of them hold."""
    return store.usage(team)


def held(team: str) -> list[Held]:
    """What each of the team's labs holds, and when it gives it back if that is known."""
    return store.held(team)


def month(team: str, now: datetime) -> tuple[Month, dict[str, Line]]:
    """This month's money: over all labs, and of each."""
    return store.month(team, budgets.month_of(now))


def month_that_stops(team: str, now: datetime) -> str:
    """The month whose spending has come to where the team's budget says stop; blank when it has not."""
    month, _ = store.month(team, budgets.month_of(now))
    stops = any(one.action is Reach.STOP for one in budgets.reached(store.terms(team).budget, month))
    return month.month if stops else ""


def reserved_labs(team: str) -> frozenset[str]:
    """The labs that hold a place, to compare with those that exist."""
    return store.usage(team).labs


def note_frees(team: str, lab_id: str, at: datetime | None, why: str) -> Write:
    """When a lab is going to give back what it holds, for people who wait for it."""
    return store.note_frees(team, lab_id, at, why)


# ---- putting right ---------------------------------------------------------------------------------------------------------


def set_aside(team: str) -> list[str]:
    """The labs for which money is set aside in any month that is remembered."""
    return store.set_aside(team)


def sums_are_right(team: str) -> bool:
    """Do the sums that admissions are judged by come to what the labs' lines say?"""
    return store.usage(team).holding == _summed(team)


def recount(team: str) -> None:
    """Make the sums what the lines say."""
    commit(store.recount(team, store.usage(team), _summed(team)))


def _summed(team: str) -> Holding:
    lines = [one.holding for one in store.held(team)]
    return Holding(*(sum(values) for values in zip(quotas.NOTHING, *lines, strict=True)))


# ---- inside ----------------------------------------------------------------------------------------------------------------


def _book(team: str, lab_id: str, now: datetime) -> Book:
    return store.book(team, lab_id, budgets.month_of(now), budgets.month_before(now))


def _limits(terms: Terms) -> Quotas:
    known = settings.current()
    stage = Quotas(known.max_labs_per_team, known.max_vcpus_per_team, known.max_gpus_per_team, known.max_storage_gb_per_team)
    own = {name: getattr(terms, name) for name in ("labs", *COUNTED) if getattr(terms, name) is not None}
    families = known.allowed_families if terms.families is None else terms.families
    return stage._replace(families=families, **own)


def _together(writes: Iterable[Write]) -> Write:
    """Several writes as one, for a caller that has room for one; it is refused with what the last to say anything says."""
    every = tuple(writes)

    def apply(transaction: object) -> None:
        for write in every:
            write.apply(transaction)  # type: ignore[arg-type]

    refused = [write.refused for write in every if write.refused and not isinstance(write.refused, store.Raced)]
    return Write(apply, refused[0] if refused else next((write.refused for write in every if write.refused), None))
