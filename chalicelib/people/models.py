"""What do requests and answers about people look like?"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from chalicelib.people.rules import Person, Principal, Role, Scope, Token
from chalicelib.runtime.shapes import Asked, Field, Told

Team = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]{0,38}$", examples=["lovelace"])]


class Whoami(Told):
    email: str
    role: Role
    teams: list[str]
    scopes: list[str]
    token_id: str
    stage: str

    @classmethod
    def of(cls, principal: Principal, stage: str) -> Whoami:
        return cls(
            email=principal.email,
            role=principal.role,
            teams=list(principal.teams),
            scopes=sorted(principal.scopes),
            token_id=principal.token_id,
            stage=stage,
        )


class TokenRequest(Asked):
    label: str = Field(default="", max_length=80, description="What it is for, to recognise it later", examples=["laptop"])
    scopes: list[Scope] | None = Field(default=None, description="What it may do; left out: all that your own token may")
    expires_in_days: int = Field(default=90, ge=1, le=365)


class TokenView(Told):
    token_id: str
    email: str
    label: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, token: Token) -> TokenView:
        return cls.model_validate(token, from_attributes=True)


class TokenMade(TokenView):
    token: str | None = Field(description="The secret. Shown once: a repeated request answers null")

    @classmethod
    def made(cls, token: Token, secret: str | None) -> TokenMade:
        return cls(**TokenView.of(token).model_dump(), token=secret)


class TokenList(Told):
    items: list[TokenView]


class PersonRequest(Asked):
    email: str = Field(max_length=254, examples=["ada@university.edu"])
    role: Role = Role.MEMBER
    teams: list[Team] = Field(default=["default"], min_length=1, max_length=10, description="The first one pays by default")


class PersonView(Told):
    email: str
    role: Role
    teams: list[str]
    added_at: datetime
    added_by: str

    @classmethod
    def of(cls, person: Person) -> PersonView:
        return cls(
            email=person.email,
            role=person.role,
            teams=list(person.teams),
            added_at=person.added_at,
            added_by=person.added_by,
        )


class PersonList(Told):
    items: list[PersonView]
    cursor: str | None = Field(default=None, description="Ask with it for the next page; null at the end")


class WhoseQuery(Asked):
    email: str | None = Field(default=None, description="Whose: another person's (admins only)")
