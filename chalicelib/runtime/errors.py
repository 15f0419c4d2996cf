# ruff: noqa: N818 - the names are read by people and by ErrorEquals in the state machines
"""Which failures can a caller meet, and what does each mean to them?

    AppError                    answered as {code, message, hint} with its HTTP status
    ├── BadInput          400   the request cannot be understood
    ├── Unauthenticated   401   no token, a wrong one, or an expired one
    ├── Forbidden         403   known, but not allowed
    ├── NotFound          404   does not exist, or not for you
    ├── Conflict          409   the thing is in another state than the request assumes
    │   ├── LimitReached        a quota stands in the way
    │   │   └── BudgetExceeded  the team's budget for the month does
    │   └── RequestReplayed     the Idempotency-Key was used before (the door answers what it answered then)
    ├── TooLarge          413   the body is too big
    ├── UnsupportedMedia  415   the body is not JSON
    ├── Unprocessable     422   JSON, but not the shape that was asked for
    ├── Unavailable       503   busy or away: the same request may succeed later
    └── TaskError               raised in state machine tasks; ASL's ErrorEquals is the name of the class
        ├── Retryable           try the same task again
        ├── NoCapacity          no instance type of the list could be had
        ├── ImageGone           the image that a machine was to start from is not there any more
        ├── MachineFailed       the machine said that it cannot become ready
        ├── PackBroken          the pack cannot be turned into an install plan
        ├── StillThere          something that was removed can still be seen
        └── Superseded          the subject moved on: stop quietly

A message says what is wrong in the words of the person who reads it; a hint says what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class AppError(Exception):
    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "failed"

    def __init__(self, message: str, hint: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code


class BadInput(AppError):
    status = 400
    default_code = "bad_input"


class Unauthenticated(AppError):
    status = 401
    default_code = "unauthenticated"


class Forbidden(AppError):
    status = 403
    default_code = "forbidden"


class NotFound(AppError):
    status = 404
    default_code = "not_found"


class Conflict(AppError):
    status = 409
    default_code = "conflict"


class LimitReached(Conflict):
    default_code = "limit_reached"


class BudgetExceeded(LimitReached):
    default_code = "budget_exceeded"


class RequestReplayed(Conflict):
    default_code = "request_replayed"


class TooLarge(AppError):
    status = 413
    default_code = "too_large"


class UnsupportedMedia(AppError):
    status = 415
    default_code = "unsupported_media"


class Unprocessable(AppError):
    status = 422
    default_code = "unprocessable"


class Unavailable(AppError):
    status = 503
    default_code = "unavailable"


class TaskError(AppError):
    default_code = "task_failed"


class Retryable(TaskError):
    status = 503


class NoCapacity(TaskError):
    default_code = "no_capacity"


class ImageGone(TaskError):
    default_code = "image_gone"


class MachineFailed(TaskError):
    default_code = "machine_failed"


class PackBroken(TaskError):
    default_code = "pack_broken"


class StillThere(TaskError):
    default_code = "still_there"


class Superseded(TaskError):
    status = 409
    default_code = "superseded"


def near_miss(word: str, known: Iterable[str]) -> str:
    """`did you mean 'genomics'?` for the closest known word; "" when none is close."""
    from difflib import get_close_matches  # only a caller who mistyped pays for it

    closest = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f"did you mean '{closest[0]}'?" if closest else ""
