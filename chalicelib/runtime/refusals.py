"""Which of AWS's refusals pass with time, and which mean that the work is done already?"""

from __future__ import annotations

from types import TracebackType

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from chalicelib.runtime.aws import error_code
from chalicelib.runtime.errors import Retryable, StillThere

PASSING = frozenset(
    {
        "ConcurrentModification",
        "EC2ThrottledException",
        "IncorrectFileSystemLifeCycleState",
        "IncorrectInstanceState",
        "IncorrectMountTargetState",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "ServiceFailure",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "Unavailable",
    }
)
LEANED_ON = frozenset({"DependencyViolation", "DeleteConflict", "FileSystemInUse", "InvalidSnapshot.InUse", "ResourceInUse"})


class patiently:  # noqa: N801 - reads as a word: with patiently():
    """Refusals named `fine` are passed over; those that pass with time become Retryable, of a part still in use StillThere."""

    def __init__(self, *fine: str) -> None:
        self.fine = fine

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        if isinstance(error, ConnectionError | HTTPClientError):
            raise Retryable(f"AWS could not be reached: {error}") from error
        if not isinstance(error, ClientError):
            return False
        code = error_code(error)
        if code in self.fine:
            return True
        if code in LEANED_ON:
            raise StillThere(f"something still leans on it: {error}") from error
        if code in PASSING or "instance profile" in str(error).lower():
            raise Retryable(str(error)) from error
        return False
