"""How does the first person get in? An operator with AWS rights invokes this function; nobody reaches it over HTTP."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint

from chalicelib.people import rules, service
from chalicelib.runtime import clock
from chalicelib.runtime.entries import task

bp = Blueprint(__name__)


@bp.lambda_function(name="bootstrap_admin")
@task(door="operator")
def bootstrap_admin(event: dict[str, Any], context: Any) -> dict[str, str]:
    """{"email"[, "team"]} → {"email", "token", "token_id"}; for an admin who exists a new token is minted."""
    email = rules.checked_email(str(event.get("email", "")))
    team = rules.checked_team(str(event.get("team") or "default"))
    request_id = str(getattr(context, "aws_request_id", ""))
    secret, token = service.bootstrap(email, team, clock.now(), request_id)
    return {"email": email, "token": secret, "token_id": token.token_id}
