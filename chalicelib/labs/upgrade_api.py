"""The route by which a lab gets the newest release."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.labs import upgrading
from chalicelib.labs.models import LabView
from chalicelib.labs.replies import accepted, again
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import Conflict, Forbidden, NotFound
from chalicelib.runtime.http import Call, Door, Reply

bp = Blueprint(__name__)
door = Door(bp, "labs", authenticate)
People = Call[Principal]


@door.post(
    "/labs/{lab_id}/upgrade",
    summary="Bring a lab to the newest release",
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=again,
)
def upgrade_lab(call: People) -> Reply:
    """While people work, if it runs: watch `Location` until `upgrading` is null. At its next start, if it is stopped."""
    return accepted(upgrading.ask(call.path["lab_id"], Asking.of(call)))
