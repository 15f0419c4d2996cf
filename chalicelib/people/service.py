"""The verbs of people: authenticate a request, mint and revoke tokens, add people and change their role.

Authentication is on the path of every request, so it costs one eventual read of half a unit, and is kept for 15 seconds
by this process. A token is shown once, when it is made; only its hash is kept.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.people import rules, store
from chalicelib.people.rules import Action, Person, Principal, Role, Token
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import Conflict, Forbidden, LimitReached, NotFound, Unauthenticated
from chalicelib.runtime.facts import Fact, changed, record
from chalicelib.runtime.pages import Page
from chalicelib.runtime.store import Write, commit

if TYPE_CHECKING:
    from chalicelib.runtime.http import Request

LOGIN = "aws-research-wizard login"
_known: dict[str, tuple[datetime, Principal, datetime]] = {}  # hash → read at, who, expires


def authenticate(request: Request) -> Principal:
    """Who sent this request? Unauthenticated when nobody we know."""
    token = request.bearer()
    if not rules.TOKEN.fullmatch(token):
        raise Unauthenticated("this is not one of our tokens", hint=LOGIN)
    digest = _digest(token)
    principal, expires = _looked_up(digest, request.at)
    if expires <= request.at:
        raise Unauthenticated(f"this token expired on {expires:%Y-%m-%d}", hint=LOGIN, code="token_expired")
    return principal


def require(principal: Principal, action: Action, team: str = "") -> None:
    """Forbidden, with the reason, unless the principal may do this (for what is not about one lab)."""
    decision = rules.may(principal, action, lab_team=team)
    if not decision.allowed:
        raise Forbidden(decision.reason, hint="ask an admin of this stage")


def mint(
    person: Person, label: str, scopes: tuple[str, ...], lifetime: timedelta, now: datetime, by: str, correlation_id: str
) -> tuple[str, Token, list[Write]]:
    """A new token: its secret, what may be told about it, and the writes that make it count."""
    existing = store.tokens_of(person.email)
    expired = [digest for digest, token in existing.items() if token.expires_at <= now]
    if len(existing) - len(expired) >= rules.MAX_TOKENS:
        raise LimitReached(f"{person.email} already has {rules.MAX_TOKENS} tokens", hint="aws-research-wizard tokens revoke")
    secret = "awr_" + secrets.token_urlsafe(24)
    digest = _digest(secret)
    token = Token(digest[: store.ID_LENGTH], person.email, label, scopes, now, (now + lifetime).replace(microsecond=0))
    changes = {name: pair for digest in expired for name, pair in _told(existing[digest], None).items()} | _told(None, token)
    data = {"token_id": token.token_id, "label": label}
    fact = Fact("TokenCreated", person.email, data, now, by, correlation_id, changes=changes)
    return secret, token, [store.put_token(digest, token, person), *map(store.forget_token, expired), record(fact)]


def revoke(email: str, token_id: str, now: datetime, by: str, correlation_id: str, *more: Write) -> None:
    """Make a token count no more; NotFound when this person has no such token."""
    missing = store.no_such_token(token_id)
    known = store.tokens_of(email)
    digest = next((digest for digest in known if digest.startswith(token_id)), None)
    if digest is None or len(token_id) != store.ID_LENGTH:
        raise missing
    changes = _told(known[digest], None)
    fact = Fact("TokenRevoked", email, {"token_id": token_id}, now, by, correlation_id, changes=changes)
    commit(store.drop_token(digest, missing), record(fact), *more)
    _known.pop(digest, None)


def tokens_of(email: str) -> list[Token]:
    """A person's tokens, the newest first."""
    return sorted(store.tokens_of(email).values(), key=lambda token: token.created_at, reverse=True)


def person(email: str) -> Person:
    found = store.person(email)
    if found is None:
        raise NotFound(f"{email} is not known here", hint="an admin can add them: PUT /people")
    return found


def people(cursor: str | None, limit: int) -> Page[Person]:
    return store.people(cursor, limit)


def put_person(
    email: str, role: Role, teams: tuple[str, ...], now: datetime, by: str, correlation_id: str, *more: Write
) -> Person:
    """Add a person, or give one another role and teams; their tokens follow in the same transaction."""
    before = store.person(email)
    if before and before.role is Role.ADMIN and role is not Role.ADMIN and email == by:
        raise Conflict("an admin cannot take this role from themselves", hint="let another admin do it", code="last_admin")
    after = Person(email, role, teams, before.added_at if before else now, before.added_by if before else by)
    name = "PersonChanged" if before else "PersonAdded"
    tokens = store.tokens_of(email) if before else {}
    adapted = {digest: _adapted(token, after) for digest, token in tokens.items()}
    changes = changed(_audited(before), _audited(after))
    for digest, token in adapted.items():
        changes |= _told(tokens[digest], token)
    data = {"role": str(role), "teams": list(teams)}
    fact = Fact(name, email, data, now, by, correlation_id, changes=changes)
    follow = [store.adapt_token(digest, after, token.scopes) for digest, token in adapted.items()]
    commit(store.put_person(after, before), *follow, record(fact), *more)
    _known.clear()
    return after


