"""In which ways can a call to AWS, or a whole delivery, go wrong?

at a call      fails      not done; nobody answers, however often the SDK asks again
               lost       done; the answer never arrives
               repeated   done; the answer is lost, the SDK sends the very same request again and gets the second answer
               throttled  not done; AWS says that it is asked too often
               dies       done; the process dies right after it   (after call -1: before its first call)
               stale      read only: the answer is from before the last change
               no_capacity   EC2 has no such machine now
between calls  twin       the same delivery runs in full, elsewhere, just before this call
               crossed    something else that may happen now happens in full just before this call
               swept      the reconciling schedule runs just before this call
               deleted    the owner deletes the lab just before this call
deliveries     twice      the delivery is delivered again after it was done
               reordered  something that was to come later comes first
"""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

AT_CALLS = ("fails", "lost", "repeated", "throttled", "dies", "stale", "no_capacity")
BETWEEN = ("twin", "crossed", "swept", "deleted")
OF_DELIVERIES = ("twice", "reordered")
KINDS = (*AT_CALLS, *BETWEEN, *OF_DELIVERIES)
READS = ("get_", "describe_", "list_", "head_", "query", "scan", "batch_get", "transact_get")
THROTTLED = {
    "ec2": "RequestLimitExceeded",
    "dynamodb": "ProvisionedThroughputExceededException",
    "iam": "Throttling",
    "route53": "Throttling",
    "s3": "SlowDown",
}


class Crash(BaseException):
    """The process died here."""


class Call(NamedTuple):
    """One call to AWS, before it is made."""

    service: str
    verb: str
    asked: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.service}:{self.verb}"

    @property
    def reads(self) -> bool:
        return self.verb.startswith(READS)


class Strike(NamedTuple):
    """One fault of a plan: at which call of the delivery, in which way; `other` is what `crossed` runs."""

    at: int
    kind: str
    other: str = ""


Plan = tuple[Strike, ...]


def refusal(code: str, message: str = "", verb: str = "Called", **more: Any) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": message or code}, **more}
    return ClientError(answer, verb)


def unreachable() -> Exception:
    return EndpointConnectionError(endpoint_url="https://aws.test")


def unanswered() -> Exception:
    return ReadTimeoutError(endpoint_url="https://aws.test")


def too_often(service: str) -> Exception:
    return refusal(THROTTLED.get(service, "ThrottlingException"), "too many requests")
