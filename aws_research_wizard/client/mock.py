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

import copy
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import httpx

from aws_research_wizard.client import mock_packs
from aws_research_wizard.client.mock_costs import MockCosts
from aws_research_wizard.client.mock_images import MockImages
from aws_research_wizard.client.mock_labs import EMAIL, FROM, Json, RefusedError, gigabytes, iso
from aws_research_wizard.client.mock_limits import MockLimits
from aws_research_wizard.client.mock_packs import PACKS
from aws_research_wizard.client.mock_people import MockPeople

UPLOADS = "https://mock.test/uploads"


class MockCloud(MockPeople):
    """A control plane in memory."""

    def __init__(self, email: str = EMAIL, limit: int = 10) -> None:
        super().__init__(email, limit)
        self.findings: list[Json] = []
        self.own_packs: dict[str, Json] = {}
        self.uploads: list[str] = []
        self.looks, self.dry_run = 0, True
        self.asked: list[httpx.Request] = []
        self.trouble: list[int | Exception] = []
        self.terms = MockLimits()
        self.costs = MockCosts()
        self.images = MockImages()
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
        body = json.loads(request.content) if "json" in request.headers.get("Content-Type", "") else {}
        for method, pattern, act in ROUTES:
            found = re.fullmatch(pattern, path)
            if found and method == request.method:
                try:
                    return act(self, body | dict(request.url.params), *map(unquote, found.groups()))
                except RefusedError as refused:
                    return refused.status, {"code": refused.code, "message": str(refused), "hint": refused.hint}
        return 404, {"code": "not_found", "message": f"no such path: {path}", "hint": ""}

    # what the routes do

    def _list(self, _: Json) -> tuple[int, Any]:
        return 200, {"items": [lab for lab in self.labs.values() if lab["phase"] != "DELETED"], "cursor": None}

    def _create(self, wish: Json) -> tuple[int, Any]:
        if wish["domain"] not in {*PACKS, *self.own_packs}:
            raise RefusedError(404, "not_found", f"unknown domain '{wish['domain']}'", "did you mean 'genomics'?")
        if len(self.labs) >= self.limit:
            raise RefusedError(409, "limit_reached", f"team default already has {self.limit} of {self.limit} labs", "delete one")
        lab = self.new_lab(wish)
        self.labs[lab["id"]] = lab
        self.users[lab["id"]] = {self.email: self.member(lab["id"], self.email, "lead")}
        self.logs[lab["id"]] = []
        return 202, self.begin("create", lab)

    def _read(self, _: Json, lab_id: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        self.move_on(lab)
        return 200, dict(lab)

    def _command(self, wish: Json, lab_id: str, word: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        if lab["phase"] not in FROM[word]:
            raise RefusedError(409, "conflict", f"a lab that is {lab['phase']} cannot {word}", "wait until it rests")
        stayed_stopped = word == "scale" and lab["phase"] == "STOPPED"
        machine = wish.get("instance_type")
        lab.update({name: wish[name] for name in ("users", "instance_type") if wish.get(name)})
        lab["shared_storage_gb"] = gigabytes(wish["shared_storage"]) if "shared_storage" in wish else lab["shared_storage_gb"]
        if word == "scale" and (stayed_stopped or not machine):
            self.fact(lab, "LabScaled", {})
            return 202, dict(lab)
        return 202, self.begin(word, lab)

    def _upgrade(self, _: Json, lab_id: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        if lab["phase"] not in ("READY", "STOPPED"):
            raise RefusedError(409, "conflict", f"a lab that is {lab['phase']} cannot be upgraded", "wait until it rests")
        if lab["newer_release"]:
            coming = f"release {self.newest} comes with its next start"
            lab.update({"upgrading": "u-1"} if lab["phase"] == "READY" else {"release_note": coming})
        return 202, dict(lab)

    def _activate(self, wish: Json, lab_id: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        if wish["pack"] not in PACKS:
            raise RefusedError(404, "not_found", f"unknown domain '{wish['pack']}'", "did you mean 'genomics'?")
        if lab["phase"] not in ("READY", "STOPPED"):
            raise RefusedError(
                409, "conflict", f"the packs of a lab that is {lab['phase']} cannot be changed", "wait until it rests"
            )
        mock_packs.activate(lab, wish["pack"])
        return 202, copy.deepcopy(lab)

    def _deactivate(self, _: Json, lab_id: str, pack: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        if not mock_packs.deactivate(lab, pack):
            raise RefusedError(404, "not_found", f"pack '{pack}' is not active in lab {lab_id}", "jupyter status")
        return 202, copy.deepcopy(lab)

    def _delete(self, wish: Json, lab_id: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        parts = [("instance", lab["instance_id"] or "i-0mock"), ("security_group", "sg-0mock")]
        kept = [
            {
                "kind": "file_system",
                "id": "fs-0mock",
                "monthly_cost": {"amount": "0.30", "currency": "USD", "as_of": "2026-11-01"},
            }
        ]
        if wish.get("data") == "delete":
            parts, kept = [*parts, ("file_system", "fs-0mock")], []
        removed = [{"kind": kind, "id": name, "verified_absent": True} for kind, name in parts]
        lab["receipt"] = {"removed": removed, "kept": kept}
        return 202, self.begin("delete", lab)

    def _events(self, _: Json, lab_id: str) -> tuple[int, Any]:
        self.known(lab_id)
        return 200, {"items": list(self.events[lab_id]), "cursor": None}

    def _logs(self, asked: Json, lab_id: str) -> tuple[int, Any]:
        self.known(lab_id)
        lines = [{"at": iso(self.now), "text": text} for text in self.logs[lab_id]]
        lines = lines[::-1] if asked.get("order") == "newest" else lines
        return 200, {"items": lines, "cursor": None}

    def _login(self, _: Json, lab_id: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        if lab["phase"] != "READY":
            raise RefusedError(
                409, "conflict", f"lab {lab_id} is {lab['phase']}", f"start it: aws-research-wizard jupyter start {lab_id}"
            )
        expires = iso(self.now + timedelta(seconds=120))
        return 200, {"url": f"{lab['address']}/hub/login?ticket=mock", "expires_at": expires, "tunnel": None}

    def _users(self, _: Json, lab_id: str) -> tuple[int, Any]:
        self.known(lab_id)
        return 200, {"items": list(self.users[lab_id].values()), "cursor": None}

    def _put_user(self, wish: Json, lab_id: str, email: str = "") -> tuple[int, Any]:
        self.known(lab_id)
        member = self.member(lab_id, email or wish["email"], wish.get("role", "member"))
        self.users[lab_id][member["email"]] = member
        return 201 if not email else 200, member

    def _drop_user(self, _: Json, lab_id: str, email: str) -> tuple[int, Any]:
        self.known(lab_id)
        if self.users[lab_id].pop(email, None) is None:
            raise RefusedError(404, "not_found", f"{email} is not in lab {lab_id}", "")
        return 204, None

    def _packs(self, _: Json) -> tuple[int, Any]:
        short = ("name", "title", "purpose")
        names = [{name: pack[name] for name in short} for pack in PACKS.values()]
        kernels = [[kernel["display_name"] for kernel in pack["kernels"]] for pack in PACKS.values()]
        items = [one | {"kernels": shown, "own": None} for one, shown in zip(names, kernels, strict=True)]
        about = {"title": "Own", "purpose": "", "kernels": []}
        return 200, {"items": [*items, *({"name": one["name"], **about, "own": one} for one in self.own_packs.values())]}

    def _pack(self, _: Json, name: str) -> tuple[int, Any]:
        if name not in PACKS:
            raise RefusedError(404, "not_found", f"unknown domain '{name}'", "did you mean 'genomics'?")
        return 200, PACKS[name]

    def _offer_pack(self, asked: Json) -> tuple[int, Any]:
        return 200, {"items": [{"name": one["name"], "url": f"{UPLOADS}/{one['name']}", "headers": {}} for one in asked["files"]]}

    def _add_pack(self, asked: Json) -> tuple[int, Any]:
        if asked["name"] in PACKS:
            raise RefusedError(400, "bad_input", f"{asked['name']} is a pack that is shipped", "give yours another name")
        version = "-".join(sorted(one["sha256"][:8] for one in asked["files"]))
        made = {"name": asked["name"], "version": version, "team": asked.get("team") or "default", "added_by": self.email}
        self.own_packs[asked["name"]] = made | {"added_at": iso(self.now)}
        return 201, self.own_packs[asked["name"]]

    def _remove_pack(self, _: Json, name: str) -> tuple[int, Any]:
        user = next((lab["id"] for lab in self.labs.values() if lab["domain"] == name and lab["phase"] != "DELETED"), "")
        if name not in self.own_packs:
            raise RefusedError(404, "not_found", f"there is no pack '{name}' of a team's own", "aws-research-wizard packs list")
        if user:
            raise RefusedError(409, "conflict", f"pack {name} is used by {user}", "delete those labs first, or leave it")
        del self.own_packs[name]
        return 204, None

    def _put(self, _: Json, name: str) -> tuple[int, Any]:
        self.uploads.append(name)
        return 200, {}

    def _account(self, _: Json) -> tuple[int, Any]:
        unowned = sum(one["unowned"] for one in self.findings)
        look = {"run": f"a-{self.looks}", "at": iso(self.now), "by": self.email, "dry_run": self.dry_run}
        return 200, look | {"looked_at": 9, "unowned": unowned, "findings": self.findings, "left_out": 0}

    def _look(self, asked: Json) -> tuple[int, Any]:
        self.looks, self.dry_run = self.looks + 1, asked.get("dry_run", True)
        if not self.dry_run:
            self.findings = [one | {"outcome": "done"} if one["verdict"] == "remove" else one for one in self.findings]
        return 202, {"run": f"a-{self.looks}"}

    def _put_hours(self, asked: Json, lab_id: str) -> tuple[int, Any]:
        return 200, self.terms.set_hours(self.known(lab_id)["id"], asked, self.email)

    def _drop_hours(self, _: Json, whose: str) -> tuple[int, Any]:
        self.terms.hours_of(whose)
        del self.terms.hours[whose]
        return 204, None

    def _wake_key(self, _: Json, lab_id: str) -> tuple[int, Any]:
        key = {"path": f"/open/{self.known(lab_id)['id']}", "key": "awk_" + "k" * 32, "expires_at": "2027-05-22T09:00:00Z"}
        return 201, key


ID = r"([^/]+)"
ROUTES: list[tuple[str, str, Callable[..., tuple[int, Any]]]] = [
    ("GET", "/health", lambda _cloud, _: (200, {"status": "ok", "stage": "mock", "access_mode": "local"})),
    ("GET", "/whoami", MockCloud.whoami),
    ("GET", "/limits", MockCloud.places),
    ("GET", f"/limits/{ID}", lambda cloud, _, team: (200, cloud.terms.of(team))),
    ("PUT", f"/limits/{ID}", lambda cloud, asked, team: (200, cloud.terms.set_quota(team, asked))),
    ("GET", f"/budgets/{ID}", lambda cloud, _, team: (200, cloud.terms.budget(team))),
    ("PUT", f"/budgets/{ID}", lambda cloud, asked, team: (200, cloud.terms.set_budget(team, asked))),
    ("DELETE", f"/budgets/{ID}", lambda cloud, _, team: (204, cloud.terms.budgets.pop(team, None) and None)),
    ("GET", "/tokens", MockCloud.list_tokens),
    ("POST", "/tokens", MockCloud.make_token),
    ("DELETE", f"/tokens/{ID}", MockCloud.revoke_token),
    ("GET", "/packs", MockCloud._packs),
    ("GET", f"/packs/{ID}", MockCloud._pack),
    ("POST", "/packs", MockCloud._add_pack),
    ("POST", "/packs/uploads", MockCloud._offer_pack),
    ("DELETE", f"/packs/{ID}", MockCloud._remove_pack),
    ("PUT", f"/uploads/{ID}", MockCloud._put),
    ("POST", "/images", lambda cloud, asked: cloud.images.bake(asked["pack"], cloud.email, iso(cloud.now))),
    ("GET", "/images", lambda cloud, asked: cloud.images.page(asked.get("pack", ""))),
    ("GET", f"/images/{ID}", lambda cloud, _, bake_id: cloud.images.look(bake_id, iso(cloud.now))),
    ("GET", "/account", MockCloud._account),
    ("POST", "/account/reconcile", MockCloud._look),
    ("GET", "/audit", lambda cloud, asked: (200, cloud.audit.page(asked))),
    ("GET", "/audit/head", lambda cloud, _: (200, cloud.audit.head())),
    ("GET", "/audit/anchors", lambda cloud, _: (200, {"bucket": "mock", "items": cloud.audit.anchors, "next": None})),
    ("GET", "/costs", lambda cloud, asked: (200, cloud.costs.report(asked))),
    ("GET", "/costs/me", lambda cloud, asked: (200, cloud.costs.report(asked | {"by": "lab"}))),
    ("GET", f"/labs/{ID}/cost", lambda cloud, _, lab_id: (200, cloud.costs.of_lab(cloud.known(lab_id)))),
    ("GET", "/people", MockCloud.list_people),
    ("PUT", "/people", MockCloud.put_person),
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
    ("GET", f"/labs/{ID}/hours", lambda cloud, _, lab: (200, cloud.terms.hours_of(lab))),
    ("PUT", f"/labs/{ID}/hours", MockCloud._put_hours),
    ("DELETE", f"/labs/{ID}/hours", MockCloud._drop_hours),
    ("GET", f"/hours/{ID}", lambda cloud, _, team: (200, cloud.terms.hours_of(team))),
    ("PUT", f"/hours/{ID}", lambda cloud, asked, team: (200, cloud.terms.set_team_hours(team, asked, cloud.email))),
    ("DELETE", f"/hours/{ID}", MockCloud._drop_hours),
    ("POST", f"/labs/{ID}/wake-key", MockCloud._wake_key),
    ("DELETE", f"/labs/{ID}/wake-key", lambda _cloud, _, _lab: (204, None)),
    ("GET", "/backups", MockCloud.stock),
    ("GET", f"/labs/{ID}/backups", MockCloud.list_backups),
    ("POST", f"/labs/{ID}/backups", MockCloud.back_up),
    ("GET", f"/labs/{ID}/backups/{ID}", MockCloud.read_backup),
    ("DELETE", f"/labs/{ID}/backups/{ID}", MockCloud.drop_backup),
    ("GET", f"/labs/{ID}/backups/{ID}/files", MockCloud.list_files),
    ("POST", f"/labs/{ID}/restores", MockCloud.restore),
    ("GET", f"/labs/{ID}/restores/{ID}", MockCloud.read_restore),
    ("GET", f"/labs/{ID}/drills", MockCloud.list_drills),
    ("POST", f"/labs/{ID}/drills", MockCloud.drill),
    ("GET", f"/labs/{ID}/drills/{ID}", MockCloud.read_drill),
    ("POST", f"/labs/{ID}/upgrade", MockCloud._upgrade),
    ("POST", f"/labs/{ID}/packs", MockCloud._activate),
    ("DELETE", f"/labs/{ID}/packs/{ID}", MockCloud._deactivate),
]


def _response(status: int, body: Any) -> httpx.Response:
    return httpx.Response(status) if body is None else httpx.Response(status, json=body)
