"""The steps of bake_image, one Lambda function each. All may be delivered twice.

Every event is {"bake_id", "pack", "generation", "correlation_id"}; after a Catch also {"error": {"Error", "Cause"}}.
"""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.images import baking, ending, waiting
from chalicelib.images.rules import Expect
from chalicelib.runtime import clock
from chalicelib.runtime.entries import task
from chalicelib.runtime.workflows import Caught

bp = Blueprint(__name__)
Event = dict[str, Any]
SAID = {"States.Timeout": "it took too long"}


def _cause(event: Event) -> str:
    """What the workflow caught, in words for a person."""
    error, said = Caught.of(event.get("error"))
    return SAID.get(error) or " ".join(said.split()) or error


@bp.lambda_function(name="launch_builder")
@task(clients=("ec2", "s3"))
def launch_builder(event: Event, _context: Any) -> None:
    baking.launch_builder(event["bake_id"], event["generation"], clock.now())


@bp.lambda_function(name="await_builder")
@task(clients=("ec2", "s3", "stepfunctions"))
def await_builder(event: Event, _context: Any) -> None:
    waiting.wait(event["bake_id"], event["generation"], Expect.BUILDER, event["token"], clock.now())


@bp.lambda_function(name="create_image")
@task(clients=("ec2",))
def create_image(event: Event, _context: Any) -> None:
    baking.create_image(event["bake_id"], event["generation"], clock.now())


@bp.lambda_function(name="await_image")
@task(clients=("ec2", "stepfunctions"))
def await_image(event: Event, _context: Any) -> None:
    waiting.wait(event["bake_id"], event["generation"], Expect.IMAGE, event["token"], clock.now())


@bp.lambda_function(name="register_image")
@task(clients=("ec2", "s3"))
def register_image(event: Event, _context: Any) -> None:
    baking.register_image(event["bake_id"], event["generation"], clock.now())


@bp.lambda_function(name="copy_image")
@task(clients=("ec2",))
def copy_image(event: Event, _context: Any) -> None:
    baking.copy_image(event["bake_id"], event["generation"], clock.now())


@bp.lambda_function(name="retire_images")
@task(clients=("ec2",))
def retire_images(event: Event, _context: Any) -> None:
    ending.retire_images(event["pack"], clock.now())


@bp.lambda_function(name="undo_bake")
@task(clients=("ec2", "s3"))
def undo_bake(event: Event, _context: Any) -> None:
    ending.undo_bake(event["bake_id"], event["generation"])


@bp.lambda_function(name="fail_bake")
@task
def fail_bake(event: Event, _context: Any) -> None:
    ending.fail_bake(event["bake_id"], event["generation"], clock.now(), _cause(event))
