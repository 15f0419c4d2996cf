"""A lab's machine, played: once EC2 runs it, it claims itself, says that it is ready, beats, and does the work it is ordered to
do. Its people work, unless a flow says that they left it alone (`idle`).

It speaks to the API as the real one does (aws_research_wizard/host): again and again while nobody answers, and again for a
while when it is not known yet; what it was told on its own disk survives a stop. `WORKERS` plays a kind of work: (cloud,
lab_id, order) → (state, report, cause).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tests.fakes.sim.builder import build, builds
from tests.fakes.sim.cloud import Cloud, Json

if TYPE_CHECKING:
    from tests.fakes.gateway import Answer
    from tests.fakes.sim.town import Town

PATIENCE = 3  # refusals in a row before it rests until the clock goes on
Worker = Callable[[Cloud, str, Json], tuple[str, Json, str]]
WORKERS: dict[str, Worker] = {}
ABLE = ("READY", "STOPPING", "SCALING")  # in the last two it saves what people have open, and nothing else
TAG = "aws-research-wizard"


def worker(kind: str) -> Callable[[Worker], Worker]:
    """Register who plays a kind of work."""

    def register(play: Worker) -> Worker:
        WORKERS[kind] = play
        return play

    return register


def _server(state: str) -> Json:
    """Somebody's server, at work or left alone for hours; a tab is open all the same."""
    kernel = {"id": "k1", "name": "genomics-python", "state": state, "for_s": 7200, "connections": 1}
    return {
        "user": "ada@university.edu",
        "started_s": 9000,
        "requests_s": 7200,
        "cpu": 0.5,
        "connections": 1,
        "kernels": [kernel],
    }


