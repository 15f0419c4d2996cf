"""Who sees what of the costs? A report is read from the days that are kept, and from the facts for what happened since.

A member sees what a lab costs, and their own share of it; a lead everything of their teams; an admin everything. Whoever may not
see a lab is not told that it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from chalicelib.cost import figures, meter, service, store
from chalicelib.cost.answers import LabCost, Report, Wanted
from chalicelib.cost.figures import By, Entry, Row
from chalicelib.cost.prices import Book, looked
from chalicelib.cost.rules import State, day_of, ends, month_of
from chalicelib.cost.store import Day
from chalicelib.labs import service as labs
from chalicelib.labs.rules import Lab
from chalicelib.people import rules as people
from chalicelib.people.rules import Action, LabRole, Principal, Role
from chalicelib.runtime.errors import BadInput, Forbidden, NotFound

LONGEST = timedelta(days=400)
LIVE = 40  # labs that are metered up to now for one report; of more, what the last hour's run knew


# ---- one lab -------------------------------------------------------------------------------------------------------------


def of_lab(who: Principal, lab_id: str, now: datetime) -> LabCost:
    role = _role(who, lab_id)
    book, today = Book(), day_of(now)
    state, fresh = service.lately(lab_id, now, book)
    first = min(today.replace(day=1), today - figures.USUAL)
    days = {**store.days(lab_id, first, today, consistent=False), **{day: one for day, one in fresh.items() if day >= first}}
    month = meter.added(one.cells for one in days.values() if month_of(one.day) == month_of(today))
    hour = meter.per_hour(state, book, now)
    rate = None if hour is None else Decimal(hour.numerator) / Decimal(hour.denominator)
    spent = {day: meter.spent(one.cells) for day, one in days.items()}
    return LabCost(
        state=state,
        at=now,
        today=days[today].cells if today in days else {},
        month=month,
        per_hour=rate,
        forecast=figures.forecast(spent, state, rate, now),
        days=tuple(days.values()),
        sees_all=_sees_all(who, state, role),
        me=who.email,
        notes=(*figures.unpriced(month, [state]), *_said(now)),
    )


def _role(who: Principal, lab_id: str) -> LabRole | None:
    """This person's role in a lab that they may see; of a lab that is forgotten the ledger still knows whose it was."""
    try:
        return labs.visible(who, lab_id).role
    except NotFound:
        state = store.head(lab_id).state
        if not state.domain or not _sees_all(who, state):  # of a bake there is no other record of whose it was: it is the stage's
            raise
        return LabRole.LEAD


def _sees_all(who: Principal, state: State, role: LabRole | str | None = None) -> bool:
    return people.may(who, Action.SEE_SHARES, state.owner, role, state.team).allowed


def _said(now: datetime) -> list[str]:
    note = looked(now)
    return [note] if note else []


# ---- many labs -----------------------------------------------------------------------------------------------------------


def checked(by: By, first: date | None, last: date | None, lab: str, team: str, now: datetime) -> Wanted:
    """The span that is meant; left out: this month until today. BadInput when it makes no sense."""
    last = last or (day_of(now) if first is None or first <= day_of(now) else first)
    first = first or last.replace(day=1)
    if first > last:
        raise BadInput(f"from {first} is after to {last}", "days are UTC, both are included: --from 2026-11-01 --to 2026-11-30")
    if last - first > LONGEST:
        raise BadInput(f"from {first} to {last} is more than {LONGEST.days} days", "ask for a year at a time")
    return Wanted(by, first, last, lab, team)


def report(who: Principal, wanted: Wanted, now: datetime) -> Report:
    """What this person may see of what they ask."""
    days = list(_fresh(_days(who, wanted), wanted, now))
    roles = {lab.id: role for lab, role in _roles(who)} if who.role is not Role.ADMIN else {}
    entries = [Entry(one.at, one.day, one.cells, who.email, _sees_all(who, one.at, roles.get(one.lab))) for one in days]
    rows, total = figures.rows(entries, wanted.by)
    return _report(wanted, rows, total, days, now)


def mine(who: Principal, wanted: Wanted, now: datetime) -> Report:
    """A person's own share in all labs in which they had a server."""
    found = store.worked_in(who.email, wanted.first, wanted.last)
    days = list(_fresh((one for lab in found for one in store.days(lab, wanted.first, wanted.last).values()), wanted, now))
    rows, total = figures.mine([Entry(one.at, one.day, one.cells, who.email) for one in days], who.email)
    return _report(wanted, rows, total, days, now)


def _report(wanted: Wanted, rows: Iterable[Row], total: Row, days: list[Day], now: datetime) -> Report:
    lacking = figures.unpriced(meter.added(one.cells for one in days), [one.at for one in days])
    last = max((one.day for one in days), default=None)
    up_to = min((one.until for one in days if one.day == last and one.at.costs), default=now)
    return Report(wanted, tuple(rows), total, tuple(days), up_to, (*lacking, *_said(now)))


def _days(who: Principal, wanted: Wanted) -> Iterator[Day]:
    if wanted.lab:
        _role(who, wanted.lab)
        found: Iterable[Day] = store.days(wanted.lab, wanted.first, wanted.last).values()
        yield from (one for one in found if wanted.team in ("", one.at.team))
    elif who.role is Role.ADMIN:
        yield from store.days_of_team(wanted.team, wanted.first, wanted.last)
    else:
        yield from _own(who, wanted)


def _own(who: Principal, wanted: Wanted) -> Iterator[Day]:
    """A lead's teams; else the labs that somebody owns or belongs to. (Their share in labs they left is in `mine`.)"""
    if wanted.team and wanted.team not in who.teams:
        raise Forbidden(f"{who.email} does not belong to the team {wanted.team}", "leave --team out to see your own labs")
    leads = who.role is Role.LEAD
    seen = set()
    for team in (wanted.team,) if wanted.team else who.teams:
        for one in store.days_of_team(team, wanted.first, wanted.last):
            if leads or one.at.owner == who.email:
                seen.add((one.lab, one.day))
                yield one
    for lab in sorted(lab.id for lab in labs.listed(who)):
        for one in store.days(lab, wanted.first, wanted.last).values():
            if (one.lab, one.day) not in seen and wanted.team in ("", one.at.team):
                yield one


def _roles(who: Principal) -> Iterator[tuple[Lab, LabRole | None]]:
    """The labs that somebody sees, and as what; a lead's own teams need no role."""
    for lab in labs.listed(who):
        own = lab.owner == who.email or (who.role is Role.LEAD and lab.team in who.teams)
        yield lab, LabRole.LEAD if own else labs.visible(who, lab.id).role


def _fresh(days: Iterable[Day], wanted: Wanted, now: datetime) -> Iterator[Day]:
    """The same, with the latest days of labs that still cost metered up to now."""
    known = {(one.lab, one.day): one for one in days}
    latest = {lab: max(day for one, day in known if one == lab) for lab, _ in known}
    end = min(ends(wanted.last), now)
    open_ = [lab for lab, day in latest.items() if known[lab, day].at.costs and known[lab, day].until < end]
    if len(open_) <= LIVE:
        book = Book()
        for lab in open_:
            _, fresh = service.lately(lab, now, book)
            known |= {(lab, day): one for day, one in fresh.items() if wanted.first <= day <= wanted.last}
    return iter(known.values())
