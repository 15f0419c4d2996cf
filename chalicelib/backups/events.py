"""News that concerns backups: Step Functions says that one of their workflows broke off."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.backups import tending
from chalicelib.runtime import clock
from chalicelib.runtime.entries import reaction

bp = Blueprint(__name__)


@bp.on_cw_event(
    {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    },
    name="backup_broke_off",
)
@reaction
def backup_broke_off(event: dict[str, Any]) -> None:
    tending.broke_off(event["detail"]["executionArn"], clock.now())
