"""Is the API there, and what can be asked of it? Open to everyone."""

from __future__ import annotations

from importlib.resources import files

from chalice.app import Blueprint, Response

from chalicelib.runtime import settings
from chalicelib.runtime.http import Call, Door
from chalicelib.runtime.shapes import Told

bp = Blueprint(__name__)
door: Door[None] = Door(bp, "service")
HTML = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


class Health(Told):
    status: str
    stage: str
    access_mode: str


@door.get("/health", summary="Is the API there?", reply=Health)
def health(_call: Call[None]) -> Health:
    """Answers without touching anything else, so that it says only that the API itself is up."""
    known = settings.current()
    return Health(status="ok", stage=known.stage, access_mode=known.access_mode)


@bp.route("/openapi.json", methods=["GET"], content_types=["*/*"])
def openapi_document() -> Response:
    return Response(_shipped("openapi.json"), {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"})


@bp.route("/docs", methods=["GET"], content_types=["*/*"])
def docs_page() -> Response:
    return Response(_shipped("docs.html"), HTML)


def _shipped(name: str) -> str:
    return (files("chalicelib.runtime") / name).read_text(encoding="utf-8")
