"""The routes by which another pack comes into a running lab, and goes again."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.labs import activating
from chalicelib.labs.models import LabView
from chalicelib.labs.pack_models import ActivateRequest
from chalicelib.labs.replies import accepted, again
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, LimitReached, NotFound
from chalicelib.runtime.http import Call, Door, Reply

bp = Blueprint(__name__)
door = Door(bp, "labs", authenticate)
People = Call[Principal]


@door.post(
    "/labs/{lab_id}/packs",
    summary="Activate a pack in a lab",
    body=ActivateRequest,
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(BadInput, NotFound, Forbidden, Conflict, LimitReached),
    replay=again,
)
def activate_pack(call: People) -> Reply:
    """Its kernels come while people work: watch `Location` until it is ready or failed. A stopped lab gets them at its start."""
    asked: ActivateRequest = call.body
    return accepted(activating.activate(call.path["lab_id"], asked.pack, asked.kernels, Asking.of(call)))


@door.delete(
    "/labs/{lab_id}/packs/{pack}",
    summary="Take a pack out of a lab",
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=again,
)
def deactivate_pack(call: People) -> Reply:
    """Its kernels are no longer offered; those that run go on, notebooks stay. Of one that failed, the cause is forgotten."""
    return accepted(activating.deactivate(call.path["lab_id"], call.path["pack"], Asking.of(call)))
