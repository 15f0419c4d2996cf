"""What did a lab's machine write? Its own stream in the stage's log group."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib.runtime import aws
from chalicelib.runtime.refusals import patiently


@dataclass(frozen=True)
class Line:
    at: datetime
    text: str


def read(
    group: str, stream: str, token: str | None, limit: int, newest_first: bool = False
) -> tuple[tuple[Line, ...], str | None]:
    """Lines in the order asked for and the token to go on from; nothing when the stream does not exist (yet)."""
    more = {"nextToken": token} if token else {}
    following = "nextBackwardToken" if newest_first else "nextForwardToken"
    with patiently("ResourceNotFoundException"):
        page = aws.client("logs").get_log_events(
            logGroupName=group, logStreamName=stream, startFromHead=not newest_first, limit=limit, **more
        )
        lines = tuple(Line(_moment(one["timestamp"]), one["message"]) for one in page["events"])
        ended = not lines or page.get(following) == token
        return lines[::-1] if newest_first else lines, None if ended else page.get(following)
    return (), None


def streams(group: str, most: int = 1000) -> list[str]:
    """The names of the streams; nothing when there is no such group."""
    found: list[str] = []
    with patiently("ResourceNotFoundException"):
        for page in aws.client("logs").get_paginator("describe_log_streams").paginate(logGroupName=group):
            found += [one["logStreamName"] for one in page["logStreams"]]
            if len(found) >= most:
                break
    return found


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
