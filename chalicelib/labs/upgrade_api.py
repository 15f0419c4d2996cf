"""The route by which a lab gets the newest release."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.labs import access, upgrading
from chalicelib.labs.models import LabView
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import Conflict, Forbidden, NotFound
from chalicelib.runtime.http import Call, Door, Reply

bp = Blueprint(__name__)
door = Door(bp, "labs", authenticate)
People = Call[Principal]


def _again(call: People, answer: dict[str, str]) -> Reply:
    """A repeated request: the same lab, as it is now."""
    found = access.find(call.principal, answer["lab_id"])
    return Reply(LabView.found(found), location=f"/labs/{found.lab.id}", status=202)


@door.post(
    "/labs/{lab_id}/upgrade",
    summary="Bring a lab to the newest release",
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=_again,
)
def upgrade_lab(call: People) -> Reply:
    """While people work, if it runs: watch `Location` until `upgrading` is null. At its next start, if it is stopped."""
    asking = Asking(call.principal, call.now, call.correlation_id, call.request_key)
    lab = upgrading.ask(call.path["lab_id"], asking)
    return Reply(LabView.of(lab), location=f"/labs/{lab.id}", status=202)
