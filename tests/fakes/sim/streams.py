"""What does the stack connect? Tables' streams with the functions that read them, and timers with the functions they call."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from tests.fakes.sim.bus import _camel, _function
from tests.fakes.sim.bus import matches as fits
from tests.fakes.sim.cloud import Json
from tests.fakes.sim.dynamodb import RESOURCES

Records = tuple[Json, ...]
MENDING = ("reconcile_labs",)
TIDYING = ("reconcile_account", "nightly_backups")


@lru_cache(maxsize=8)
def consumers(table: str) -> tuple[tuple[str, Callable[[Records], Records]], ...]:
    """The functions that read a table's stream, each with the filter of what it wants."""
    found = []
    for one in json.loads(RESOURCES.read_text())["Resources"].values():
        if one.get("Type") != "AWS::Lambda::EventSourceMapping":
            continue
        source = json.dumps(one["Properties"]["EventSourceArn"])
        if f'"{_camel(table)}Table"' in source:
            patterns = [json.loads(each["Pattern"]) for each in one["Properties"].get("FilterCriteria", {}).get("Filters", [])]
            found.append((_function(json.dumps(one["Properties"]["FunctionName"])), _wanted(patterns)))
    return tuple(found)


def _wanted(patterns: list[Json]) -> Callable[[Records], Records]:
    return lambda records: tuple(one for one in records if not patterns or any(fits(pattern, one) for pattern in patterns))


def left_of(records: Records, answer: Any) -> Records:
    """The records that the function wants to see again."""
    failed = {one["itemIdentifier"] for one in (answer or {}).get("batchItemFailures", [])}
    return tuple(one for one in records if one["dynamodb"]["SequenceNumber"] in failed)


def due(before: datetime, now: datetime, still: bool, idle: bool = True) -> list[str]:
    """The timers that fire between two moments. What mends labs may run at any time, so it always does, and what tidies up after
    them does once no lab moves (`still`): no world is bound to a minute. The log's check, pruning and drills go by the clock. The
    sweep of idle labs is only called when one may be due: else it finds nothing."""
    import app

    timers = [one for one in app.app.event_sources if hasattr(one, "schedule_expression")]
    always = (*MENDING, *TIDYING) if still else MENDING
    clocked = [one for one in timers if one.name not in (*MENDING, *TIDYING) and (idle or one.name != "sweep_idle")]
    return [*always, *(one.name for one in clocked if _fires(one.schedule_expression, before, now))]


def _fires(when: Any, before: datetime, now: datetime) -> bool:
    text = when if isinstance(when, str) else when.to_string()
    kind, _, rest = text.partition("(")
    words = rest.rstrip(")").split()
    if kind == "rate":
        minutes = int(words[0]) * {"minute": 1, "hour": 60, "day": 1440}[words[1].rstrip("s")]
        return int(now.timestamp() // 60 // minutes) > int(before.timestamp() // 60 // minutes)
    moment = before.replace(second=0, microsecond=0) + timedelta(minutes=1)
    while moment <= now:
        if _matches(words, moment):
            return True
        moment += timedelta(minutes=1)
    return False


def _matches(words: list[str], at: datetime) -> bool:
    """A cron line of EventBridge: minutes hours day-of-month month day-of-week year."""
    names = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
    day = at.isoweekday() % 7
    return (
        _field(words[0], at.minute) and _field(words[1], at.hour) and _field(words[2], at.day) and _field(words[3], at.month)
        and (words[4] in ("*", "?") or names[day] in words[4] or str(day + 1) in words[4].split(","))
    )  # fmt: skip


def _field(word: str, value: int) -> bool:
    if word in ("*", "?"):
        return True
    if "/" in word:
        start, _, step = word.partition("/")
        return (value - int(start if start != "*" else 0)) % int(step) == 0
    return str(value) in word.split(",")
