"""What do questions and answers about timetables look like?"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from chalicelib.hours import rules
from chalicelib.hours.rules import Timetable
from chalicelib.hours.store import Hours, OfTeam
from chalicelib.runtime.shapes import Asked, Field, Told


class HoursRequest(Asked):
    stop: str = Field(default="", max_length=5, examples=["19:00"], description="Local time of day; blank: never")
    start: str = Field(default="", max_length=5, examples=["08:00"], description="Local time of day; blank: never")
    tz: str = Field(max_length=60, examples=["Europe/Berlin"], description="A time zone of IANA's")
    days: str = Field(default="all", max_length=60, examples=["mon-fri"])
    holidays: list[date] = Field(
        default_factory=list, max_length=rules.MOST_HOLIDAYS, description="Days on which it is not started"
    )
    grace_minutes: int = Field(default=0, ge=0, le=rules.MOST_GRACE, description="How long a stop waits for what works")
    notice_minutes: int = Field(default=rules.NOTICE, ge=1, le=rules.MOST_NOTICE, description="How long before people are told")

    def table(self) -> Timetable:
        return Timetable(
            self.tz,
            rules.checked_time(self.stop) if self.stop else None,
            rules.checked_time(self.start) if self.start else None,
            rules.checked_days(self.days),
            tuple(self.holidays),
            self.grace_minutes,
            self.notice_minutes,
        )


class TableView(Told):
    stop: str
    start: str
    tz: str
    days: str
    holidays: list[date]
    grace_minutes: int
    notice_minutes: int
    by: str
    set_at: datetime


class TeamHoursView(TableView):
    team: str

    @classmethod
    def of(cls, hours: OfTeam) -> TeamHoursView:
        return cls(team=hours.team, **_shown(hours))


class HoursView(TableView):
    lab_id: str
    team: str = Field(description="Whose timetable it keeps; blank: its own")
    next_stop: datetime | None
    next_start: datetime | None
    told: bool = Field(description="Were people told of the next stop?")

    @classmethod
    def of(cls, hours: Hours) -> HoursView:
        plan = hours.plan
        shown = _shown(hours) | {"next_stop": plan.stop_at, "next_start": plan.start_at, "told": plan.told}
        return cls(lab_id=hours.lab_id, team=hours.team, **shown)


def _shown(hours: Hours | OfTeam) -> dict[str, Any]:
    """What a lab's and a team's timetable have in common."""
    table = hours.table
    return {
        "stop": f"{table.stop:%H:%M}" if table.stop else "",
        "start": f"{table.start:%H:%M}" if table.start else "",
        "tz": table.zone,
        "days": rules.written_days(table.days),
        "holidays": list(table.holidays),
        "grace_minutes": table.grace_minutes,
        "notice_minutes": table.notice_minutes,
        "by": hours.by,
        "set_at": hours.set_at,
    }
