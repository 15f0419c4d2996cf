"""Who may see, open and change a lab, and who else works in it?

Keeps true: to a person who may not see a lab, it does not exist (404); what a person may not do with a lab they see is
Forbidden, with the reason.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from chalicelib.labs import calling, naming, store
from chalicelib.labs.machines import Member
from chalicelib.labs.provisioning import fact
from chalicelib.labs.rules import Lab, Phase, advice
from chalicelib.labs.wishes import Found, Login
from chalicelib.people import rules as people
from chalicelib.people.rules import Action, LabRole, Principal, Role
from chalicelib.runtime import settings
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, NotFound
from chalicelib.runtime.pages import Page
from chalicelib.runtime.store import Write, commit

TICKET = timedelta(seconds=120)
AT_ONCE = 25  # labs read for one page


def find(who: Principal, lab_id: str, action: Action = Action.SEE_LAB) -> Found:
    """The lab, if this person may do this with it. The owner and admins cost one read of half a unit."""
    if not naming.is_lab_id(lab_id):
        raise store.unknown(lab_id)
    lab, machine = store.with_machine(lab_id)
    role = lab_role(who, lab)
    if not people.may(who, Action.SEE_LAB, lab.owner, role, lab.team).allowed:
        raise store.unknown(lab_id)
    decision = people.may(who, action, lab.owner, role, lab.team)
    if not decision.allowed:
        raise Forbidden(decision.reason, f"ask {lab.owner}")
    return Found(lab, machine, role)


def lab_role(who: Principal, lab: Lab) -> LabRole | None:
    """The person's role in this lab; looked up only when it can matter."""
    if lab.owner == who.email or who.role is Role.ADMIN:
        return LabRole.LEAD
    member = store.member(lab.id, who.email)
    if member:
        return LabRole(member.role)
    return LabRole.LEAD if who.role is Role.LEAD and lab.team in who.teams else None


def visible(who: Principal, cursor: str | None, limit: int) -> Page[Lab]:
    """The labs this person may see, a page at a time: all for an admin, their teams' for a lead, else their own."""
    if who.role is Role.ADMIN:
        page = store.ids_of_all(cursor, limit)
        return Page(tuple(store.many(page.items)), page.cursor)
    if who.role is not Role.LEAD:
        page = store.ids_of(who.email, cursor, limit)
        return Page(tuple(store.many(page.items)), page.cursor)
    page = store.ids_of_all(cursor, limit)
    seen = [lab for lab in store.many(page.items) if lab.team in who.teams or lab_role(who, lab)]
    return Page(tuple(seen), page.cursor)


# ---- login ---------------------------------------------------------------------------------------------------------------


def login(who: Principal, lab_id: str, now: datetime, request: str) -> Login:
    """A ticket for this person, signed with the lab's own key; that they were let in is on record."""
    import jwt

    found = find(who, lab_id, Action.OPEN_LAB)
    lab = found.lab
    if lab.phase is not Phase.READY:
        raise Conflict(f"lab {lab.id} is {lab.phase}", advice(lab.phase))
    commit(fact("LabLinkGiven", lab, now, by=who.email, request=request))
    expires = now + TICKET
    claims = {
        "sub": who.email,
        "role": found.role or LabRole.MEMBER,
        "lab": lab.id,
        "iat": int(now.timestamp()),
        "exp": int(expires.timestamp()),
        "jti": secrets.token_urlsafe(16),
    }
    ticket = jwt.encode({**claims, "role": str(claims["role"])}, calling.login_key(lab.id), algorithm="HS256")
    tunnel = settings.current().access_mode == "tunnel"
    port = urlsplit(lab.address).port if tunnel else None
    return Login(f"{lab.address}/hub/login?ticket={ticket}", expires, lab.instance_id, port)


# ---- people --------------------------------------------------------------------------------------------------------------


def add_member(who: Principal, lab_id: str, email: str, role: str, now: datetime, request: str, *also: Write) -> Member:
    """Let somebody into the lab."""
    lab = _changeable(who, lab_id)
    if email == lab.owner:
        raise Conflict(f"{email} owns this lab", "the owner needs no other role")
    member = Member(lab.id, email, role, now)
    there = Conflict(f"{email} is in this lab already", f"aws-research-wizard jupyter users role {lab.id} {email} ROLE")
    changes = {_role_of(email): (None, str(role))}
    told = fact("LabUserAdded", lab, now, by=who.email, request=request, changes=changes, email=email, role=role)
    commit(*also, store.add_member(member, there), store.count_member(lab, 1, settings.current().max_users_per_lab), told)
    return member


def change_role(who: Principal, lab_id: str, email: str, role: str, now: datetime, request: str, *also: Write) -> Member:
    lab = _changeable(who, lab_id)
    member = store.member(lab.id, email)
    if member is None:
        raise _absent(lab, email)
    changed = Member(lab.id, email, role, member.added_at)
    changes = {_role_of(email): (str(member.role), str(role))} if role != member.role else {}
    told = fact("LabUserRoleChanged", lab, now, by=who.email, request=request, changes=changes, email=email, role=role)
    commit(*also, store.change_member(member, role, _raced(lab, email)), told)
    return changed


def remove_member(who: Principal, lab_id: str, email: str, now: datetime, request: str, *also: Write) -> None:
    """The person's files stay in the lab."""
    lab = _changeable(who, lab_id)
    if email == lab.owner:
        raise BadInput("the owner cannot be removed from their lab", "delete the lab instead")
    member = store.member(lab.id, email)
    if member is None:
        raise _absent(lab, email)
    changes = {_role_of(email): (str(member.role), None)}
    told = fact("LabUserRemoved", lab, now, by=who.email, request=request, changes=changes, email=email)
    most = settings.current().max_users_per_lab
    commit(*also, store.drop_member(member, _raced(lab, email)), store.count_member(lab, -1, most), told)


def members(who: Principal, lab_id: str, cursor: str | None, limit: int) -> tuple[Lab, Page[Member]]:
    lab = find(who, lab_id).lab
    return lab, store.members(lab.id, cursor, limit)


def _changeable(who: Principal, lab_id: str) -> Lab:
    lab = find(who, lab_id, Action.MANAGE_USERS).lab
    if lab.phase in (Phase.DELETING, Phase.DELETED):
        raise Conflict(f"lab {lab.id} is {lab.phase}", advice(lab.phase))
    return lab


def _role_of(email: str) -> str:
    """What the audit log calls somebody's role in a lab."""
    return f"member:{email}.role"


def _raced(lab: Lab, email: str) -> Conflict:
    return Conflict(f"{email}'s role in lab {lab.id} was changed by another request", "look at it again, then repeat the request")


def _absent(lab: Lab, email: str) -> NotFound:
    return NotFound(f"{email} is not in lab {lab.id}", f"aws-research-wizard jupyter users list {lab.id}")
