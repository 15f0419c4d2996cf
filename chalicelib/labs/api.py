"""Routes about labs: ask for one, look, stop, start, scale, delete, get in, and say who else may."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.labs import access, service
from chalicelib.labs.models import (
    DeleteQuery,
    EventList,
    EventQuery,
    EventView,
    LabList,
    LabRequest,
    LabView,
    LineList,
    LineView,
    LoginView,
    RoleRequest,
    ScaleRequest,
    UserList,
    UserRequest,
    UserView,
)
from chalicelib.labs.replies import accepted, again
from chalicelib.labs.service import Asking
from chalicelib.people import rules as people
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, LimitReached, NotFound
from chalicelib.runtime.http import Call, Door, Reply
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.shapes import PageQuery

bp = Blueprint(__name__)
door = Door(bp, "labs", authenticate)
People = Call[Principal]


@door.post(
    "/labs",
    summary="Ask for a lab",
    body=LabRequest,
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(BadInput, Forbidden, NotFound, LimitReached),
    replay=again,
)
def create_lab(call: People) -> Reply:
    """Watch `Location` until its phase is READY or FAILED."""
    return accepted(service.request_lab(call.body.wish(), Asking.of(call)))


@door.get("/labs", summary="The labs I may see", query=PageQuery, reply=LabList, scope="labs:read")
def list_labs(call: People) -> LabList:
    page = access.visible(call.principal, call.query.cursor, _limit(call))
    return LabList(items=[LabView.of(lab) for lab in page.items], cursor=page.cursor)


@door.get("/labs/{lab_id}", summary="One lab", reply=LabView, scope="labs:read", errors=(NotFound,))
def get_lab(call: People) -> LabView:
    return LabView.found(access.find(call.principal, call.path["lab_id"]))


@door.delete(
    "/labs/{lab_id}",
    summary="Delete a lab",
    query=DeleteQuery,
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=again,
)
def delete_lab(call: People) -> Reply:
    """Also while it is still being made. Its receipt says what was removed and what is kept."""
    return accepted(service.delete_lab(call.path["lab_id"], Asking.of(call), keep_data=call.query.data == "keep"))


@door.post(
    "/labs/{lab_id}/stop",
    summary="Stop a lab",
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=again,
)
def stop_lab(call: People) -> Reply:
    """Its machine stops and costs nothing more; files stay."""
    return accepted(service.stop_lab(call.path["lab_id"], Asking.of(call)))


@door.post(
    "/labs/{lab_id}/start",
    summary="Start a stopped lab",
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(NotFound, Forbidden, Conflict),
    replay=again,
)
def start_lab(call: People) -> Reply:
    """A lab whose machine was lost gets a new one; its files are kept."""
    return accepted(service.start_lab(call.path["lab_id"], Asking.of(call)))


@door.post(
    "/labs/{lab_id}/scale",
    summary="Change users, storage or instance type",
    body=ScaleRequest,
    reply=LabView,
    status=202,
    scope="labs:write",
    errors=(BadInput, NotFound, Forbidden, Conflict),
    replay=again,
)
def scale_lab(call: People) -> Reply:
    """Another instance type means a restart; users and storage do not. A stopped lab stays stopped."""
    return accepted(service.scale_lab(call.path["lab_id"], call.body.wish(), Asking.of(call)))


@door.get(
    "/labs/{lab_id}/events",
    summary="What happened to a lab",
    query=EventQuery,
    reply=EventList,
    scope="labs:read",
    errors=(NotFound,),
)
def list_events(call: People) -> EventList:
    asked: EventQuery = call.query
    page = service.events_of(call.principal, call.path["lab_id"], asked.cursor, asked.limit, asked.order == "newest")
    items = [
        EventView(id=one.id, name=one.name, at=one.at, by=one.by, correlation_id=one.correlation_id, data=one.data)
        for one in page.items
    ]
    return EventList(items=items, cursor=page.cursor)


@door.get(
    "/labs/{lab_id}/logs",
    summary="What its machine wrote",
    query=EventQuery,
    reply=LineList,
    scope="labs:read",
    errors=(NotFound,),
)
def list_logs(call: People) -> LineList:
    asked: EventQuery = call.query
    page = service.logs_of(call.principal, call.path["lab_id"], asked.cursor, asked.limit, asked.order == "newest")
    return LineList(items=[LineView(at=one.at, text=one.text) for one in page.items], cursor=page.cursor)


@door.post(
    "/labs/{lab_id}/login",
    summary="A link into the lab, for me",
    reply=LoginView,
    scope="labs:read",
    errors=(NotFound, Forbidden, Conflict),
)
def login(call: People) -> LoginView:
    return LoginView.of(access.login(call.principal, call.path["lab_id"], call.now, call.correlation_id))


@door.get(
    "/labs/{lab_id}/users",
    summary="Who may work in a lab",
    query=PageQuery,
    reply=UserList,
    scope="labs:read",
    errors=(NotFound,),
)
def list_users(call: People) -> UserList:
    """The owner first, on the first page."""
    lab, page = access.members(call.principal, call.path["lab_id"], call.query.cursor, _limit(call))
    first = [] if call.query.cursor else [UserView.owner_of(lab)]
    return UserList(items=first + [UserView.of(member) for member in page.items], cursor=page.cursor)


@door.post(
    "/labs/{lab_id}/users",
    summary="Let somebody in",
    body=UserRequest,
    reply=UserView,
    status=201,
    scope="users:write",
    errors=(NotFound, Forbidden, Conflict),
)
def add_user(call: People) -> Reply:
    asked: UserRequest = call.body
    lab_id, email = call.path["lab_id"], people.checked_email(asked.email)
    location = f"/labs/{lab_id}/users/{email}"
    view = UserView(email=email, role=asked.role, owner=False, added_at=call.now)
    kept = remembered(call.request_key, {"status": 201, "location": location, "body": view.model_dump(mode="json")})
    access.add_member(call.principal, lab_id, email, asked.role, call.now, call.correlation_id, *kept)
    return Reply(view, location=location, status=201)


@door.put(
    "/labs/{lab_id}/users/{email}",
    summary="Change what somebody may do in a lab",
    body=RoleRequest,
    reply=UserView,
    scope="users:write",
    errors=(NotFound, Forbidden, Conflict),
)
def put_user(call: People) -> UserView:
    lab_id, email = call.path["lab_id"], people.checked_email(call.path["email"])
    return UserView.of(access.change_role(call.principal, lab_id, email, call.body.role, call.now, call.correlation_id))


@door.delete(
    "/labs/{lab_id}/users/{email}",
    summary="Take somebody's access to a lab",
    status=204,
    scope="users:write",
    errors=(BadInput, NotFound, Forbidden, Conflict),
)
def remove_user(call: People) -> None:
    """Their files stay in the lab."""
    lab_id, email = call.path["lab_id"], people.checked_email(call.path["email"])
    kept = remembered(call.request_key, {"status": 204})
    access.remove_member(call.principal, lab_id, email, call.now, call.correlation_id, *kept)


def _limit(call: People) -> int:
    return max(1, min(int(call.query.limit), access.AT_ONCE * 4))
