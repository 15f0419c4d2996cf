"""Routes about images: bake a pack, see how it goes, see what there is."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.images import service
from chalicelib.images.models import BakeRequest, ImageList, ImageQuery, ImageView
from chalicelib.images.rules import Bake
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, NotFound
from chalicelib.runtime.http import Call, Door, Reply

bp = Blueprint(__name__)
door = Door(bp, "images", authenticate)
People = Call[Principal]


def _baking(bake: Bake) -> Reply:
    return Reply(ImageView.of(bake), location=f"/images/{bake.id}", status=202)


def _baked_before(_call: People, answer: dict[str, str]) -> Reply:
    return _baking(service.image(answer["bake_id"]))


@door.post(
    "/images",
    summary="Bake a pack into an image",
    body=BakeRequest,
    reply=ImageView,
    status=202,
    scope="labs:write",
    errors=(BadInput, NotFound, Forbidden, Conflict),
    replay=_baked_before,
)
def create_image(call: People) -> Reply:
    """Watch `Location` until it is READY or FAILED. One bake of a pack at a time. For admins.

    Labs get the last good image meanwhile."""
    asked: BakeRequest = call.body
    return _baking(service.request_bake(call.principal, asked.pack, call.now, call.correlation_id, call.request_key))


@door.get("/images", summary="Baked images", query=ImageQuery, reply=ImageList, scope="packs:read", errors=(NotFound,))
def list_images(call: People) -> ImageList:
    """Of one pack the newest first; of all those under way, then those that labs get, then what is over."""
    asked: ImageQuery = call.query
    page = service.images(asked.pack or "", asked.cursor, asked.limit)
    return ImageList(items=[ImageView.of(one) for one in page.items], cursor=page.cursor)


@door.get("/images/{bake_id}", summary="One bake, and its image", reply=ImageView, scope="packs:read", errors=(NotFound,))
def get_image(call: People) -> ImageView:
    return ImageView.of(service.image(call.path["bake_id"]))
