"""Routes about idleness: why, keep it running, exempt it, what another policy would do."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.idle import answering
from chalicelib.idle.models import (
    DecisionList,
    DecisionView,
    ExemptionRequest,
    ExtendRequest,
    ReplayRequest,
    ReplayView,
    WhyQuery,
    WhyView,
)
from chalicelib.labs.service import Asking
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, NotFound
from chalicelib.runtime.http import Call, Door
from chalicelib.runtime.shapes import PageQuery

bp = Blueprint(__name__)
door = Door(bp, "idle", authenticate)
People = Call[Principal]


def _before(call: People, answer: dict[str, str]) -> WhyView:
    return WhyView.of(answering.why(call.principal, answer["lab_id"], call.now), call.now)


@door.get(
    "/labs/{lab_id}/why", summary="Why is it (not) stopped?", query=WhyQuery, reply=WhyView, scope="labs:read", errors=(NotFound,)
)
def why_lab(call: People) -> WhyView:
    """Rule, evidence, decision and next check: for now, for any moment of the last 90 days, and for its last stop."""
    asked: WhyQuery = call.query
    known = answering.why(call.principal, call.path["lab_id"], call.now, asked.at, asked.decision)
    return WhyView.of(known, call.now)


@door.get(
    "/labs/{lab_id}/decisions",
    summary="What the idle rules decided",
    query=PageQuery,
    reply=DecisionList,
    scope="labs:read",
    errors=(NotFound,),
)
def list_decisions(call: People) -> DecisionList:
    """Each change of mind, the newest first, with all that it was made from."""
    page = answering.decisions(call.principal, call.path["lab_id"], call.query.cursor, call.query.limit)
    return DecisionList(items=[DecisionView.kept(one) for one in page.items], cursor=page.cursor)


@door.post(
    "/labs/{lab_id}/decisions/replay",
    summary="What another policy would have decided",
    body=ReplayRequest,
    reply=ReplayView,
    scope="labs:read",
    errors=(NotFound,),
)
def replay_decisions(call: People) -> ReplayView:
    """On the evidence that was there; nothing is carried out."""
    asked: ReplayRequest = call.body
    lab_id, changes = call.path["lab_id"], asked.policy.said()
    return ReplayView.of(answering.replay(call.principal, lab_id, changes, asked.cursor, asked.limit, asked.decision))


@door.post(
    "/labs/{lab_id}/extend",
    summary="Keep it running for a while",
    body=ExtendRequest,
    reply=WhyView,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict, BadInput),
    replay=_before,
)
def extend_lab(call: People) -> WhyView:
    """Answers a warning that stands; at most as long as the operator allows."""
    asked: ExtendRequest = call.body
    return WhyView.of(answering.extend(call.path["lab_id"], asked.span(), Asking.of(call)), call.now)


@door.put(
    "/labs/{lab_id}/exemption",
    summary="Exempt it from being stopped",
    body=ExemptionRequest,
    reply=WhyView,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict, BadInput),
    replay=_before,
)
def exempt_lab(call: People) -> WhyView:
    """Until a moment, with a reason; a budget that is used up stops it all the same."""
    asked: ExemptionRequest = call.body
    return WhyView.of(answering.exempt(call.path["lab_id"], asked.end(call.now), asked.reason, Asking.of(call)), call.now)


@door.delete(
    "/labs/{lab_id}/exemption",
    summary="End its exemption",
    reply=WhyView,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=_before,
)
def lift_exemption(call: People) -> WhyView:
    return WhyView.of(answering.lift(call.path["lab_id"], Asking.of(call)), call.now)
