"""What time is it, and how is a moment written down? Only triggers ask for `now`; everything below takes it as an argument.

Moments are UTC and written with a fixed width (`2026-11-23T09:00:00.000000Z`), so that text sorts as time does.
"""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
