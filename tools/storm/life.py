"""One lab's life as a person lives it: ask, work, stop, start, scale, delete; patient while parts of the cloud are dead.

Every file that the person's kernel said it wrote is noted with its SHA-256. Files are written under new names only, so what
was once told as written is never touched again by us: from then on it is the lab's to keep.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.exceptions import WebSocketException

from aws_research_wizard.client.errors import Conflict, NotFound, WizardError
from tools.hub import HubError, Person
from tools.storm.ground import Ground, StormError, until

DOMAIN, KERNEL = "base", "base-python"
TYPES = ("m6i.xlarge", "m6i.2xlarge", "m6i.4xlarge")
MOVING = frozenset({"PROVISIONING", "STOPPING", "STARTING", "SCALING", "DELETING"})
GOAL_SECONDS = 600.0
VISIT_SECONDS = 420.0
MOST_LABS = 8
WRITE = """
import hashlib, json, os, random
told = {{}}
for name, size in {files}:
    content = random.Random(name).randbytes(size)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    told[name] = hashlib.sha256(content).hexdigest()
    print(json.dumps({{name: told[name]}}), flush=True)
"""
READ = """
import hashlib, json
print(json.dumps({{name: hashlib.sha256(open(name, "rb").read()).hexdigest() for name in {names}}}))
"""
#: Whole lives, and how often each is drawn.
STORIES = {
    ("visit", "stop", "start", "visit", "scale", "visit", "delete"): 5,
    ("visit", "stop", "scale", "start", "visit", "delete"): 3,
    ("visit", "scale", "visit", "delete"): 3,
    ("visit", "grow", "stop", "delete"): 2,
    ("visit", "stopping", "delete"): 2,
    ("visit", "stop", "starting", "delete"): 2,
    ("hasty", "delete"): 2,
    ("visit", "delete"): 1,
}


@dataclass
class Life:
    """One life. `files` maps a path in the lab's storage to the SHA-256 that the kernel told; `seen` holds every instance."""

    number: int
    ground: Ground
    chance: random.Random
    lab_id: str = ""
    storage: str = ""
    keep: bool = True
    story: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    again: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)
    labs: list[str] = field(default_factory=list)
    seconds: float = 0.0
    checked: int = 0
    doing: str = "waiting"

    def live(self) -> None:
        """The whole story; what does not come true is noted in `wrong`, never raised."""
        began = time.monotonic()
        self.story = self.chance.choices(list(STORIES), list(STORIES.values()))[0]
        self.keep = self.chance.random() < 0.6
        try:
            self._request()
            for step in self.story:
                self.doing = step
                getattr(self, f"_{step}")()
            self.doing = "done"
        except (StormError, WizardError, HubError) as error:
            self.wrong.append(f"life {self.number} ({self.lab_id or 'no lab'}), {self.doing}: {error}")
        except Exception as error:
            self.wrong.append(f"life {self.number} ({self.lab_id or 'no lab'}), {self.doing}: {type(error).__name__}: {error}")
        self.seconds = time.monotonic() - began

    # ── the steps of a story ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _request(self) -> None:
        """A lab, asked for until it is answered: always with the same key, so it is one lab."""
        key = f"storm-{self.number}-{len(self.labs)}-{self.chance.getrandbits(64):x}"
        wish: Any = {"domain": DOMAIN, "users": 2, "notebook_examples": False, "name": f"life {self.number}"}
        lab = self._ask("request", lambda calls: calls.create_lab(wish, key=key))
        self.lab_id = lab["id"]
        self.labs.append(self.lab_id)

    def _hasty(self) -> None:
        """Somebody thinks better of it while the lab is made."""
        time.sleep(self.chance.uniform(0.0, 8.0))

    def _visit(self) -> None:
        """Sign in, look at the old files, write new ones."""
        self._reach("READY")
        visit, deadline = len(self.again) * 100 + len(self.files), time.monotonic() + VISIT_SECONDS
        while True:
            try:
                self._work(visit)
                break
            except (HubError, httpx.HTTPError, WebSocketException, OSError, WizardError, ValueError, TimeoutError) as error:
                self.again.append(f"visit: {type(error).__name__}: {error}"[:300])
                if time.monotonic() > deadline:
                    raise StormError(f"nobody can work: {error}") from error
                time.sleep(1.0)
                self._reach("READY")
                visit = len(self.again) * 100 + len(self.files)
        self._check()

    def _stop(self) -> None:
        self._reach("STOPPED")
        self._check()

    def _start(self) -> None:
        self._reach("READY")
        self._check()

    def _stopping(self) -> None:
        self._command("stop")

    def _starting(self) -> None:
        self._command("start")
        time.sleep(self.chance.uniform(0.0, 4.0))

    def _grow(self) -> None:
        """More people, more storage: nothing restarts."""
        self._ask("grow", lambda calls: self._unless_moving(lambda: calls.scale_lab(self.lab_id, {"users": 5})))

    def _scale(self) -> None:
        """Another machine."""
        if self.look()["phase"] not in ("READY", "STOPPED"):
            self._reach("READY")
        wanted = self.chance.choice([name for name in TYPES if name != self.look()["instance_type"]])
        self._ask("scale", lambda calls: self._unless_moving(lambda: calls.scale_lab(self.lab_id, {"instance_type": wanted})))
        self._rest()
        self._check()

    def _delete(self) -> None:
        """The end: the receipt names what is kept; what was to go is gone from disk."""
        lab = self._reach("DELETED")
        kept = {one["id"] for one in (lab["receipt"] or {}).get("kept", ())}
        expected = {self.storage} if self.files and self.keep else set()
        if self.files and kept != expected:
            self.wrong.append(
                f"life {self.number} ({self.lab_id}): the receipt keeps {kept or 'nothing'}, not {expected or 'nothing'}"
            )
        for name in kept:
            self.kept[name] = dict(self.files)
        if kept:
            self._check()

    # ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _work(self, visit: int) -> None:
        link = self._ask("login", lambda calls: calls.login(self.lab_id))["url"]
        person = Person.by_link(link)
        with closing(person.http):
            person.start_server()
            kernel = person.start_kernel(KERNEL)
            home = f"homes/{person.user}"
            if known := [name.removeprefix(f"{home}/") for name in self.files if name.startswith(f"{home}/")]:
                told = json.loads(person.run(kernel, READ.format(names=known), 60).text)
                self._compare({f"{home}/{name}": digest for name, digest in told.items()}, "its kernel reads")
            wanted = [(f"work/{visit}/{number}.bin", self.chance.choice((0, 10, 5_000, 300_000))) for number in range(4)]
            cell = person.run(kernel, WRITE.format(files=wanted), 60)
            for line in cell.text.split("\n"):
                if line.strip():
                    self.files |= {f"{home}/{name}": digest for name, digest in json.loads(line).items()}
            text = f"notes of visit {visit}, {self.chance.getrandbits(200):x}"
            person.write(f"notes-{visit}.txt", text)
            self.files[f"{home}/notes-{visit}.txt"] = hashlib.sha256(text.encode()).hexdigest()
            if cell.error:
                raise HubError(cell.error)
        self.storage = self.look()["storage"]["file_system_id"]

    def _check(self) -> None:
        """Every file that was told as written, read from the file system itself."""
        if not self.storage:
            return
        root = self.ground.home.efs / self.storage
        self._compare({name: _digest(root / name) for name in self.files}, "on disk")
        self.checked += len(self.files)

    def look_back(self) -> None:
        """After the storm: the files of every file system that was kept."""
        for storage, told in self.kept.items():
            self._compare({name: _digest(self.ground.home.efs / storage / name) for name in told}, "when it was over")
            self.checked += len(told)

    def _compare(self, found: dict[str, str], where: str) -> None:
        for name, digest in found.items():
            if digest != self.files[name]:
                self.wrong.append(f"life {self.number} ({self.lab_id}): LOST {name} {where}: {digest or 'missing'}")

    # ── reaching a phase ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def look(self) -> Any:
        """The lab as it is."""
        return self._ask("look", lambda calls: calls.lab(self.lab_id))

    def _rest(self) -> Any:
        """Wait until nothing moves."""

        def resting() -> Any:
            lab = self.look()
            return lab if lab["phase"] not in MOVING else None

        return until(f"{self.lab_id} rests", resting, GOAL_SECONDS)

    def _reach(self, wanted: str) -> Any:
        """Do what a person would, again and again, until the lab is in this phase."""
        deadline = time.monotonic() + GOAL_SECONDS
        while (lab := self._rest())["phase"] != wanted:
            if time.monotonic() > deadline:
                raise StormError(f"{self.lab_id} does not become {wanted}: {lab['phase']}, {lab['cause']}")
            self._nudge(lab, wanted)
        return lab

    def _nudge(self, lab: Any, wanted: str) -> None:
        phase = lab["phase"]
        if wanted == "DELETED":
            self._command("delete")
        elif phase == "DELETED":
            raise StormError(f"{self.lab_id} is DELETED, and nobody asked for it")
        elif phase == "FAILED" and not lab["ready_at"]:
            self._another(lab)
        elif wanted == "READY":
            self.again += [f"{phase}: {lab['cause']}"] if lab["cause"] else []
            self._command("start")
        elif phase == "FAILED":
            self.again.append(f"FAILED: {lab['cause']}")
            self._command("start")
        else:
            self._command("stop")

    def _another(self, lab: Any) -> None:
        """A lab that never became ready is deleted, and another one asked for."""
        self.again.append(f"never ready: {lab['cause']}")
        if len(self.labs) == MOST_LABS:
            raise StormError(f"{MOST_LABS} labs in a row were never ready: {lab['cause']}")
        self._command("delete")
        until(f"{self.lab_id} is gone", lambda: self._rest()["phase"] == "DELETED", GOAL_SECONDS)
        self._request()

    def _command(self, word: str) -> None:
        calls: dict[str, Callable[[Any], Any]] = {
            "stop": lambda api: api.stop_lab(self.lab_id),
            "start": lambda api: api.start_lab(self.lab_id),
            "delete": lambda api: api.delete_lab(self.lab_id, keep_data=self.keep),
        }
        self._ask(word, lambda api: self._unless_moving(lambda: calls[word](api)))

    def _unless_moving(self, ask: Callable[[], Any]) -> Any:
        """The lab may have moved on by itself meanwhile: then it is looked at again."""
        try:
            return ask()
        except Conflict as error:
            self.again.append(f"conflict: {error.message}")
            return None

    def _ask(self, what: str, ask: Callable[[Any], Any]) -> Any:
        def once() -> Any:
            with self.ground.calls() as calls:
                return ask(calls)

        try:
            return self.ground.patiently(what, once)
        except NotFound as error:
            raise StormError(f"{what}: {error.message}") from error


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
