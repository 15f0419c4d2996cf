"""The bill is looked at every night, after AWS's exports of the day; and whenever somebody imports one."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Cron

from chalicelib.bills import service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)
MOST = 600  # seconds of a function's 900 after which no further file is begun


@bp.schedule(Cron(20, 4, "*", "*", "?", "*"), name="ingest_bill")
@schedule(clients=("s3",))
def ingest_bill(event: dict[str, Any]) -> dict[str, Any]:
    """Everything, or the import that `detail` names. May be called at any time; what was read is not read again."""
    began = clock.now()
    asked = str((event.get("detail") or {}).get("import") or "")
    return service.ingest(began, lambda: (clock.now() - began).total_seconds() > MOST, asked)
