"""May the holder of this ticket in? The control plane signed it for one person, one lab, two minutes, one use (JWT, HS256).

Keeps true: a ticket is written down as used, on disk, before it opens anything, so neither a replay nor a restart of the
hub lets it in again; a ticket made before its person was removed from the lab is worth nothing. Refusals form one flat
family: TicketRefused with the reason missing | expired | used | foreign | viewer | removed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import jwt
from jwt.types import Options

from aws_research_wizard.host import files
from aws_research_wizard.host.people import People

LEEWAY_SECONDS = 10
"""How far the control plane's clock and ours may differ."""


class Reason(StrEnum):
    """Why a ticket does not open the door."""

    MISSING = "missing"
    EXPIRED = "expired"
    USED = "used"
    FOREIGN = "foreign"
    VIEWER = "viewer"
    REMOVED = "removed"


class TicketRefused(Exception):  # noqa: N818
    """The ticket does not open this lab; `person` is known when the signature was good."""

    def __init__(self, reason: Reason, person: str = "") -> None:
        super().__init__(reason)
        self.reason, self.person = reason, person


@dataclass(frozen=True)
class Ticket:
    """What a good ticket says; times are seconds since 1970."""

    person: str
    role: str
    ticket_id: str
    issued: float
    expires: float


def read(text: str, key: bytes, lab_id: str, now: float) -> Ticket:
    """Return the ticket, or raise TicketRefused when it is not this lab's or its time is over."""
    if not text:
        raise TicketRefused(Reason.MISSING)
    try:
        options: Options = {
            "require": ["sub", "lab", "exp", "iat", "jti"],
            "verify_aud": False,
            "verify_exp": False,
            "verify_iat": False,
        }
        claims = jwt.decode(text, key, algorithms=["HS256"], options=options)
    except jwt.InvalidTokenError:
        raise TicketRefused(Reason.FOREIGN) from None
    return _checked(claims, lab_id, now)


def _checked(claims: Mapping[str, object], lab_id: str, now: float) -> Ticket:
    try:
        issued, expires = float(str(claims["iat"])), float(str(claims["exp"]))
    except ValueError:
        raise TicketRefused(Reason.FOREIGN) from None
    ticket = Ticket(str(claims["sub"]).lower(), str(claims.get("role", "member")), str(claims["jti"]), issued, expires)
    if claims["lab"] != lab_id or claims.get("aud", lab_id) != lab_id:
        raise TicketRefused(Reason.FOREIGN)
    if now > ticket.expires + LEEWAY_SECONDS:
        raise TicketRefused(Reason.EXPIRED, ticket.person)
    return ticket


def admit(ticket: Ticket, people: People) -> None:
    """Raise TicketRefused when the person may not work in this lab."""
    if ticket.role == "viewer":
        raise TicketRefused(Reason.VIEWER, ticket.person)
    if ticket.issued + LEEWAY_SECONDS < people.removed.get(ticket.person, 0.0):
        raise TicketRefused(Reason.REMOVED, ticket.person)


class Used:
    """The tickets that were used and have not yet expired."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._until: dict[str, float] = {str(key): float(value) for key, value in (files.read_json(path) or {}).items()}

    def take(self, ticket: Ticket, now: float) -> None:
        """Write the ticket down as used; raise TicketRefused when it already was."""
        if ticket.ticket_id in self._until:
            raise TicketRefused(Reason.USED, ticket.person)
        alive = {key: until for key, until in self._until.items() if until + LEEWAY_SECONDS >= now}
        alive[ticket.ticket_id] = ticket.expires
        files.write_json(self._path, alive)
        self._until = alive
