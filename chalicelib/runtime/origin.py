"""Through which door did the present piece of work come in, and from where? Known to whatever is recorded meanwhile.

Set around every entry (`runtime.http`, `runtime.entries`) and read when a fact is recorded, so that no verb has to hand it on.
A token is named by its id; neither its secret nor its hash is ever here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

MOST = 60  # characters of a user agent that are kept: a fact stays under 1 KB


class Origin(NamedTuple):
    """Blank fields are not known, or make no sense for this door."""

    door: str = ""  # api, machine, workflow, reaction, schedule, operator
    ip: str = ""  # whence the request came, as the gateway saw it
    agent: str = ""  # what the caller says it is
    token: str = ""  # the id of the token that opened the door
    function: str = ""  # which function did the work, where no person asked
    request: str = ""  # AWS's id of the invocation, where no person asked

    def told(self) -> dict[str, str]:
        """What is known of it."""
        return {name: value for name, value in self._asdict().items() if value}


UNKNOWN = Origin()
_present: ContextVar[Origin] = ContextVar("origin", default=UNKNOWN)


def present() -> Origin:
    return _present.get()


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Whatever is recorded in this block came from there."""
    token = _present.set(origin)
    try:
        yield
    finally:
        _present.reset(token)
