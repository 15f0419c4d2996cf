"""Routes about packs: which environments are there, and what is in this one?"""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.packs import service
from chalicelib.packs.models import PackList, PackQuery, PackSummaryView, PackView
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import NotFound
from chalicelib.runtime.http import Call, Door

bp = Blueprint(__name__)
door: Door[Principal] = Door(bp, "packs", authenticate)


@door.get("/packs", summary="Which packs are there?", reply=PackList, scope="packs:read")
def list_packs(_call: Call[Principal]) -> PackList:
    """All of them in short, by name."""
    return PackList(items=[PackSummaryView.of(pack) for pack in service.catalogue()])


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
    return PackView.of(service.resolve(call.path["name"]), resolved=call.query.resolved)
