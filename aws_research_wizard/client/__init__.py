"""The control plane's client for programs. Names are imported when they are used: the command line must not pay for pydantic."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aws_research_wizard.client.errors import (
    ApiError,
    CannotReach,
    Conflict,
    Invalid,
    LabFailed,
    NoAnswerYet,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OverLimit,
    Unavailable,
    WizardError,
)

if TYPE_CHECKING:
    from aws_research_wizard.client.client import Client, Update
    from aws_research_wizard.client.mock import MockCloud

LATER = {"Client": "client", "Update": "client", "MockCloud": "mock"}

__all__ = [
    "ApiError",
    "CannotReach",
    "Client",
    "Conflict",
    "Invalid",
    "LabFailed",
    "MockCloud",
    "NoAnswerYet",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "OverLimit",
    "Unavailable",
    "Update",
    "WizardError",
]


def __getattr__(name: str) -> Any:
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
