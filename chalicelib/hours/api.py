"""Routes about timetables: when does a lab stop and start by itself?"""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.hours import service
from chalicelib.hours.models import HoursRequest, HoursView
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.runtime.http import Call, Door

bp = Blueprint(__name__)
door = Door(bp, "labs", authenticate)
People = Call[Principal]


def _asking(call: People) -> Asking:
    return Asking(call.principal, call.now, call.correlation_id, call.request_key)


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
    return HoursView.of(service.put(call.path["lab_id"], call.body.table(), _asking(call)))


@door.delete(
    "/labs/{lab_id}/hours",
    summary="Take a lab's timetable away",
    status=204,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
)
def delete_hours(call: People) -> None:
    service.take_away(call.path["lab_id"], _asking(call))
