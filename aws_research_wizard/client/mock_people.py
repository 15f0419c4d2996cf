"""How people, their tokens and their places live in the mock cloud."""

from datetime import timedelta
from typing import Any

from aws_research_wizard.client.mock_audit import MockAudit
from aws_research_wizard.client.mock_backups import MockBackups
from aws_research_wizard.client.mock_labs import Json, RefusedError, iso


class MockPeople(MockBackups):
    """The people of a control plane in memory. Everything here is public: read and change it as a test needs."""

    def __init__(self, email: str, limit: int) -> None:
        super().__init__(email)
        self.limit = limit
        self.tokens: list[Json] = []
        self.people: dict[str, Json] = {}
        self.audit = MockAudit()

    def whoami(self, _: Json) -> tuple[int, Any]:
        scopes = ["labs:read", "labs:write", "packs:read", "tokens:write", "users:write"]
        who = {"email": self.email, "role": "admin", "teams": ["default"], "scopes": scopes, "token_id": "tok-1", "stage": "mock"}
        return 200, who

    def places(self, _: Json) -> tuple[int, Any]:
        used = sum(lab["phase"] not in ("DELETED", "FAILED") for lab in self.labs.values())
        teams = [{"team": "default", "labs": used, "limit": self.limit}]
        return 200, {"teams": teams, "max_users_per_lab": 200, "allowed_families": []}

    def list_people(self, _: Json) -> tuple[int, Any]:
        return 200, {"items": list(self.people.values()), "cursor": None}

    def put_person(self, wish: Json) -> tuple[int, Any]:
        person = {"teams": ["default"], "role": "member"} | wish | {"added_at": iso(self.now), "added_by": self.email}
        known = self.people.get(wish["email"], {})
        self.people[wish["email"]] = person
        changes = {name: [known.get(name), person[name]] for name in ("role", "teams") if known.get(name) != person[name]}
        self.audit.tell("PersonChanged" if known else "PersonAdded", wish["email"], iso(self.now), self.email, changes)
        return 200, person

    def list_tokens(self, _: Json) -> tuple[int, Any]:
        return 200, {"items": [{name: token[name] for name in token if name != "token"} for token in self.tokens]}

    def make_token(self, wish: Json) -> tuple[int, Any]:
        number = len(self.tokens) + 1
        lifetime = timedelta(days=wish.get("expires_in_days", 90))
        token = {
            "token_id": f"tok-{number}",
            "email": self.email,
            "label": wish.get("label", ""),
            "scopes": wish.get("scopes") or ["labs:read"],
            "created_at": iso(self.now),
            "expires_at": iso(self.now + lifetime),
            "token": f"awr_mock{number}",
        }
        self.tokens.append(token)
        return 201, token

    def revoke_token(self, _: Json, token_id: str) -> tuple[int, Any]:
        left = [token for token in self.tokens if token["token_id"] != token_id]
        if len(left) == len(self.tokens):
            raise RefusedError(404, "not_found", f"no token {token_id}", "")
        self.tokens = left
        return 204, None
