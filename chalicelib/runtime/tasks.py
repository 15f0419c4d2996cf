"""The operator's tool that runs after every deployment: bring stored data up to this release."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.runtime import clock, migrations
from chalicelib.runtime.entries import task

bp = Blueprint(__name__)


@bp.lambda_function(name="migrate_tables")
@task
def migrate_tables(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Its event is {"dry_run": bool}; the answer says whether it finished (else call it again) and what it changed."""
    done = migrations.run(clock.now(), context.get_remaining_time_in_millis, dry_run=bool(event.get("dry_run")))
    return {**done._asdict(), "steps": [step._asdict() for step in done.steps]}
