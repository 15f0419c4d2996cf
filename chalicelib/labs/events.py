"""News that moves labs on: EC2 says a machine changed, Step Functions says a workflow broke off, a lab's packs are others."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.labs import activating, reconcile
from chalicelib.runtime import clock
from chalicelib.runtime.entries import reaction, task

bp = Blueprint(__name__)


@bp.on_cw_event({"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]}, name="machine_state_changed")
@reaction(clients=("ec2", "stepfunctions"))
def machine_state_changed(event: dict[str, Any]) -> None:
    told = event["detail"]
    reconcile.machine_changed(told["instance-id"], clock.now(), told.get("state", ""), event.get("time", ""))


@bp.on_cw_event(
    {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT", "ABORTED"]},
    },
    name="workflow_ended",
)
@reaction
def workflow_ended(event: dict[str, Any]) -> None:
    reconcile.workflow_ended(event["detail"]["executionArn"], clock.now())


@bp.lambda_function(name="follow_packs")
@task(clients=("iam",), door="reaction")
def follow_packs(event: dict[str, Any], _context: Any) -> None:
    """May come twice, late and in any order."""
    activating.renew_rights(event["detail"]["subject"])
