"""The log is checked every hour, whether or not anybody asks."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Rate

from chalicelib.audit import patrol
from chalicelib.runtime import clock
from chalicelib.runtime.entries import schedule

bp = Blueprint(__name__)


@bp.schedule(Rate(1, unit=Rate.HOURS), name="check_audit")
@schedule(clients=("s3",))
def check_audit(_event: dict[str, Any]) -> dict[str, int]:
    """Fails, which is an alarm, when the log is not whole."""
    done = patrol.check(clock.now()).raised()
    return {"verified": done.verified, "facts": done.facts}
