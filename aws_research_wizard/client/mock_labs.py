"""How labs live in the mock cloud: their shapes, their stories, and the clock they live by."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_research_wizard.client.mock_packs import MACHINES, arrive, kernel_views, pack_view, stall

Json = dict[str, Any]
Step = tuple[str, float, Json]
EPOCH = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
EMAIL = "ada@university.edu"


# command -> (phase meanwhile, facts with the seconds they take, phase in the end)
STORIES: dict[str, tuple[str, list[Step], str]] = {
    "create": (
        "PROVISIONING",
        [
            ("EnvironmentResolved", 0.4, {"kernels": ["genomics-python"]}),
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


class RefusedError(Exception):
    """A request the control plane says no to."""

    def __init__(self, status: int, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.status, self.code, self.hint = status, code, hint


class MockLabs:
    """The labs of a control plane in memory. Everything here is public: read and change it as a test needs."""

    def __init__(self, email: str = EMAIL) -> None:
        self.email = email
        self.labs: dict[str, Json] = {}
        self.events: dict[str, list[Json]] = {}
        self.logs: dict[str, list[str]] = {}
        self.users: dict[str, dict[str, Json]] = {}
        self.fails_with = ""  # the cause with which the next labs fail while they are made
        self.now = EPOCH
        self.pending: dict[str, tuple[list[Step], str]] = {}
        self.newest = "0a1b2c3d4e5f"
        self.activation_stalls = False  # nothing is heard of the next packs
        self.activation_fails_with = ""  # the cause with which the next packs are not activated
        self.upgrade_fails_with = ""  # the cause with which the next upgrades are taken back

    def known(self, lab_id: str) -> Json:
        if lab_id not in self.labs:
            raise RefusedError(404, "not_found", f"no lab {lab_id}", "see: aws-research-wizard jupyter list")
        return self.labs[lab_id]

    def new_lab(self, wish: Json) -> Json:
        number, machine = len(self.labs) + 1, wish.get("instance_type") or MACHINES.get(wish["domain"], "m6i.xlarge")
        lab_id = f"{wish['domain'].split('_')[0]}-k3x{number}"
        lab: Json = dict.fromkeys(("cause", "hint", "address", "instance_id"))
        return lab | {
            "id": lab_id,
            "name": wish.get("name") or "",
            "domain": wish["domain"],
            "phase": "PROVISIONING",
            "owner": self.email,
            "team": wish.get("team") or "default",
            "users": wish.get("users", 1),
            "instance_type": machine,
            "shared_storage_gb": gigabytes(wish.get("shared_storage", "100GB")),
            "access_mode": "local",
            "price_per_hour": {"amount": "0.504", "currency": "USD", "as_of": "2026-11-01"},
            "packs": [pack_view(wish["domain"], own=True)],
            "kernels": kernel_views(wish["domain"]),
            "image": None,
            "example_notebooks": 2 if wish.get("notebook_examples", True) else 0,
            "generation": 0,
            "created_at": iso(self.now),
            "changed_at": iso(self.now),
            "ready_at": None,
            "steps": [],
            "storage": {"file_system_id": "fs-0mock", "used_bytes": None, "quota_gb": 100},
            "machine": None,
            "receipt": None,
            "release": self.newest,
            "newer_release": None,
            "upgrading": None,
            "release_note": None,
            "stops_at": None,
            "notice": None,
        }

    def begin(self, word: str, lab: Json) -> Json:
        phase, story, end = STORIES[word]
        lab.update(phase=phase, generation=lab["generation"] + 1)
        self.fact(lab, OPENING[word], {})
        told = story[:4] if self.fails_with and word in ("create", "start") else story
        self.pending[lab["id"]] = (list(told), "FAILED" if told is not story else end)
        return dict(lab)

    def release(self, newest: str) -> None:
        """Deploy a release: every lab is told, none is upgraded."""
        self.newest = newest
        for lab in self.labs.values():
            lab["newer_release"] = newest

    def move_on(self, lab: Json) -> None:
        if lab["phase"] == "READY":
            stall(lab) if self.activation_stalls else arrive(lab, self.activation_fails_with)
        if lab["upgrading"]:
            done = {"release": self.newest, "newer_release": None} if not self.upgrade_fails_with else {}
            lab.update(upgrading=None, release_note=self.upgrade_fails_with or None, **done)
        if lab["id"] not in self.pending:
            return
        story, end = self.pending[lab["id"]]
        if story:
            name, seconds, data = story.pop(0)
            self.now += timedelta(seconds=seconds)
            self.fact(lab, name, {key: lab["instance_type"] if value == "{machine}" else value for key, value in data.items()})
        if not story:
            self.rest(lab, end)

    def rest(self, lab: Json, phase: str) -> None:
        del self.pending[lab["id"]]
        lab["phase"] = phase
        if phase == "READY":
            lab.update(address="http://127.0.0.1:8000", instance_id="i-0mock", ready_at=iso(self.now))
        if phase == "FAILED":
            lab.update(cause=self.fails_with, hint="deploy it again")
            self.fact(lab, "LabFailed", {"cause": self.fails_with})

    def fact(self, lab: Json, name: str, data: Json) -> None:
        lab["changed_at"] = at = iso(self.now)
        known = self.events.setdefault(lab["id"], [])
        known.append(
            {
                "id": f"FACT#{at}-{len(known):04x}",
                "name": name,
                "at": at,
                "by": self.email,
                "correlation_id": "mock",
                "data": data,
            }
        )

    def member(self, lab_id: str, email: str, role: str) -> Json:
        before = self.users.get(lab_id, {}).get(email, {})
        added = before.get("added_at", iso(self.now))
        return {"email": email, "role": role, "owner": email == self.labs[lab_id]["owner"], "added_at": added}


def iso(moment: datetime) -> str:
    """A moment as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def gigabytes(text: str) -> int:
    """'1TB' as 1000."""
    amount = float(text[:-2])
    return int(amount * 1000) if text.endswith("TB") else int(amount)
