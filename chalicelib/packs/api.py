"""Routes about packs: which environments are there, and what is in this one?"""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.packs import service
from chalicelib.packs.models import (
    OwnPackView,
    PackList,
    PackQuery,
    PackRequest,
    PackSummaryView,
    PackUploadList,
    PackUploadRequest,
    PackUploadView,
    PackView,
)
from chalicelib.people.rules import Action, Principal, Role, checked_team
from chalicelib.people.service import authenticate, require
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, NotFound, Unprocessable
from chalicelib.runtime.http import Call, Door

bp = Blueprint(__name__)
door: Door[Principal] = Door(bp, "packs", authenticate)


@door.get("/packs", summary="Which packs are there?", reply=PackList, scope="packs:read")
def list_packs(_call: Call[Principal]) -> PackList:
    """Those that are shipped in short, by name; then the teams' own."""
    own = [PackSummaryView.of(pack, one) for one, pack in service.teams_own()]
    return PackList(items=[*(PackSummaryView.of(pack) for pack in service.catalogue()), *own])


@door.get(
    "/packs/{name}",
    summary="What does a pack give a lab?",
    query=PackQuery,
    reply=PackView,
    scope="packs:read",
    errors=(NotFound,),
)
def get_pack(call: Call[Principal]) -> PackView:
    """Everything it extends is merged in."""
    return PackView.of(service.newest(call.path["name"]), resolved=call.query.resolved)


# ---- a team's own ----------------------------------------------------------------------------------------------------------


@door.post(
    "/packs/uploads",
    summary="Where to put the files of a team's own pack",
    body=PackUploadRequest,
    reply=PackUploadList,
    scope="labs:write",
    errors=(BadInput, Forbidden),
)
def offer_pack_uploads(call: Call[Principal]) -> PackUploadList:
    """Then name all of them at `/packs`."""
    require(call.principal, Action.MANAGE_PACKS, call.principal.team)
    asked: PackUploadRequest = call.body
    return PackUploadList(items=[PackUploadView.of(service.offer(one.name, one.size, one.sha256)) for one in asked.files])


@door.post(
    "/packs",
    summary="Add a team's own pack",
    body=PackRequest,
    reply=OwnPackView,
    status=201,
    scope="labs:write",
    errors=(BadInput, Forbidden, Conflict, Unprocessable),
    replay=lambda call, _: _added(call),
)
def add_pack(call: Call[Principal]) -> OwnPackView:
    """For admins and whoever leads the team. New labs get this version; labs that are there keep theirs."""
    return _added(call)


@door.delete(
    "/packs/{name}",
    summary="Remove a team's own pack",
    status=204,
    scope="labs:write",
    errors=(BadInput, Forbidden, NotFound, Conflict),
)
def remove_pack(call: Call[Principal]) -> None:
    """Refused while a lab uses it."""
    require(call.principal, Action.MANAGE_PACKS, call.principal.team)
    service.remove(call.path["name"], _asking(call))


def _added(call: Call[Principal]) -> OwnPackView:
    asked: PackRequest = call.body
    team = checked_team(asked.team) if asked.team else call.principal.team
    require(call.principal, Action.MANAGE_PACKS, team)
    files = {one.name: one.sha256 for one in asked.files}
    if len(files) != len(asked.files):
        raise BadInput("two files have one name", "name each file once")
    return OwnPackView.of(service.add(asked.name, team, files, _asking(call)))


def _asking(call: Call[Principal]) -> service.Asking:
    who = call.principal
    teams = None if who.role is Role.ADMIN else frozenset(who.teams)
    return service.Asking(who.email, call.now, call.correlation_id, teams, call.request_key)
