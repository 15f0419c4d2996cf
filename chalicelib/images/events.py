"""News that moves bakes on: EC2 says that an image changed. (Of builders, machine_state_changed hears with all machines.)"""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.images import waiting
from chalicelib.runtime import clock
from chalicelib.runtime.entries import reaction

bp = Blueprint(__name__)


@bp.on_cw_event({"source": ["aws.ec2"], "detail-type": ["EC2 AMI State Change"]}, name="image_state_changed")
@reaction(clients=("ec2", "stepfunctions"))
def image_state_changed(event: dict[str, Any]) -> None:
    waiting.image_changed(event["detail"]["ImageId"], clock.now())