class Machines:
    """All machines of the account that carry a lab's tag."""

    def __init__(self, town: Town) -> None:
        self.town, self.cloud = town, town.cloud
        self.shelf = town.cloud.shelf("machines")

    def changed(self, instance_id: str, state: str) -> None:
        """EC2 says that an instance is in another state."""
        one = self.shelf.get(instance_id) or {
            "id": instance_id,
            "lab": self._tag(instance_id, "lab"),
            "bake": self._tag(instance_id, "bake"),
            "token": "",
            "boots": 0,
            "work": {},
        }
        if state == "running":
            boots = one["boots"] + 1
            step = "ready" if one["token"] else "claim"
            self._keep({**one, "boots": boots, "step": step, "tries": 0, "beat": False})
        elif one.get("step") != "off":
            self._keep({**one, "step": "off", "work": {}})

    def _tag(self, instance_id: str, name: str) -> str:
        tags = self.cloud.shelf("ec2.instances").get(instance_id)["Tags"]
        return next((str(tag["Value"]) for tag in tags if tag["Key"] == f"{TAG}:{name}"), "")

    def _keep(self, one: Json) -> None:
        self.shelf.put(one["id"], one)

    def pulse(self) -> None:
        """Time has gone on: every machine that runs beats once more, and what rested tries again."""
        for one in self.shelf.values():
            if one["lab"] and one.get("step") not in ("off", "dead"):
                self._keep({**one, "beat": one["step"] == "up", "tries": 0})

    def able(self) -> list[str]:
        """Machines that have something to say now."""
        return [one["id"] for one in self.shelf.values() if (one["lab"] and self._able(one)) or builds(one)]

    def _able(self, one: Json) -> bool:
        if one.get("step") in ("off", "dead") or one["tries"] >= PATIENCE:
            return False
        return one["step"] in ("claim", "ready") or one["beat"] or bool(one["work"]) or self._ordered(one) or self._fits(one)

    def _ordered(self, one: Json) -> bool:
        """Is there work for it that it has not heard of? Then its next beat, half a minute away, counts as now."""
        rows = self.cloud.shelf("table.labs")
        lab = rows.get((f"LAB#{one['lab']}", "LAB"))
        mine = lab is not None and lab["phase"]["S"] in ABLE and lab.get("instance_id", {}).get("S") == one["id"]
        return mine and any(
            key[0] == f"LAB#{one['lab']}" and key[1].startswith("WORK#") and item["state"]["S"] in ("ordered", "running")
            and key[1].removeprefix("WORK#") not in one["work"] and item["generation"] == lab["generation"]
            for key, item in rows.items()
        )  # fmt: skip

    def _fits(self, one: Json) -> bool:
        """Are there kernels of its lab that it makes? It tells of them with its next beats."""
        lab = self.cloud.shelf("table.labs").get((f"LAB#{one['lab']}", "LAB"))
        mine = lab is not None and lab["phase"]["S"] == "READY" and lab.get("instance_id", {}).get("S") == one["id"]
        rows = json.loads(lab.get("kernels", {}).get("S", "[]")) if mine else []
        return any(row[3:4] in (["installing"], ["stalled"]) for row in rows)

    def speak(self, instance_id: str) -> None:
        """The next thing this machine says."""
        one = self.shelf.get(instance_id)
        if one["bake"]:
            return build(self.town, one["bake"], instance_id)
        if one["step"] == "claim":
            return self._claim(one)
        if one["step"] == "ready":
            return self._ready(one)
        if one["work"]:
            return self._work(one, *next(iter(sorted(one["work"].items()))))
        return self._beat(one)

    def _claim(self, one: Json) -> None:
        signed = (
            "AWS4-HMAC-SHA256 Credential=ASIATEST/1/us-east-1/sts/aws4_request, SignedHeaders=host;x-wizard-lab, Signature=00"
        )
        role = self.cloud.shelf("ec2.instances").get(one["id"])["IamInstanceProfile"].get("Name", "")
        headers = {"X-Wizard-Lab": one["lab"], "Authorization": signed, "X-Amz-Security-Token": f"{role}/{one['id']}"}
        proof = {"headers": headers, "body": "Action=GetCallerIdentity&Version=2011-06-15"}
        answer = self.town.say("", "claim", {"lab_id": one["lab"], "instance_id": one["id"], "proof": proof})
        self._took(
            one, answer, {"token": answer.json["token"], "step": "ready"} if answer.status == 200 else {}, again=(401, 403, 404)
        )

    def _ready(self, one: Json) -> None:
        steps = [{"name": "install hub", "seconds": 3.5}]
        body = {
            "boot_id": f"boot-{one['id']}-{one['boots']}",
            "address": "http://127.0.0.1:8000",
            "steps": steps,
            "kernels": ["genomics-python"],
        }
        answer = self.town.say(one["token"], "ready", body)
        self._took(one, answer, {"step": "up"}, refused={"step": "up"})

    def _beat(self, one: Json) -> None:
        body = {"boot_id": f"boot-{one['id']}-{one['boots']}", "uptime_s": 60, "storage_used_bytes": 6144}
        body |= {"seq": int(self.cloud.seconds()), "servers": [_server("idle" if one.get("idle") else "busy")]}
        body |= {"release": one["release"]} if one.get("release") else {}
        body |= {"kernels": [self._kernel(one, name, asked) for name, asked in one.get("kernels", ())]}
        answer = self.town.say(one["token"], "heartbeat", body)
        ordered = {piece["id"]: piece for piece in answer.json.get("work", [])} if answer.status == 200 else {}
        told = [[kernel["name"], kernel["asked"]] for kernel in answer.json["kernels"]] if answer.status == 200 else []
        self._took(one, answer, {"beat": False, "work": ordered, "kernels": told}, refused={"beat": False})

    @staticmethod
    def _kernel(one: Json, name: str, asked: str) -> Json:
        """It makes every kernel that it was told of before, unless a flow says that those of other packs do not fit."""
        if asked and one.get("misfit"):
            return {"name": name, "asked": asked, "state": "failed", "cause": "no space left"}
        return {"name": name, "asked": asked, "state": "ready", "lock": "ab" * 32, "solved": "2026-11-23", "pins": 61}

    def _work(self, one: Json, work_id: str, piece: Json) -> None:
        """Do a piece of work (once), then report it until it is heard."""
        if "done" not in piece:
            state, report, cause = WORKERS[piece["kind"]](self.cloud, one["lab"], piece["order"])
            one = {**one, "release": report["release"]} if "release" in report else one
            piece = {**piece, "done": json.dumps({"state": state, "report": report, "cause": cause})}
            one = {**one, "work": {**one["work"], work_id: piece}}
            self._keep(one)
        answer = self.town.say(one["token"], f"work/{work_id}", json.loads(piece["done"]))
        left = {name: value for name, value in one["work"].items() if name != work_id}
        self._took(one, answer, {"work": left}, refused={"work": left})

    def _took(
        self,
        one: Json,
        answer: Answer,
        well: Mapping[str, Any],
        again: tuple[int, ...] = (),
        refused: Mapping[str, Any] | None = None,
    ) -> None:
        """What the answer means: heard, to be said again, or refused for good."""
        now = self.shelf.get(one["id"])
        if now.get("step") == "off" or now["boots"] != one["boots"]:
            return
        if answer.status < 300:
            self._keep({**now, **well, "tries": 0})
        elif answer.status >= 500 or answer.status == 429 or answer.status in again:
            self._keep({**now, "tries": now["tries"] + 1})
        else:
            self._keep({**now, **({"step": "dead"} if refused is None else refused), "tries": 0})
