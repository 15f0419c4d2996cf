"""Routes of a lab's lasting address.

The page itself is open to all and says nothing of any lab; looking at it changes nothing, so that link previews and crawlers
never start one. What it shows and does, it asks for with its reader's wake key.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from importlib.resources import files

from chalice.app import Blueprint

from chalicelib.labs.models import LoginView
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import Conflict, Forbidden, LimitReached, NotFound
from chalicelib.runtime.http import Call, Door, Reply
from chalicelib.wake import service
from chalicelib.wake.models import OpenView, WakeKeyView

bp = Blueprint(__name__)
open_to_all: Door[None] = Door(bp, "wake")
with_key = Door(bp, "wake", service.knock, security="wake_key", name="wake link")
people = Door(bp, "wake", authenticate)
QUIET = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}
INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@open_to_all.get("/open/{lab_id}", summary="A lab's page", status=200, media="text/html; charset=utf-8")
def open_page(_call: Call[None]) -> Reply:
    """The same for every lab, also for one that does not exist; it asks for the rest with a key."""
    page, policy = _page()
    return Reply(text=page, headers={"Content-Security-Policy": policy, **QUIET})


@with_key.post("/open/{lab_id}/look", summary="How the lab is, for its page", reply=OpenView, errors=(NotFound,))
def look_at_lab(call: Call[Principal]) -> OpenView:
    return OpenView.of(service.look(call.principal, call.path["lab_id"]))


@with_key.post(
    "/open/{lab_id}/start",
    summary="Start the lab from its page",
    reply=OpenView,
    status=202,
    errors=(NotFound, Forbidden, Conflict, LimitReached),
    replay=lambda call, answer: OpenView.of(service.look(call.principal, answer["lab_id"])),
)
def wake_lab(call: Call[Principal]) -> OpenView:
    """Once, however many ask; a lab that runs or is on its way is left alone."""
    return OpenView.of(service.start(call.path["lab_id"], Asking.of(call)))


@with_key.post(
    "/open/{lab_id}/enter", summary="From its page into the lab", reply=LoginView, errors=(NotFound, Forbidden, Conflict)
)
def enter_lab(call: Call[Principal]) -> LoginView:
    return LoginView.of(service.enter(call.path["lab_id"], Asking.of(call)))


@people.post(
    "/labs/{lab_id}/wake-key",
    summary="My key of a lab's page",
    reply=WakeKeyView,
    status=201,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=lambda _call, answer: WakeKeyView(path=f"/open/{answer['lab_id']}", key=None, expires_at=None),
)
def give_wake_key(call: Call[Principal]) -> Reply:
    """For me alone. The one I had before counts no more."""
    secret, key = service.give(call.path["lab_id"], Asking.of(call))
    return Reply(WakeKeyView.of(key, secret), location=f"/open/{key.lab_id}")


@people.delete(
    "/labs/{lab_id}/wake-key", summary="Take my key of a lab's page back", status=204, scope="labs:write", errors=(NotFound,)
)
def take_wake_key_back(call: Call[Principal]) -> None:
    service.take_back(call.path["lab_id"], Asking.of(call))


@lru_cache(maxsize=1)
def _page() -> tuple[str, str]:
    """The page, and the policy that lets exactly its own script and style run, and nothing be loaded from anywhere."""
    page = (files("chalicelib.wake") / "page.html").read_text(encoding="utf-8")
    allowed = {kind: f"'sha256-{_hash(text)}'" for kind, text in INLINE.findall(page)}
    rules = ("default-src 'none'", f"script-src {allowed['script']}", f"style-src {allowed['style']}", "connect-src 'self'")
    return page, "; ".join((*rules, "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"))


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
