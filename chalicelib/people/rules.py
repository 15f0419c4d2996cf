"""Who may do what? Roles on a stage and roles in a lab, decided in one table, with the reason.

stage role   may
admin        everything
lead         everything in the labs of their own teams; deploy
member       deploy; everything in labs they own; in other labs what their lab role says
viewer       look at labs they belong to
lab role     lead: change and operate it, choose its people, see what each costs · member: open, operate, activate packs ·
             viewer: look at it
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from chalicelib.runtime.errors import Unprocessable

TOKEN = re.compile(r"awr_[A-Za-z0-9_-]{22,128}")
EMAIL = re.compile(r"[a-z0-9.!$%&'*+=?^_`{|}~-]{1,64}@(localhost|[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})+)")
TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,38}")
MAX_TOKENS = 20
CACHED = timedelta(seconds=15)


class Role(StrEnum):
    ADMIN = "admin"
    LEAD = "lead"
    MEMBER = "member"
    VIEWER = "viewer"


class LabRole(StrEnum):
    LEAD = "lead"
    MEMBER = "member"
    VIEWER = "viewer"


class Scope(StrEnum):
    LABS_READ = "labs:read"
    LABS_WRITE = "labs:write"
    USERS_WRITE = "users:write"
    PACKS_READ = "packs:read"
    TOKENS_WRITE = "tokens:write"


class Action(StrEnum):
    SEE_LAB = "see this lab"
    SEE_SHARES = "see what each person costs in this lab"
    OPEN_LAB = "open this lab"
    DEPLOY_LAB = "deploy a lab"
    OPERATE_LAB = "stop or start this lab"
    CHANGE_LAB = "scale or delete this lab"
    ADD_PACKS = "activate packs in this lab"
    REMOVE_PACKS = "take packs out of this lab"
    MANAGE_USERS = "change the people of this lab"
    MANAGE_PEOPLE = "change who may use this stage"
    SEE_ACCOUNT = "look after the account"
    SEE_AUDIT = "read the audit log"
    BAKE_IMAGES = "bake images"
    SEE_TEAM = "see what this team uses"
    SET_BUDGET = "set this team's budget"
    SET_HOURS = "set this team's timetable"
    SET_QUOTA = "set a team's quotas"
    MANAGE_PACKS = "add or remove this team's packs"


READ_ONLY = frozenset({Scope.LABS_READ, Scope.PACKS_READ, Scope.TOKENS_WRITE})
OF_THE_STAGE = frozenset(  # for admins alone
    {Action.MANAGE_PEOPLE, Action.SEE_ACCOUNT, Action.SEE_AUDIT, Action.SET_QUOTA, Action.BAKE_IMAGES}
)
LEADS_ONLY = frozenset({Action.SET_BUDGET, Action.SET_HOURS, Action.MANAGE_PACKS})
OF_A_TEAM = LEADS_ONLY | {Action.SEE_TEAM}
OF_A_LAB = {
    LabRole.LEAD: frozenset({Action.SEE_LAB, Action.OPEN_LAB, Action.OPERATE_LAB, Action.CHANGE_LAB, Action.MANAGE_USERS})
    | {Action.SEE_SHARES, Action.ADD_PACKS, Action.REMOVE_PACKS},
    LabRole.MEMBER: frozenset({Action.SEE_LAB, Action.OPEN_LAB, Action.OPERATE_LAB, Action.ADD_PACKS}),
    LabRole.VIEWER: frozenset({Action.SEE_LAB}),
}


class Principal(NamedTuple):
    """Whoever sent a request: a person, as their token allows."""

    email: str
    role: Role
    scopes: frozenset[str]
    token_id: str
    teams: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.email

    @property
    def team(self) -> str:
        """The team that pays when a request names none."""
        return self.teams[0] if self.teams else "default"


class Person(NamedTuple):
    email: str
    role: Role
    teams: tuple[str, ...]
    added_at: datetime
    added_by: str


class Token(NamedTuple):
    token_id: str
    email: str
    label: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


class Decision(NamedTuple):
    allowed: bool
    reason: str


def may(
    principal: Principal, action: Action, lab_owner: str = "", lab_role: LabRole | str | None = None, lab_team: str = ""
) -> Decision:
    """May this person do this (to the lab of that owner and team, in which they have that role)?"""
    who = principal.email
    if principal.role is Role.ADMIN:
        return Decision(True, f"{who} is an admin")
    if action in OF_THE_STAGE:
        return Decision(False, f"only an admin may {action}")
    if action in OF_A_TEAM:
        return _may_with_team(principal, action, lab_team)
    if principal.role is Role.VIEWER and action is not Action.SEE_LAB:
        return Decision(False, f"{who} is a viewer on this stage: viewers may look, not {action}")
    if action is Action.DEPLOY_LAB:
        return _may_deploy(principal, lab_team)
    if lab_owner and lab_owner == who:
        return Decision(True, f"{who} owns this lab")
    if principal.role is Role.LEAD and lab_team in principal.teams:
        return Decision(True, f"{who} leads the team {lab_team}")
    if lab_role is not None and action in OF_A_LAB[LabRole(lab_role)]:
        return Decision(True, f"{who} is a {lab_role} of this lab")
    standing = f"is a {lab_role} of" if lab_role else "does not belong to"
    return Decision(False, f"{who} {standing} this lab and may not {action}")


def _may_with_team(principal: Principal, action: Action, team: str) -> Decision:
    if team not in principal.teams:
        return Decision(False, f"{principal.email} does not belong to the team {team}")
    if action in LEADS_ONLY and principal.role is not Role.LEAD:
        return Decision(False, f"only an admin or whoever leads the team {team} may {action}")
    return Decision(True, f"{principal.email} belongs to the team {team}")


def _may_deploy(principal: Principal, lab_team: str) -> Decision:
    if lab_team and principal.teams and lab_team not in principal.teams:
        return Decision(False, f"{principal.email} does not belong to the team {lab_team}")
    return Decision(True, f"{principal.email} is a {principal.role}")


def scopes_of(role: Role) -> frozenset[str]:
    """All that a role's tokens may carry."""
    return READ_ONLY if role is Role.VIEWER else frozenset(Scope)


def granted(wanted: tuple[str, ...] | None, role: Role, own: frozenset[str]) -> tuple[str, ...]:
    """The scopes of a new token: never more than the role allows, or than the token that asks for it has."""
    possible = scopes_of(role) & own
    if wanted is None:
        return tuple(sorted(possible))
    beyond = sorted(set(wanted) - possible)
    if beyond:
        raise Unprocessable(f"you cannot grant {', '.join(beyond)}", hint=f"you may grant {', '.join(sorted(possible))}")
    return tuple(sorted(set(wanted)))


def checked_email(text: str) -> str:
    """An address in lower case; Unprocessable when it is none."""
    email = text.strip().lower()
    if not EMAIL.fullmatch(email) or len(email) > 254:
        raise Unprocessable(f"'{text}' is not an e-mail address", hint="for example ada@university.edu")
    return email


def checked_team(text: str) -> str:
    team = text.strip().lower()
    if not TEAM.fullmatch(team):
        raise Unprocessable(f"'{text}' is not a team's name", hint="letters, digits and dashes, at most 39")
    return team
