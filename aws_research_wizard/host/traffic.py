"""Which requests did a person cause, and who is connected? Counted by the proxy as they pass, asked by the agent.

An open tab asks for kernels, sessions and files all day long: that is nobody. A person is who writes (saves, uploads, starts or
ends something), who goes to a page, who takes a file, and whoever speaks without a browser about more than what tabs poll.

Keeps true: nothing is kept but moments and counts; times are told as ages. An upload counts while its bytes move.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

STALLED_SECONDS = 120.0
"""An upload whose bytes do not move for so long is no longer under way: whoever sent it has gone."""
LARGE = 64 * 1024
"""A body from this size on is an upload, whoever sends it."""
WRITES = ("POST", "PUT", "PATCH", "DELETE")
_PERSON = re.compile(r"^/user/([^/?]+)(/[^?]*)?")
_BY_ITSELF = re.compile(
    r"^/(lab/api/(workspaces|settings)|api/(me|events|collaboration)|lsp|wizard|static|custom|favicon|lab/(extensions|static|api))(/|$)"
)
"""What pages ask for and write by themselves: their layout, their settings, their parts."""
_POLLED = re.compile(r"^/(api(/|$)|lab/api/|terminals/websocket|metrics)")


def person_of(uri: str) -> str:
    """Return whose server an address leads to; blank when to none."""
    found = _PERSON.match(uri)
    return unquote(found[1]).lower() if found else ""


def caused(method: str, uri: str, headers: Mapping[str, str]) -> bool:
    """Say whether a person caused this request."""
    found = _PERSON.match(uri)
    path = unquote((found[2] if found else "") or "/")
    if not found or _BY_ITSELF.match(path) or headers.get("Upgrade", "").lower() == "websocket":
        return False
    if method in WRITES:
        return True
    if method != "GET":
        return False
    if headers.get("Sec-Fetch-Mode"):  # a browser says what it is about
        return headers["Sec-Fetch-Mode"] == "navigate"
    return not _POLLED.match(path)


def uploads(method: str, headers: Mapping[str, str]) -> bool:
    """Say whether a request brings data worth waiting for."""
    length = headers.get("Content-Length", "0")
    large = int(length) >= LARGE if length.isdigit() else False
    return method in WRITES and (large or "chunked" in headers.get("Transfer-Encoding", "").lower())


@dataclass
class Passage:
    """One request under way; `moved`: when its bytes last did."""

    person: str
    caused: bool
    upload: bool
    moved: float


@dataclass
class _Person:
    last: float | None = None
    sockets: int = 0
    passing: list[Passage] = field(default_factory=list)


class Traffic:
    """What passes the door now, and when each person was last heard."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._people: dict[str, _Person] = {}

    def begin(self, method: str, uri: str, headers: Mapping[str, str]) -> Passage | None:
        """Note a request whose headers have come; None when it leads to nobody's server or is a socket."""
        person = person_of(uri)
        if not person or headers.get("Upgrade", "").lower() == "websocket":
            return None
        passage = Passage(person, caused(method, uri, headers), uploads(method, headers), self._clock())
        self._of(person).passing.append(passage)
        self._heard(passage)
        return passage

    def moved(self, passage: Passage) -> None:
        """Note that bytes of a request came or went."""
        passage.moved = self._clock()
        self._heard(passage)

    def end(self, passage: Passage) -> None:
        """Note that a request is over; said twice it is heard once."""
        one = self._of(passage.person)
        if passage in one.passing:
            one.passing.remove(passage)
            self._heard(passage)

    def socket(self, uri: str, change: int) -> None:
        """Note a WebSocket that opened (1) or closed (-1)."""
        if person := person_of(uri):
            self._of(person).sockets = max(0, self._of(person).sockets + change)

    def told(self) -> dict[str, dict[str, Any]]:
        """Return `{person: {requests_s, uploads, connections}}`; `requests_s` is None before the first."""
        now = self._clock()
        return {person: _told(one, now) for person, one in self._people.items()}

    def _of(self, person: str) -> _Person:
        return self._people.setdefault(person, _Person())

    def _heard(self, passage: Passage) -> None:
        if passage.caused:
            self._of(passage.person).last = self._clock()


def _told(one: _Person, now: float) -> dict[str, Any]:
    alive = [passage for passage in one.passing if now - passage.moved <= STALLED_SECONDS]
    age = None if one.last is None else round(now - one.last, 1)
    return {"requests_s": age, "uploads": sum(passage.upload for passage in alive), "connections": one.sockets}
