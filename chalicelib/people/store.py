"""Where are people and tokens kept?

    PEOPLE          <email>    a person: role and teams (one partition, so that the list is a query)
    TOKEN#<sha256>  TOKEN      a token: whose, what for, until when; with role and teams, so that one read authenticates

Only the hash of a token is stored. Its id is the beginning of that hash, so a person's tokens are found through the
by_person index, which holds keys alone.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from chalicelib.people.rules import Person, Principal, Role, Token
from chalicelib.runtime.clock import iso, parse_iso
from chalicelib.runtime.errors import AppError, Conflict, NotFound
from chalicelib.runtime.pages import Page, decode, page_of
from chalicelib.runtime.store import Item, Write, bind, delete, fetch, save, update

ID_LENGTH = 12
PEOPLE = "PEOPLE"


class ByPerson(GlobalSecondaryIndex["TokenItem"]):  # type: ignore[no-untyped-call] # pynamodb's __init_subclass__
    class Meta:
        index_name = "by_person"
        projection = KeysOnlyProjection()

    person = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class TokenItem(Item):
    person = UnicodeAttribute()
    role = UnicodeAttribute()
    teams = UnicodeAttribute()
    scopes = UnicodeAttribute()
    label = UnicodeAttribute()
    created_at = UnicodeAttribute()
    expires = NumberAttribute()
    by_person = ByPerson()


class PersonItem(Item):
    role = UnicodeAttribute()
    teams = UnicodeAttribute()
    added_at = UnicodeAttribute()
    added_by = UnicodeAttribute()


bind(TokenItem, "people")
bind(PersonItem, "people")


def principal_of(digest: str) -> tuple[Principal, datetime] | None:
    """Whose token has this hash, and until when it counts. One eventual read."""
    item = fetch(TokenItem, f"TOKEN#{digest}", "TOKEN")
    if item is None:
        return None
    who = Principal(item.person, Role(item.role), frozenset(_words(item.scopes)), _id(item), _words(item.teams))
    return who, _moment(item)


def put_token(digest: str, token: Token, person: Person) -> Write:
    item = TokenItem(
        f"TOKEN#{digest}",
        "TOKEN",
        person=person.email,
        role=person.role,
        teams=" ".join(person.teams),
        scopes=" ".join(token.scopes),
        label=token.label,
        created_at=iso(token.created_at),
        expires=int(token.expires_at.timestamp()),
    )
    return save(item, TokenItem.pk.does_not_exist(), Conflict("this token exists"))


def tokens_of(email: str) -> dict[str, Token]:
    """A person's tokens by their hash (few: MAX_TOKENS)."""
    keys = [(row.pk, row.sk) for row in TokenItem.by_person.query(email)]
    items = TokenItem.batch_get(keys) if keys else ()
    return {item.pk.removeprefix("TOKEN#"): _token(item) for item in items}


def drop_token(digest: str, refused: AppError) -> Write:
    return delete(TokenItem(f"TOKEN#{digest}", "TOKEN"), TokenItem.pk.exists(), refused)


def forget_token(digest: str) -> Write:
    """Remove a token that counts no more; it does not matter who was first."""
    return delete(TokenItem(f"TOKEN#{digest}", "TOKEN"))


def adapt_token(digest: str, person: Person, scopes: tuple[str, ...]) -> Write:
    """Give a stored token its person's new role and teams. Refused when it was revoked meanwhile."""
    actions = [
        TokenItem.role.set(str(person.role)),
        TokenItem.teams.set(" ".join(person.teams)),
        TokenItem.scopes.set(" ".join(scopes)),
    ]
    return update(TokenItem(f"TOKEN#{digest}", "TOKEN"), actions, TokenItem.pk.exists(), _changed())


def person(email: str) -> Person | None:
    item = fetch(PersonItem, PEOPLE, email, consistent=True)
    return None if item is None else _person(item)


def people(cursor: str | None, limit: int) -> Page[Person]:
    found = PersonItem.query(PEOPLE, limit=limit, page_size=limit, last_evaluated_key=decode(cursor, PEOPLE))
    return page_of(found, PEOPLE, _person)


def put_person(new: Person, before: Person | None) -> Write:
    """Add or change a person; refused when somebody else did so since `before` was read."""
    item = PersonItem(
        PEOPLE, new.email, role=new.role, teams=" ".join(new.teams), added_at=iso(new.added_at), added_by=new.added_by
    )
    same = PersonItem.pk.does_not_exist()
    if before is not None:
        same = (PersonItem.role == str(before.role)) & (PersonItem.teams == " ".join(before.teams))
    return save(item, same, _changed())


def no_such_token(token_id: str) -> NotFound:
    return NotFound(f"there is no token {token_id}", hint="aws-research-wizard tokens list")


def _changed() -> Conflict:
    return Conflict("this person was changed by another request", hint="look again, then repeat the request")


def _token(item: TokenItem) -> Token:
    return Token(_id(item), item.person, item.label, _words(item.scopes), parse_iso(item.created_at), _moment(item))


def _person(item: PersonItem) -> Person:
    return Person(item.sk, Role(item.role), _words(item.teams), parse_iso(item.added_at), item.added_by)


def _id(item: TokenItem) -> str:
    return item.pk.removeprefix("TOKEN#")[:ID_LENGTH]


def _moment(item: TokenItem) -> datetime:
    return datetime.fromtimestamp(item.expires, UTC)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())
