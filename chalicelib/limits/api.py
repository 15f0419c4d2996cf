"""Routes about limits: what may my teams have, and what do they use of it?"""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.limits import service
from chalicelib.limits.models import LimitsView, TeamUsage
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime import settings
from chalicelib.runtime.http import Call, Door

bp = Blueprint(__name__)
door = Door(bp, "limits", authenticate)


@door.get("/limits", summary="What my teams may have, and use", reply=LimitsView, scope="labs:read")
def my_limits(call: Call[Principal]) -> LimitsView:
    known = settings.current()
    return LimitsView(
        teams=[TeamUsage.of(service.usage(team)) for team in call.principal.teams],
        max_users_per_lab=known.max_users_per_lab,
        allowed_families=list(known.allowed_families),
    )
