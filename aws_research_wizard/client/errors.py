"""What can go wrong when talking to the control plane, and what should the person do next?

    WizardError                       message, hint
    ├── CannotReach                   no answer at all: wrong URL, no network, cloud not running
    ├── NoAnswerYet                   a wait ran out of time; the lab itself goes on
    ├── LabFailed                     the lab one waited for ended FAILED (carries its id)
    └── ApiError                      an answer that says no: code, status, correlation_id
        ├── Invalid                   400 413 415 422   the request is wrong; sending it again will not help
        ├── NotSignedIn               401               no token, an expired one, or a revoked one
        ├── NotAllowed                403               signed in, but not permitted
        ├── NotFound                  404               no such thing, or not one you may see
        ├── Conflict                  409               the lab is not in a state for this
        │   └── OverLimit             409               the team has all the labs it may have
        └── Unavailable               429 5xx           the service cannot now; worth another try later

Every error has a message that says what happened and, where there is one, a hint that says what to do.
"""

# ruff: noqa: N818 (errors are named for what happened, as people say it)
from typing import Any


class WizardError(Exception):
    """Anything this package raises on purpose."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class CannotReach(WizardError):
    """No answer came back."""


class NoAnswerYet(WizardError):
    """A wait ran out of time."""


class LabFailed(WizardError):
    """The lab ended FAILED; `lab_id` names it."""

    def __init__(self, lab_id: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.lab_id = lab_id


class ApiError(WizardError):
    """The control plane said no."""

    def __init__(self, code: str, message: str, hint: str = "", status: int = 0, correlation_id: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
        self.status = status
        self.correlation_id = correlation_id


class Invalid(ApiError):
    """The request is wrong."""


class NotSignedIn(ApiError):
    """No valid token."""


class NotAllowed(ApiError):
    """Signed in, but not permitted."""


class NotFound(ApiError):
    """No such thing, or not one you may see."""


class Conflict(ApiError):
    """The lab is not in a state for this."""


class OverLimit(Conflict):
    """The team has all the labs it may have."""


class Unavailable(ApiError):
    """The service cannot now."""


BY_STATUS: dict[int, type[ApiError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: Unavailable,
}


def from_answer(status: int, body: Any, correlation_id: str = "") -> ApiError:
    """The error for a problem answer `{code, message, hint}`; an answer that is no such thing still becomes one."""
    problem = body if isinstance(body, dict) else {}
    code = str(problem.get("code") or f"http_{status}")
    message = str(problem.get("message") or f"the service answered {status}")
    hint = str(problem.get("hint") or _hint_for(status, correlation_id))
    return _kind(status, code)(code, message, hint, status, correlation_id)


def _kind(status: int, code: str) -> type[ApiError]:
    if status == 409 and "limit" in code:
        return OverLimit
    return BY_STATUS.get(status, Unavailable if status >= 500 else ApiError)


def _hint_for(status: int, correlation_id: str) -> str:
    if status == 401:
        return "sign in: aws-research-wizard login"
    if status >= 500 and correlation_id:
        return f"try again; if it stays, tell your administrator this number: {correlation_id}"
    return "try again in a moment" if status in (429, 502, 503, 504) else ""
