"""How do we speak to AWS? One botocore session per process, one client per service, each made on first use.

Nothing is imported here before a client is asked for: a handler that never calls AWS starts without botocore.
The session is botocore's own (what boto3 wraps): the same clients, without boto3's share of a cold start.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from chalicelib.runtime import settings

if TYPE_CHECKING:
    from botocore.session import Session

BUSY = frozenset(  # AWS cannot now: whichever service says it, the same call may succeed later
    {
        "InternalFailure",
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


@lru_cache(maxsize=1)
def session() -> Session:
    """botocore's session; it believes that a service exists instead of listing the folders of all 400 of them each time."""
    from botocore.loaders import create_loader
    from botocore.session import get_session

    made = get_session()
    loader: Any = create_loader(made.get_config_variable("data_path"))
    loader.list_available_services = lambda _type_name: _Everything()
    made.register_component("data_loader", loader)
    return made


class _Everything:
    """What contains every name; loading a service that does not exist still fails, one step later."""

    def __contains__(self, _name: object) -> bool:
        return True


@lru_cache(maxsize=32)
def client(service: str, region: str = "") -> Any:
    """The client of one service (here, or in another region), with retries and time-outs that fit inside a Lambda's own."""
    from botocore.config import Config

    config = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=5, read_timeout=20)
    return session().create_client(service, region_name=region or settings.current().region, config=config)


def error_code(error: Exception) -> str:
    """AWS's name of a ClientError (`InsufficientInstanceCapacity`); "" for any other exception."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def passing(error: Exception) -> bool:
    """Does this failure pass with time: nobody answered, or AWS was asked too often? pynamodb keeps the true error as `cause`."""
    from botocore.exceptions import ConnectionError, HTTPClientError

    cause = getattr(error, "cause", None) or error
    return isinstance(cause, ConnectionError | HTTPClientError) or error_code(cause) in BUSY


def forget() -> None:
    """Drop every cached client and the session (tests)."""
    client.cache_clear()
    session.cache_clear()
