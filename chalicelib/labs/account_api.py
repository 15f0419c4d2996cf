"""Routes for whoever looks after the account: what nobody counts as theirs, and look again."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.labs import account
from chalicelib.labs.account_models import AccountView, LookRequest, LookView
from chalicelib.people.rules import Action, Principal
from chalicelib.people.service import authenticate, require
from chalicelib.runtime.errors import Forbidden, NotFound
from chalicelib.runtime.http import Call, Door, Reply
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.store import commit

bp = Blueprint(__name__)
door = Door(bp, "account", authenticate)


@door.get("/account", summary="What nobody counts as theirs", reply=AccountView, scope="labs:read", errors=(Forbidden, NotFound))
def get_account(call: Call[Principal]) -> AccountView:
    """The last look at everything in the account that says it is this stage's. For admins."""
    require(call.principal, Action.SEE_ACCOUNT)
    return AccountView.of(account.last())


@door.post(
    "/account/reconcile",
    summary="Look at the account now",
    body=LookRequest,
    reply=LookView,
    status=202,
    scope="labs:write",
    errors=(Forbidden,),
)
def reconcile_account(call: Call[Principal]) -> Reply:
    """Watch `Location` until its `run` is this one. Without `dry_run`, what can safely be adopted or removed is."""
    require(call.principal, Action.SEE_ACCOUNT)
    asked: LookRequest = call.body
    run = account.ask(call.principal.email, call.now, dry_run=asked.dry_run, grace_minutes=asked.grace_minutes)
    answer = LookView(run=run)
    commit(*remembered(call.request_key, {"status": 202, "location": "/account", "body": answer.model_dump(mode="json")}))
    return Reply(answer, location="/account")