def bootstrap(email: str, team: str, now: datetime, correlation_id: str) -> tuple[str, Token]:
    """Make sure that an admin of this address exists, and mint a token for them. Conflict when they have another role."""
    known = store.person(email)
    if known and known.role is not Role.ADMIN:
        raise Conflict(f"{email} is a {known.role} here", hint="let an admin change the role, or use another address")
    admin = known or put_person(email, Role.ADMIN, (team,), now, "operator", correlation_id)
    scopes = tuple(sorted(rules.scopes_of(Role.ADMIN)))
    secret, token, writes = mint(admin, "bootstrap", scopes, timedelta(days=90), now, "operator", correlation_id)
    commit(*writes)
    return secret, token


# ---- kept outside of the tables, and taken in from there ---------------------------------------------------------------------


def everybody() -> Iterator[dict[str, Any]]:
    """Every person with their tokens' hashes, as plain values: what `take_in` needs."""
    cursor: str | None = None
    while True:
        page = store.people(cursor, 100)
        for one in page.items:
            yield {
                "email": one.email,
                "role": str(one.role),
                "teams": list(one.teams),
                "added_at": iso(one.added_at),
                "added_by": one.added_by,
                "tokens": [_plain(digest, token) for digest, token in sorted(store.tokens_of(one.email).items())],
            }
        cursor = page.cursor
        if cursor is None:
            return


def _plain(digest: str, token: Token) -> dict[str, Any]:
    moments = {"created_at": iso(token.created_at), "expires_at": iso(token.expires_at)}
    return {"sha256": digest, "label": token.label, "scopes": list(token.scopes), **moments}


def take_in(value: Mapping[str, Any], now: datetime, by: str, correlation_id: str) -> bool:
    """A person as they were, with the tokens that still count, in one transaction; False when they are known here already."""
    moment = parse_iso(value["added_at"])
    who = Person(value["email"], Role(value["role"]), tuple(value["teams"]), moment, value["added_by"])
    if store.person(who.email) is not None:
        return False
    tokens = {one["sha256"]: _token_of(one, who) for one in value["tokens"] if parse_iso(one["expires_at"]) > now}
    changes = changed({}, _audited(who))
    for token in tokens.values():
        changes |= _told(None, token)
    data = {"role": str(who.role), "teams": list(who.teams), "tokens": len(tokens)}
    fact = Fact("PersonTakenIn", who.email, data, now, by, correlation_id, changes=changes)
    puts = [store.put_token(digest, token, who) for digest, token in tokens.items()]
    try:
        commit(store.put_person(who, None), *puts, record(fact))
    except Conflict:
        return False
    return True


def _token_of(value: Mapping[str, Any], who: Person) -> Token:
    made, ends = parse_iso(value["created_at"]), parse_iso(value["expires_at"])
    return Token(value["sha256"][: store.ID_LENGTH], who.email, value["label"], tuple(value["scopes"]), made, ends)


def forget() -> None:
    """Drop what this process remembers of tokens (tests)."""
    _known.clear()


def _adapted(token: Token, person: Person) -> Token:
    """A token never keeps a right that its person lost."""
    return token._replace(scopes=tuple(sorted(rules.scopes_of(person.role).intersection(token.scopes))))


def _audited(person: Person | None) -> dict[str, object]:
    """What the audit log follows of a person."""
    return {"role": str(person.role), "teams": list(person.teams), "added_by": person.added_by} if person else {}


def _told(before: Token | None, after: Token | None) -> dict[str, tuple[object, object]]:
    """What became of a token, by its id: the audit log knows neither its secret nor its hash."""
    known = before or after
    if known is None:
        return {}
    views = [
        {"scopes": list(one.scopes), "label": one.label, "expires_at": iso(one.expires_at)} if one else {}
        for one in (before, after)
    ]
    return {f"token:{known.token_id}.{name}": pair for name, pair in changed(*views).items()}


def _looked_up(digest: str, now: datetime) -> tuple[Principal, datetime]:
    kept = _known.get(digest)
    if kept and now - kept[0] < rules.CACHED:
        return kept[1], kept[2]
    found = store.principal_of(digest)
    if found is None:
        _known.pop(digest, None)
        raise Unauthenticated("this token is unknown or was revoked", hint=LOGIN, code="token_unknown")
    if len(_known) >= 512:
        _known.clear()
    _known[digest] = (now, *found)
    return found


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
