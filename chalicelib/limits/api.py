"""Routes about limits: what may my teams have, what do they use of it, when does some of it come free, what may it cost?"""

from __future__ import annotations

from dataclasses import replace

from chalice.app import Blueprint

from chalicelib.limits import agreeing, service
from chalicelib.limits.models import BudgetRequest, BudgetView, LimitsView, QuotaRequest, TeamLimits, TeamUsage
from chalicelib.people.rules import Action, Principal, checked_team
from chalicelib.people.service import authenticate, require
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Conflict, Forbidden, Unprocessable
from chalicelib.runtime.http import Call, Door
from chalicelib.runtime.requests import remembered

bp = Blueprint(__name__)
door = Door(bp, "limits", authenticate)
People = Call[Principal]


@door.get("/limits", summary="What my teams may have, and use", reply=LimitsView, scope="labs:read")
def my_limits(call: People) -> LimitsView:
    known = settings.current()
    return LimitsView(
        teams=[TeamUsage.of(service.usage(team)) for team in call.principal.teams],
        max_users_per_lab=known.max_users_per_lab,
        allowed_families=list(known.allowed_families),
    )


@door.get("/limits/{team}", summary="What a team may have and uses", reply=TeamLimits, scope="labs:read", errors=(Forbidden,))
def team_limits(call: People) -> TeamLimits:
    """Used of limit, by which labs, and when something of it comes free."""
    return _limits(_team(call, Action.SEE_TEAM))


@door.put(
    "/limits/{team}",
    summary="Decide what a team may have",
    body=QuotaRequest,
    reply=TeamLimits,
    scope="users:write",
    errors=(Forbidden, Conflict, Unprocessable),
    replay=lambda call, _answer: _limits(_team(call, Action.SET_QUOTA)),
)
def put_quota(call: People) -> TeamLimits:
    """For admins. What a team uses already stays; more than the limit is refused from now on."""
    team, asked = _team(call, Action.SET_QUOTA), call.body
    before = agreeing.terms(team)
    wanted = {name: getattr(asked, name) for name in ("labs", "vcpus", "gpus", "storage_gb") if getattr(asked, name) is not None}
    if asked.families is not None:
        wanted["families"] = agreeing.known_families(asked.families)
    after = replace(before, **wanted | dict.fromkeys(asked.reset))
    kept = remembered(call.request_key, {"team": team})
    agreeing.agree(team, before, after, call.now, call.principal.email, call.correlation_id, *kept)
    return _limits(team)


@door.get("/budgets/{team}", summary="A team's money this month", reply=BudgetView, scope="labs:read", errors=(Forbidden,))
def get_budget(call: People) -> BudgetView:
    """No budget is no limit: then `monthly` is null, and what is spent is told all the same."""
    return _budget(call, _team(call, Action.SEE_TEAM))


@door.put(
    "/budgets/{team}",
    summary="Decide what a team's labs may cost in a month",
    body=BudgetRequest,
    reply=BudgetView,
    scope="labs:write",
    errors=(Forbidden, Conflict, Unprocessable),
    replay=lambda call, _answer: _budget(call, _team(call, Action.SET_BUDGET)),
)
def put_budget(call: People) -> BudgetView:
    """For admins and whoever leads the team. 0 refuses every start; what runs goes on until a threshold says stop."""
    team = _team(call, Action.SET_BUDGET)
    before = agreeing.terms(team)
    after = replace(before, budget=agreeing.in_our_currency(call.body.budget()))
    kept = remembered(call.request_key, {"team": team})
    agreeing.agree(team, before, after, call.now, call.principal.email, call.correlation_id, *kept)
    return _budget(call, team)


@door.delete("/budgets/{team}", summary="Take a team's budget away", status=204, scope="labs:write", errors=(Forbidden, Conflict))
def delete_budget(call: People) -> None:
    """From then on there is no limit."""
    team = _team(call, Action.SET_BUDGET)
    before = agreeing.terms(team)
    kept = remembered(call.request_key, {"status": 204})
    agreeing.agree(team, before, replace(before, budget=None), call.now, call.principal.email, call.correlation_id, *kept)


def _team(call: People, action: Action) -> str:
    team = checked_team(call.path["team"])
    require(call.principal, action, team)
    return team


def _limits(team: str) -> TeamLimits:
    terms = agreeing.terms(team)
    own = [name for name in ("labs", "vcpus", "gpus", "storage_gb", "families") if getattr(terms, name) is not None]
    return TeamLimits.of(team, service.limits_of(team), own, service.used(team), service.held(team))


def _budget(call: People, team: str) -> BudgetView:
    return BudgetView.of(team, agreeing.terms(team).budget, *service.month(team, call.now), call.now)
