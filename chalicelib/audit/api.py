"""Routes to read the log: for admins; a lead may read what happened to a lab of their own team.

The log itself knows neither people nor labs (it only hears facts); this door alone asks people who is there.
"""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.audit import s3, service, store
from chalicelib.audit.models import AnchorList, AnchorQuery, AnchorView, AuditEntryView, AuditHead, AuditList, AuditQuery
from chalicelib.audit.service import Wanted
from chalicelib.people import service as people
from chalicelib.people.rules import Action, Principal, Role
from chalicelib.runtime.errors import Forbidden
from chalicelib.runtime.http import Call, Door

bp = Blueprint(__name__)
door = Door(bp, "audit", people.authenticate)


@door.get("/audit", summary="What happened, in order", query=AuditQuery, reply=AuditList, scope="labs:read", errors=(Forbidden,))
def list_audit(call: Call[Principal]) -> AuditList:
    """Each entry hangs on the one before it by its hash: recompute them, and compare the last with `/audit/head`."""
    asked: AuditQuery = call.query
    _may_read(call.principal, asked.lab or "")
    wanted = Wanted(asked.lab or "", (asked.person or "").lower(), asked.since, asked.until)
    entries, following = service.page(wanted, asked.after, asked.limit)
    return AuditList(items=[AuditEntryView.of(one) for one in entries], next=following)


@door.get("/audit/head", summary="Where the log ends", reply=AuditHead, scope="labs:read", errors=(Forbidden,))
def audit_head(call: Call[Principal]) -> AuditHead:
    _may_read(call.principal)
    return AuditHead.of(service.head(), store.name())


@door.get(
    "/audit/anchors",
    summary="Which hash stood where, as the locked bucket remembers",
    query=AnchorQuery,
    reply=AnchorList,
    scope="labs:read",
    errors=(Forbidden,),
)
def list_anchors(call: Call[Principal]) -> AnchorList:
    """Whoever may read the bucket can list the same objects there, without this API."""
    _may_read(call.principal)
    asked: AnchorQuery = call.query
    found = service.anchors(asked.after, asked.limit)
    following = found[-1].seq if len(found) >= asked.limit else None
    return AnchorList(bucket=s3.bucket(), items=[AnchorView.of(one) for one in found], next=following)


def _may_read(who: Principal, lab: str = "") -> None:
    if lab and who.role is Role.LEAD and service.team_of(lab) in who.teams:
        return
    people.require(who, Action.SEE_AUDIT)
