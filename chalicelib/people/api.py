"""Routes about people: who am I, my tokens, and (for admins) who may use this stage."""

from __future__ import annotations

from datetime import timedelta

from chalice.app import Blueprint

from chalicelib.people import rules, service
from chalicelib.people.models import (
    PersonList,
    PersonRequest,
    PersonView,
    TokenList,
    TokenMade,
    TokenRequest,
    TokenView,
    Whoami,
    WhoseQuery,
)
from chalicelib.people.rules import Action, Principal
from chalicelib.runtime import settings
from chalicelib.runtime.errors import Conflict, LimitReached, NotFound
from chalicelib.runtime.http import Call, Door, Reply
from chalicelib.runtime.requests import remembered
from chalicelib.runtime.shapes import PageQuery
from chalicelib.runtime.store import commit

bp = Blueprint(__name__)
door = Door(bp, "people", service.authenticate)


@door.get("/whoami", summary="Who am I, and what may my token do?", reply=Whoami)
def whoami(call: Call[Principal]) -> Whoami:
    return Whoami.of(call.principal, settings.current().stage)


@door.get("/tokens", summary="My tokens", query=WhoseQuery, reply=TokenList)
def list_tokens(call: Call[Principal]) -> TokenList:
    """The newest first. Their secrets are not kept, so they cannot be shown."""
    return TokenList(items=[TokenView.of(token) for token in service.tokens_of(_whose(call))])


@door.post(
    "/tokens",
    summary="Make a token",
    query=WhoseQuery,
    body=TokenRequest,
    reply=TokenMade,
    status=201,
    scope="tokens:write",
    errors=(LimitReached,),
)
def create_token(call: Call[Principal]) -> Reply:
    """Its secret is in this answer and nowhere else. It may do no more than the token that asks for it.

    An admin may make one for another person, who gets it from them."""
    asked: TokenRequest = call.body
    person = service.person(_whose(call))
    scopes = rules.granted(tuple(asked.scopes) if asked.scopes is not None else None, person.role, call.principal.scopes)
    lifetime = timedelta(days=asked.expires_in_days)
    secret, token, writes = service.mint(
        person, asked.label, scopes, lifetime, call.now, call.principal.email, call.correlation_id
    )
    location = f"/tokens/{token.token_id}"
    kept = {"status": 201, "location": location, "body": TokenMade.made(token, None).model_dump(mode="json")}
    commit(*writes, *remembered(call.request_key, kept))
    return Reply(TokenMade.made(token, secret), location=location)


@door.delete(
    "/tokens/{token_id}", summary="Revoke a token", query=WhoseQuery, status=204, scope="tokens:write", errors=(NotFound,)
)
def revoke_token(call: Call[Principal]) -> None:
    """It stops counting at once, or within 15 seconds where another process still remembers it."""
    kept = remembered(call.request_key, {"status": 204})
    service.revoke(_whose(call), call.path["token_id"], call.now, call.principal.email, call.correlation_id, *kept)


@door.get("/people", summary="Who may use this stage", query=PageQuery, reply=PersonList)
def list_people(call: Call[Principal]) -> PersonList:
    service.require(call.principal, Action.MANAGE_PEOPLE)
    page = service.people(call.query.cursor, call.query.limit)
    return PersonList(items=[PersonView.of(person) for person in page.items], cursor=page.cursor)


@door.put(
    "/people",
    summary="Add a person, or change one's role and teams",
    body=PersonRequest,
    reply=PersonView,
    scope="users:write",
    errors=(Conflict,),
    replay=lambda _call, answer: PersonView.of(service.person(answer["email"])),
)
def put_person(call: Call[Principal]) -> PersonView:
    service.require(call.principal, Action.MANAGE_PEOPLE)
    asked: PersonRequest = call.body
    email, teams = rules.checked_email(asked.email), tuple(dict.fromkeys(asked.teams))
    kept = remembered(call.request_key, {"email": email})
    person = service.put_person(email, asked.role, teams, call.now, call.principal.email, call.correlation_id, *kept)
    return PersonView.of(person)


def _whose(call: Call[Principal]) -> str:
    """The caller's address; an admin may name another."""
    query: WhoseQuery = call.query
    if query.email is None or query.email == call.principal.email:
        return call.principal.email
    service.require(call.principal, Action.MANAGE_PEOPLE)
    return rules.checked_email(query.email)
