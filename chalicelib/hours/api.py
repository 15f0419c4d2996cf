"""Routes about timetables: when does a lab stop and start by itself?"""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.hours import service
from chalicelib.hours.models import HoursRequest, HoursView, TeamHoursView
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Action, Principal, checked_team
from chalicelib.people.service import authenticate, require
from chalicelib.runtime.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.runtime.http import Call, Door

bp = Blueprint(__name__)
door = Door(bp, "labs", authenticate)
People = Call[Principal]


@door.get("/labs/{lab_id}/hours", summary="A lab's timetable", reply=HoursView, scope="labs:read", errors=(NotFound,))
def get_hours(call: People) -> HoursView:
    return HoursView.of(service.of(call.principal, call.path["lab_id"]))


@door.put(
    "/labs/{lab_id}/hours",
    summary="Set a lab's timetable",
    body=HoursRequest,
    reply=HoursView,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict, Unprocessable),
    replay=lambda call, answer: HoursView.of(service.of(call.principal, answer["lab_id"])),
)
def put_hours(call: People) -> HoursView:
    """Local times of a zone; an hour that the clock skips comes at the first moment after, one it shows twice the first time."""
    return HoursView.of(service.put(call.path["lab_id"], call.body.table(), Asking.of(call)))


@door.delete(
    "/labs/{lab_id}/hours",
    summary="Take a lab's timetable away",
    status=204,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
)
def delete_hours(call: People) -> None:
    service.take_away(call.path["lab_id"], Asking.of(call))


# ---- a team's ------------------------------------------------------------------------------------------------------------


@door.get("/hours/{team}", summary="A team's timetable", reply=TeamHoursView, scope="labs:read", errors=(NotFound, Forbidden))
def get_team_hours(call: People) -> TeamHoursView:
    return TeamHoursView.of(service.team_hours(_team(call, Action.SEE_TEAM)))


@door.put(
    "/hours/{team}",
    summary="Set a team's timetable",
    body=HoursRequest,
    reply=TeamHoursView,
    scope="labs:write",
    errors=(Forbidden, Conflict, Unprocessable),
    replay=lambda _call, answer: TeamHoursView.of(service.team_hours(answer["team"])),
)
def put_team_hours(call: People) -> TeamHoursView:
    """For admins and whoever leads the team. Every lab of the team keeps it, now and to come, unless it has its own."""
    return TeamHoursView.of(service.put_for_team(_team(call, Action.SET_HOURS), call.body.table(), Asking.of(call)))


@door.delete(
    "/hours/{team}",
    summary="Take a team's timetable away",
    status=204,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
)
def delete_team_hours(call: People) -> None:
    service.take_from_team(_team(call, Action.SET_HOURS), Asking.of(call))


def _team(call: People, action: Action) -> str:
    team = checked_team(call.path["team"])
    require(call.principal, action, team)
    return team
