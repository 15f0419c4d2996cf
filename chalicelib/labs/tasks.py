"""The steps of the state machines, one Lambda function each. All may be delivered twice.

Every event is {"lab_id", "generation", "correlation_id"}; after a Catch also {"error": {"Error", "Cause"}}.
"""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.labs import causes, power, provisioning, teardown, upgrading, work
from chalicelib.labs.machines import Expect, Work
from chalicelib.runtime import clock
from chalicelib.runtime.entries import task
from chalicelib.runtime.workflows import Caught

bp = Blueprint(__name__)
Event = dict[str, Any]


def _cause(event: Event) -> str:
    """What the workflow caught, in words for a person."""
    return causes.explain(*Caught.of(event.get("error")))


@bp.lambda_function(name="resolve_environment")
@task(clients=("ec2",))
def resolve_environment(event: Event, _context: Any) -> None:
    provisioning.resolve_environment(event["lab_id"], event["generation"], clock.now())


@bp.lambda_function(name="prepare_storage")
@task(clients=("ec2", "efs"))
def prepare_storage(event: Event, _context: Any) -> None:
    provisioning.prepare_storage(event["lab_id"], event["generation"], clock.now())


@bp.lambda_function(name="launch_machine")
@task(clients=("ec2", "iam", "ssm"))
def launch_machine(event: Event, _context: Any) -> None:
    provisioning.launch_machine(event["lab_id"], event["generation"], clock.now())


@bp.lambda_function(name="await_machine")
@task(clients=("ec2", "stepfunctions"))
def await_machine(event: Event, _context: Any) -> None:
    power.await_machine(event["lab_id"], event["generation"], Expect(event["expect"]), event["token"])


@bp.lambda_function(name="open_lab")
@task
def open_lab(event: Event, _context: Any) -> None:
    provisioning.open_lab(event["lab_id"], event["generation"], clock.now())


@bp.lambda_function(name="save_work")
@task(clients=("stepfunctions",))
def save_work(event: Event, _context: Any) -> None:
    work.save(event["lab_id"], event["generation"], event["token"], clock.now())


@bp.lambda_function(name="stop_machine")
@task(clients=("ec2",))
def stop_machine(event: Event, _context: Any) -> None:
    power.stop_machine(event["lab_id"], event["generation"])


@bp.lambda_function(name="start_machine")
@task(clients=("ec2",))
def start_machine(event: Event, _context: Any) -> None:
    power.start_machine(event["lab_id"], event["generation"], clock.now())


@bp.lambda_function(name="resize_machine")
@task(clients=("ec2",))
def resize_machine(event: Event, _context: Any) -> None:
    power.resize_machine(event["lab_id"], event["generation"])


@bp.lambda_function(name="park_lab")
@task
def park_lab(event: Event, _context: Any) -> None:
    power.park_lab(event["lab_id"], event["generation"], clock.now(), _cause(event))


@bp.lambda_function(name="undo_lab")
@task
def undo_lab(event: Event, _context: Any) -> None:
    teardown.undo_lab(event["lab_id"], event["generation"])


@bp.lambda_function(name="fail_lab")
@task
def fail_lab(event: Event, _context: Any) -> None:
    teardown.fail_lab(event["lab_id"], event["generation"], clock.now(), _cause(event))


@bp.lambda_function(name="remove_machine")
@task(clients=("ec2",))
def remove_machine(event: Event, _context: Any) -> None:
    teardown.remove_machine(event["lab_id"], event["generation"])


@bp.lambda_function(name="remove_resources")
@task(clients=("ec2", "efs", "iam"))
def remove_resources(event: Event, _context: Any) -> None:
    teardown.remove_resources(event["lab_id"], event["generation"])


@bp.lambda_function(name="close_lab")
@task(clients=("ec2", "efs", "iam"))
def close_lab(event: Event, _context: Any) -> None:
    teardown.close_lab(event["lab_id"], event["generation"], clock.now())


@bp.lambda_function(name="renew_rights")
@task
def renew_rights(event: Event, _context: Any) -> None:
    upgrading.renew_rights(event["lab_id"], event["generation"])


@bp.lambda_function(name="finish_upgrade")
@task
def finish_upgrade(event: Event, _context: Any) -> None:
    upgrading.finish(event["lab_id"], event["upgrade_id"], event["report"], clock.now())


@bp.lambda_function(name="fail_upgrade")
@task
def fail_upgrade(event: Event, _context: Any) -> None:
    upgrading.fail(event["lab_id"], event["upgrade_id"], _cause(event), clock.now())


@bp.lambda_function(name="assign_work")
@task(clients=("stepfunctions",))
def assign_work(event: Event, _context: Any) -> None:
    """Its event is {"lab_id", "work_id", "kind", "order", "token"}."""
    what = Work(event["work_id"], event["kind"], event["order"], event["token"], clock.now())
    work.assign(event["lab_id"], what)
