"""Is the API there, and what can be asked of it? Open to everyone."""

from __future__ import annotations

from importlib.resources import files

from chalice.app import Blueprint

from chalicelib.runtime import settings
from chalicelib.runtime.http import Call, Door, Reply
from chalicelib.runtime.shapes import Told

bp = Blueprint(__name__)
door: Door[None] = Door(bp, "service")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # the page brings its style and needs nothing else


class Health(Told):
    status: str
    stage: str
    access_mode: str


@door.get("/health", summary="Is the API there?", reply=Health)
def health(_call: Call[None]) -> Health:
    """Answers without touching anything else, so that it says only that the API itself is up."""
    known = settings.current()
    return Health(status="ok", stage=known.stage, access_mode=known.access_mode)


@door.get("/openapi.json", summary="This API as an OpenAPI 3.1 document", status=200)
def openapi_document(_call: Call[None]) -> Reply:
    return Reply(text=_shipped("openapi.json"), headers={"Access-Control-Allow-Origin": "*"})


@door.get("/docs", summary="This API as a page to read", status=200, media="text/html; charset=utf-8")
def docs_page(_call: Call[None]) -> Reply:
    return Reply(text=_shipped("docs.html"), headers={"Content-Security-Policy": POLICY})


def _shipped(name: str) -> str:
    return (files("chalicelib.runtime") / name).read_text(encoding="utf-8")
