"""How is one of our functions asked to do its work now, without waiting for it?"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from chalicelib.runtime import aws, settings
from chalicelib.runtime.clock import iso


def later(name: str, detail: dict[str, Any], now: datetime) -> None:
    """Hand `detail` to a reaction or a schedule, as an event; it runs at least once, in its own time."""
    known = settings.current()
    event = {
        "version": "0",
        "id": str(detail.get("run", "")),
        "detail-type": "Asked",
        "source": "aws-research-wizard",
        "account": known.account,
        "time": iso(now),
        "region": known.region,
        "resources": [],
        "detail": detail,
    }
    aws.client("lambda").invoke(FunctionName=f"{known.prefix}-{name}", InvocationType="Event", Payload=json.dumps(event).encode())
