"""How does a program that uses this client test itself without a control plane? With one that lives in memory.

    from aws_research_wizard.client import Client
    from aws_research_wizard.client.mock import MockCloud

    cloud = MockCloud()
    with Client("https://mock.test", "awr_test", transport=cloud.transport) as client:
        lab = client.create_lab(domain="genomics")
        assert client.wait(lab.id).phase == "READY"

Labs move on one step each time they are looked at; time stands still in between. What was asked stays in `cloud.asked`.
`cloud.trouble` is a list of what the next requests meet instead of an answer: an HTTP status, or an exception to raise.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import httpx

Json = dict[str, Any]
Step = tuple[str, float, Json]
EPOCH = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EMAIL = "ada@university.edu"
MACHINES = {"genomics": "r6i.2xlarge", "machine_learning": "g5.2xlarge"}
PACKS: dict[str, Json] = {
    "genomics": {
        "name": "genomics",
        "title": "Genomics",
        "purpose": "Sequencing reads, variants, single cells",
        "kernels": ["Genomics Research (Python 3.11)"],
    },
    "machine_learning": {
        "name": "machine_learning",
        "title": "Machine learning",
        "purpose": "Training and evaluating models",
        "kernels": ["Machine Learning (Python 3.11)"],
    },
}
# command -> (phase meanwhile, facts with the seconds they take, phase in the end)
STORIES: dict[str, tuple[str, list[Step], str]] = {
    "create": (
        "PROVISIONING",
        [
            ("EnvironmentResolved", 0.4, {"instance_type": "{machine}"}),
            ("StoragePrepared", 1.1, {}),
            ("MachineLaunched", 2.0, {"instance_type": "{machine}"}),
            ("MachineClaimed", 9.0, {}),
            ("MachineStep", 0.1, {"step": "install kernel genomics-python", "state": "started"}),
            ("MachineStep", 21.0, {"step": "install kernel genomics-python", "state": "done", "seconds": 21.0}),
            ("MachineStep", 5.2, {"step": "start hub", "state": "done", "seconds": 5.2}),
            ("LabReady", 2.2, {}),
        ],
        "READY",
    ),
    "stop": ("STOPPING", [("LabStopped", 18.0, {})], "STOPPED"),
    "start": ("STARTING", [("MachineClaimed", 6.0, {}), ("LabReady", 11.0, {})], "READY"),
    "scale": ("SCALING", [("LabScaled", 24.0, {"instance_type": "{machine}"}), ("LabReady", 9.0, {})], "READY"),
    "delete": ("DELETING", [("LabDeleted", 31.0, {})], "DELETED"),
}
FROM = {"stop": {"READY"}, "start": {"STOPPED"}, "scale": {"READY", "STOPPED"}}
OPENING = {
    "create": "LabRequested",
    "stop": "LabStopping",
    "start": "LabStarting",
    "scale": "LabScaling",
    "delete": "LabDeleting",
}


class MockCloud:
    """A control plane in memory. Its state is public: read and change it as a test needs."""

    def __init__(self, email: str = EMAIL, limit: int = 10) -> None:
        self.email, self.limit = email, limit
        self.labs: dict[str, Json] = {}
        self.events: dict[str, list[Json]] = {}
        self.logs: dict[str, list[Json]] = {}
        self.users: dict[str, dict[str, Json]] = {}
        self.tokens: list[Json] = []
        self.asked: list[httpx.Request] = []
        self.trouble: list[int | Exception] = []
        self.fails_with: str = ""  # the cause with which the next labs fail while they are made
        self.now = EPOCH
        self._pending: dict[str, tuple[list[Step], str]] = {}
        self._answered: dict[str, tuple[int, Any]] = {}
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.trouble:
            met = self.trouble.pop(0)
            if isinstance(met, Exception):
                raise met
            return httpx.Response(met, json={"code": "trouble", "message": f"the service answered {met}", "hint": ""})
        key = request.headers.get("Idempotency-Key", "")
        if key not in self._answered:
            status, body = self._routed(request)
            if not key:
                return _response(status, body)
            self._answered[key] = status, body
        return _response(*self._answered[key])

    def _routed(self, request: httpx.Request) -> tuple[int, Any]:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/api")
        body = json.loads(request.content) if request.content else {}
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                try:
                    return act(self, body | dict(request.url.params), *map(unquote, found.groups()))
                except _RefusedError as refused:
                    return refused.status, {"code": refused.code, "message": str(refused), "hint": refused.hint}
        return 404, {"code": "not_found", "message": f"no such path: {path}", "hint": ""}

    # what the routes do

    def _whoami(self, _: Json) -> tuple[int, Any]:
        scopes = ["labs:read", "labs:write", "packs:read", "tokens:write", "users:write"]
        who = {"email": self.email, "role": "admin", "teams": ["default"], "scopes": scopes, "token_id": "tok-1", "stage": "mock"}
        return 200, who

    def _limits(self, _: Json) -> tuple[int, Any]:
        used = sum(lab["phase"] not in ("DELETED", "FAILED") for lab in self.labs.values())
        teams = [{"team": "default", "labs": used, "limit": self.limit}]
        return 200, {"teams": teams, "max_users_per_lab": 200, "allowed_families": []}

    def _list(self, _: Json) -> tuple[int, Any]:
        return 200, {"items": [lab for lab in self.labs.values() if lab["phase"] != "DELETED"], "cursor": None}

    def _create(self, wish: Json) -> tuple[int, Any]:
        if wish["domain"] not in PACKS:
            raise _RefusedError(404, "not_found", f"unknown domain '{wish['domain']}'", "did you mean 'genomics'?")
        if len(self.labs) >= self.limit:
            raise _RefusedError(409, "limit_reached", f"team default already has {self.limit} of {self.limit} labs", "delete one")
        lab = self._new_lab(wish)
        self.labs[lab["id"]] = lab
        self.users[lab["id"]] = {self.email: self._member(lab["id"], self.email, "lead")}
        self.logs[lab["id"]] = []
        return 202, self._begin("create", lab)

    def _read(self, _: Json, lab_id: str) -> tuple[int, Any]:
        lab = self._known(lab_id)
        self._move_on(lab)
        return 200, dict(lab)

    def _command(self, wish: Json, lab_id: str, word: str) -> tuple[int, Any]:
        lab = self._known(lab_id)
        if lab["phase"] not in FROM[word]:
            raise _RefusedError(409, "conflict", f"a lab that is {lab['phase']} cannot {word}", "wait until it rests")
        stayed_stopped = word == "scale" and lab["phase"] == "STOPPED"
        machine = wish.get("instance_type")
        lab.update({name: wish[name] for name in ("users", "instance_type") if name in wish})
        lab["shared_storage_gb"] = _gigabytes(wish["shared_storage"]) if "shared_storage" in wish else lab["shared_storage_gb"]
        if word == "scale" and (stayed_stopped or not machine):
            self._fact(lab, "LabScaled", {})
            return 200, dict(lab)
        return 202, self._begin(word, lab)

    def _delete(self, wish: Json, lab_id: str) -> tuple[int, Any]:
        lab = self._known(lab_id)
        parts = [("instance", lab["instance_id"] or "i-0mock"), ("security_group", "sg-0mock")]
        kept = [{"kind": "file_system", "id": "fs-0mock", "monthly_cost": {"amount": "0.30", "currency": "USD"}}]
        if wish.get("data") == "delete":
            parts, kept = [*parts, ("file_system", "fs-0mock")], []
        removed = [{"kind": kind, "id": name, "verified_absent": True} for kind, name in parts]
        lab["receipt"] = {"removed": removed, "kept": kept}
        return 202, self._begin("delete", lab)

    def _events(self, _: Json, lab_id: str) -> tuple[int, Any]:
        self._known(lab_id)
        return 200, {"items": list(self.events[lab_id]), "cursor": None}

    def _logs(self, _: Json, lab_id: str) -> tuple[int, Any]:
        self._known(lab_id)
        return 200, {"items": list(self.logs[lab_id]), "cursor": None}

    def _login(self, _: Json, lab_id: str) -> tuple[int, Any]:
        lab = self._known(lab_id)
        if lab["phase"] != "READY":
            raise _RefusedError(
                409, "conflict", f"lab {lab_id} is {lab['phase']}", f"start it: aws-research-wizard jupyter start {lab_id}"
            )
        expires = _iso(self.now + timedelta(seconds=120))
        return 200, {"url": f"{lab['address']}/hub/login?ticket=mock", "expires_at": expires, "tunnel": None}

    def _users(self, _: Json, lab_id: str) -> tuple[int, Any]:
        self._known(lab_id)
        return 200, {"items": list(self.users[lab_id].values()), "cursor": None}

    def _put_user(self, wish: Json, lab_id: str, email: str = "") -> tuple[int, Any]:
        self._known(lab_id)
        member = self._member(lab_id, email or wish["email"], wish.get("role", "member"))
        self.users[lab_id][member["email"]] = member
        return 201 if not email else 200, member

    def _drop_user(self, _: Json, lab_id: str, email: str) -> tuple[int, Any]:
        self._known(lab_id)
        if self.users[lab_id].pop(email, None) is None:
            raise _RefusedError(404, "not_found", f"{email} is not in lab {lab_id}", "")
        return 204, None

    def _packs(self, _: Json) -> tuple[int, Any]:
        return 200, {"items": list(PACKS.values()), "cursor": None}

    def _tokens(self, _: Json) -> tuple[int, Any]:
        return 200, {"items": [{**token, "token": None} for token in self.tokens]}

    def _make_token(self, wish: Json) -> tuple[int, Any]:
        number = len(self.tokens) + 1
        lifetime = timedelta(days=wish.get("expires_in_days", 90))
        token = {
            "token_id": f"tok-{number}",
            "email": self.email,
            "label": wish.get("label", ""),
            "scopes": wish.get("scopes") or ["labs:read"],
            "created_at": _iso(self.now),
            "expires_at": _iso(self.now + lifetime),
            "token": f"awr_mock{number}",
        }
        self.tokens.append(token)
        return 201, token

    def _revoke(self, _: Json, token_id: str) -> tuple[int, Any]:
        left = [token for token in self.tokens if token["token_id"] != token_id]
        if len(left) == len(self.tokens):
            raise _RefusedError(404, "not_found", f"no token {token_id}", "")
        self.tokens = left
        return 204, None

    # how labs live

    def _known(self, lab_id: str) -> Json:
        if lab_id not in self.labs:
            raise _RefusedError(404, "not_found", f"no lab {lab_id}", "see: aws-research-wizard jupyter list")
        return self.labs[lab_id]

    def _new_lab(self, wish: Json) -> Json:
        number, machine = len(self.labs) + 1, wish.get("instance_type") or MACHINES[wish["domain"]]
        lab_id = f"{wish['domain'].split('_')[0]}-k3x{number}"
        lab: Json = dict.fromkeys(("cause", "hint", "name", "address", "instance_id"), "")
        return lab | {
            "id": lab_id,
            "name": wish.get("name") or "",
            "domain": wish["domain"],
            "phase": "PROVISIONING",
            "owner": self.email,
            "team": wish.get("team") or "default",
            "users": wish.get("users", 1),
            "instance_type": machine,
            "shared_storage_gb": _gigabytes(wish.get("shared_storage", "100GB")),
            "access_mode": "local",
            "price_per_hour": {"amount": "0.504", "currency": "USD", "as_of": "2026-11-01"},
            "kernels": [{"name": "genomics-python", "display_name": kernel} for kernel in PACKS[wish["domain"]]["kernels"]],
            "example_notebooks": 2 if wish.get("notebook_examples", True) else 0,
            "generation": 0,
            "created_at": _iso(self.now),
            "changed_at": _iso(self.now),
            "ready_at": None,
            "steps": [],
            "storage": {"file_system_id": "fs-0mock", "used_bytes": None, "quota_gb": 100},
            "machine": None,
            "receipt": None,
        }

    def _begin(self, word: str, lab: Json) -> Json:
        phase, story, end = STORIES[word]
        lab.update(phase=phase, generation=lab["generation"] + 1)
        self._fact(lab, OPENING[word], {})
        told = story[:4] if self.fails_with and word in ("create", "start") else story
        self._pending[lab["id"]] = (list(told), "FAILED" if told is not story else end)
        return dict(lab)

    def _move_on(self, lab: Json) -> None:
        if lab["id"] not in self._pending:
            return
        story, end = self._pending[lab["id"]]
        if story:
            name, seconds, data = story.pop(0)
            self.now += timedelta(seconds=seconds)
            self._fact(lab, name, {key: lab["instance_type"] if value == "{machine}" else value for key, value in data.items()})
        if not story:
            self._rest(lab, end)

    def _rest(self, lab: Json, phase: str) -> None:
        del self._pending[lab["id"]]
        lab["phase"] = phase
        if phase == "READY":
            lab.update(address="http://127.0.0.1:8000", instance_id="i-0mock", ready_at=_iso(self.now))
        if phase == "FAILED":
            lab.update(cause=self.fails_with, hint="deploy it again")
            self._fact(lab, "LabFailed", {"cause": self.fails_with})

    def _fact(self, lab: Json, name: str, data: Json) -> None:
        lab["changed_at"] = at = _iso(self.now)
        known = self.events.setdefault(lab["id"], [])
        known.append({"id": f"FACT#{at}-{len(known):04x}", "name": name, "at": at, "by": self.email, "data": data})

    def _member(self, lab_id: str, email: str, role: str) -> Json:
        before = self.users.get(lab_id, {}).get(email, {})
        return {"email": email, "role": role, "added_at": before.get("added_at", _iso(self.now)), "added_by": self.email}


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status, self.code, self.hint = status, code, hint


ID = r"([^/]+)"
ROUTES: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
    ("GET", "/health", lambda _cloud, _: (200, {"status": "ok", "stage": "mock", "access_mode": "local"})),
    ("GET", "/whoami", MockCloud._whoami),
    ("GET", "/limits", MockCloud._limits),
    ("GET", "/tokens", MockCloud._tokens),
    ("POST", "/tokens", MockCloud._make_token),
    ("DELETE", f"/tokens/{ID}", MockCloud._revoke),
    ("GET", "/packs", MockCloud._packs),
    ("GET", "/labs", MockCloud._list),
    ("POST", "/labs", MockCloud._create),
    ("GET", f"/labs/{ID}", MockCloud._read),
    ("DELETE", f"/labs/{ID}", MockCloud._delete),
    ("GET", f"/labs/{ID}/events", MockCloud._events),
    ("GET", f"/labs/{ID}/logs", MockCloud._logs),
    ("POST", f"/labs/{ID}/login", MockCloud._login),
    ("GET", f"/labs/{ID}/users", MockCloud._users),
    ("POST", f"/labs/{ID}/users", MockCloud._put_user),
    ("PUT", f"/labs/{ID}/users/{ID}", MockCloud._put_user),
    ("DELETE", f"/labs/{ID}/users/{ID}", MockCloud._drop_user),
    ("POST", f"/labs/{ID}/(stop|start|scale)", MockCloud._command),
]


def _response(status: int, body: Any) -> httpx.Response:
    return httpx.Response(status) if body is None else httpx.Response(status, json=body)


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _gigabytes(text: str) -> int:
    amount = float(text[:-2])
    return int(amount * 1000) if text.endswith("TB") else int(amount)
