"""What may the cloud on this machine forget, so that it does not grow for ever?

AWS forgets, too: an ended execution after 90 days, a terminated instance after about an hour, log lines by their group's
retention. Here the times are shorter and there is a bound on the number. Keeps true: what runs, and what ended less than an
hour ago, is never forgotten, so that nobody who still asks for it misses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

EVERY_SECONDS = 300.0
LATELY = timedelta(hours=1)
EXECUTION_DAYS = timedelta(days=7)
EXECUTIONS = 500
LINES = 5_000
INSTANCES = 50
TOKEN_HOURS = timedelta(hours=24)


def ended_executions(executions: Mapping[Any, Mapping[str, Any]], now: datetime) -> list[Any]:
    """Keys of the executions to forget: ended for long, or more than there is room for, the oldest first."""
    ended = [(_moment(one["stopDate"]), key) for key, one in list(executions.items()) if one.get("stopDate")]
    return _beyond(ended, now, EXECUTION_DAYS, EXECUTIONS)


def ended_instances(ended: Mapping[str, datetime], now: datetime) -> list[str]:
    """Ids of the terminated instances to forget; EC2 shows one for about an hour."""
    return _beyond([(moment, name) for name, moment in ended.items()], now, LATELY, INSTANCES)


def _beyond(ended: Iterable[tuple[datetime, Any]], now: datetime, kept: timedelta, most: int) -> list[Any]:
    newest_first = sorted(ended, key=lambda one: one[0], reverse=True)
    return [
        key
        for place, (moment, key) in enumerate(newest_first)
        if now - moment >= LATELY and (now - moment > kept or place >= most)
    ]


def _moment(text: Any) -> datetime:
    if isinstance(text, int | float):
        return datetime.fromtimestamp(text, UTC)
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def log_lines(events: list[dict[str, Any]], days: int | None, now: datetime) -> int:
    """How many of a stream's oldest lines to forget: beyond its group's retention, or beyond the bound."""
    oldest = (now - timedelta(days=days)).timestamp() * 1000 if days else 0
    expired = next((place for place, one in enumerate(events) if one["timestamp"] >= oldest), len(events))
    return max(expired, len(events) - LINES)


def prune_emulator(now: datetime) -> int:
    """Forget what the emulator may; returns how much that was."""
    from ministack.services import cloudwatch_logs, stepfunctions

    executions = stepfunctions._executions._data
    gone = ended_executions(executions, now)
    for key in gone:
        executions.pop(key, None)
    lines = 0
    with cloudwatch_logs._log_events_lock:
        for group in list(cloudwatch_logs._log_groups._data.values()):
            for stream in list(group["streams"].values()):
                if dropped := log_lines(stream["events"], group.get("retentionInDays"), now):
                    stream["events"] = stream["events"][dropped:]
                    lines += dropped
    return len(gone) + lines
