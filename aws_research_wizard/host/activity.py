"""What is each server doing, and since when? The machine's evidence, looked at every few seconds and told with each heartbeat.

Every moment is told as an age in seconds, measured here: no clock but this machine's counts, and only one that goes forward.

Keeps true: looking is never taken for activity, and never waits long for one server; what could not be seen is "unknown", never
idle; while the hub is away its last word on who has a server stands.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol

from aws_research_wizard.host.ages import BUSY, STARTING, UNKNOWN, Ages, state_of
from aws_research_wizard.host.gpu import Gpus
from aws_research_wizard.host.hub_api import HubAway, Server, age, running
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.trees import Forest, Tree

LOOK_SECONDS, PATIENCE_SECONDS = 5.0, 3.0
STARTING_SECONDS = 600.0
"""A kernel that starts for longer than this will not."""
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Hub(Protocol):
    """As much of the hub as looking needs."""

    def users(self) -> list[dict[str, Any]]:
        """Return its users with their servers."""

    def server(self, person: str, port: int, method: str, path: str, body: Any = None, timeout: float | None = None) -> Any:
        """Ask a person's server."""


@dataclass(frozen=True)
class Seen:
    """One look at everything: `at` is when (a clock that only goes forward), `servers` what each did then."""

    at: float
    servers: tuple[Mapping[str, Any], ...] = ()
    people: frozenset[str] = frozenset()

    def told(self, now: float) -> list[dict[str, Any]]:
        """Return the servers with every age as it is now."""
        return [_older(server, max(0.0, now - self.at)) for server in self.servers]

    def essence(self) -> Any:
        """Return what must be told at once when it changes: who has a server, and what is busy."""
        return {
            server["user"]: (
                sorted((kernel["id"], kernel["state"]) for kernel in server["kernels"]),
                sorted((terminal["name"], bool(terminal["children"])) for terminal in server["terminals"]),
                bool(server["uploads"]),
            )
            for server in self.servers
        }


@dataclass
class Watch:
    """Looks, and remembers since when. `memory` is where that is kept (None: in this process alone)."""

    hub: Hub
    traffic: Callable[[], Mapping[str, Mapping[str, Any]]]
    instance_id: str = ""
    memory: Path | None = None
    forest: Forest = field(default_factory=Forest)
    gpus: Gpus = field(default_factory=Gpus)
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    changed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Begin with what was known before."""
        self._ages, self._lock = Ages(self.memory), threading.Lock()
        self._seen: Seen | None = None
        self._servers: list[Server] = []
        self._asked: dict[str, float] = {}
        self._terminals: dict[str, Any] = {}
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="look")

    def run(self, stop: threading.Event, every: Callable[[], float] = lambda: LOOK_SECONDS) -> None:
        """Look again and again, until `stop`; set `changed` on news."""
        while not stop.wait(every()):
            before = self._seen
            try:
                now = self.look()
            except Exception as error:  # looking goes on whatever it met
                print(f"[watch] {type(error).__name__}: {error}", flush=True)
                continue
            if before is None or before.essence() != now.essence():
                self.changed.set()

    def recent(self, seconds: float) -> Seen:
        """Return the last look, or a new one when that is older."""
        with self._lock:
            seen = self._seen
        return seen if seen and self.clock() - seen.at <= seconds else self.look()

    def last(self) -> Seen:
        """Return the last look; the first one is taken now."""
        return self.recent(float("inf"))

    def look(self) -> Seen:
        """Look at everything."""
        with self._lock:
            servers, begun = self._who(), self.clock()
            trees = self.forest.look({one.person: one.pid for one in servers if one.pid}, self.instance_id)
            self.gpus.look()
            heard = self._heard(begun)
            asked = list(self._pool.map(self._ask, servers))
            at = self.clock()
            told = [
                self._server(one, answers, trees.get(one.person, Tree()), heard.get(one.person, {}), at)
                for one, answers in zip(servers, asked, strict=True)
            ]
            self._ages.keep(_key(one["user"], kernel["id"]) for one in told for kernel in one["kernels"])
            self._seen = Seen(at, tuple(told), frozenset(one.person for one in servers))
            return self._seen

    def _who(self) -> list[Server]:
        try:
            self._servers = running(self.hub.users(), self.wall())
        except HubAway:
            self._servers = [replace(one) for one in self._servers]
        return self._servers

    def _heard(self, now: float) -> dict[str, Mapping[str, Any]]:
        """Return what the proxy says; a proxy that began anew has forgotten, we have not."""
        heard = {person: dict(said) for person, said in self.traffic().items()}
        for person, said in heard.items():
            if said.get("requests_s") is not None:
                self._asked[person] = now - said["requests_s"]
        for person, moment in self._asked.items():
            heard.setdefault(person, {})["requests_s"] = now - moment
        return dict(heard)

    def _ask(self, server: Server) -> dict[str, Any]:
        """Return what a server says of itself; a part is None when it does not answer."""
        return {what: self._part(server, f"/api/{what}") for what in ("kernels", "sessions", "terminals")}

    def _part(self, server: Server, path: str) -> Any:
        try:
            return self.hub.server(server.person, server.port, "GET", path, timeout=PATIENCE_SECONDS) if server.port else None
        except HubAway:
            return None

    def _server(self, one: Server, said: Mapping[str, Any], tree: Tree, heard: Mapping[str, Any], at: float) -> dict[str, Any]:
        return {
            "user": one.person,
            "started_s": one.started_s,
            "kernels": self._kernels(one, said, at),
            "terminals": _terminals(self._named(one.person, said["terminals"]), tree, self.wall()),
            "requests_s": heard.get("requests_s"),
            "uploads": heard.get("uploads", 0),
            "connections": heard.get("connections", 0),
            "cpu": tree.cpu,
            "memory_mb": tree.memory_mb,
            "gpu": self.gpus.of(tree.pids),
        }

    def _named(self, person: str, said: Any) -> Any:
        """Return a server's terminals; those it named last while it does not answer."""
        if said is not None:
            self._terminals[person] = said
        return self._terminals.get(person, ())

    def _kernels(self, one: Server, said: Mapping[str, Any], at: float) -> list[dict[str, Any]]:
        if said["kernels"] is None:  # no answer: those known before are there in a state that nobody knows
            known = [key.split(" ", 1)[1] for key in self._ages.known(f"{one.person} ")]
            return [self._kernel(one, {"id": kernel}, "", at) for kernel in known]
        notebooks = {(row.get("kernel") or {}).get("id"): row.get("path") for row in said["sessions"] or ()}
        return [self._kernel(one, kernel, str(notebooks.get(kernel.get("id")) or ""), at) for kernel in said["kernels"]]

    def _kernel(self, one: Server, kernel: Mapping[str, Any], notebook: str, at: float) -> dict[str, Any]:
        state, number = state_of(kernel), str(kernel.get("id") or "")
        for_s = self._ages.note(_key(one.person, number), state, at, age(kernel.get("last_activity"), self.wall()))
        return {
            "id": number,
            "name": kernel.get("name"),
            "state": state,
            "for_s": for_s,
            "connections": int(kernel.get("connections") or 0),
            "notebook": notebook,
        }


def of_machine(machine: Machine, hub: Hub, memory: Path | None = None) -> Watch:
    """Return what watches this machine."""
    return Watch(hub, lambda: traffic(machine), machine.instance_id, memory)


def traffic(machine: Machine) -> dict[str, Any]:
    """Ask the proxy who is heard; nothing while it does not answer."""
    try:
        token = (machine.state / "hub/proxy_token").read_text()
        url = f"http://127.0.0.1:{machine.ports.proxy_api}/wizard/traffic"
        request = urllib.request.Request(url, headers={"Authorization": f"token {token}"})
        with _DIRECT.open(request, timeout=PATIENCE_SECONDS) as answer:
            return dict(json.loads(answer.read()))
    except (OSError, ValueError, HTTPException, urllib.error.URLError):
        return {}


def _key(person: str, kernel: str) -> str:
    return f"{person} {kernel}"


def _terminals(said: Iterable[Mapping[str, Any]], tree: Tree, now: float) -> list[dict[str, Any]]:
    """Return a server's terminals with what runs in each; what works without one is told like one."""
    named = [(str(one.get("name")), age(one.get("last_activity"), now)) for one in said]
    told = [
        {"name": named[place][0] if place < len(named) else f"shell {place + 1}", "children": shell.children, "cpu": shell.cpu,
         "idle_s": named[place][1] if place < len(named) else None}
        for place, shell in enumerate(tree.shells)
    ]  # fmt: skip
    told += [{"name": name, "children": 0, "cpu": None, "idle_s": quiet} for name, quiet in named[len(tree.shells) :]]
    if tree.loose:
        told.append({"name": "left running", "children": tree.loose.children, "cpu": tree.loose.cpu, "idle_s": None})
    return told


def _older(server: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return what a server did, told `seconds` later."""

    def later(value: float | None) -> float | None:
        return None if value is None else round(value + seconds, 1)

    return {
        **server,
        "started_s": later(server["started_s"]),
        "requests_s": later(server["requests_s"]),
        "kernels": [{**kernel, "for_s": later(kernel["for_s"])} for kernel in server["kernels"]],
        "terminals": [{**terminal, "idle_s": later(terminal["idle_s"])} for terminal in server["terminals"]],
    }


def busy(server: Mapping[str, Any]) -> str:
    """Return what keeps a server from being idle, in words; blank when nothing is seen that does."""
    for kernel in server["kernels"]:
        if kernel["state"] == UNKNOWN:
            return "a kernel does not say whether it works"
        if kernel["state"] == BUSY or (kernel["state"] == STARTING and kernel["for_s"] < STARTING_SECONDS):
            return f"a kernel is {kernel['state']}" + (f" ({kernel['notebook']})" if kernel["notebook"] else "")
    if working := [terminal for terminal in server["terminals"] if terminal["children"]]:
        return f"something runs in terminal {working[0]['name']}"
    return "an upload is under way" if server["uploads"] else ""


def quiet_s(server: Mapping[str, Any]) -> float:
    """Return how long nobody did anything with a server that is not busy."""
    ages = [server["started_s"], server["requests_s"], *(one["for_s"] for one in server["kernels"])]
    ages += [one["idle_s"] for one in server["terminals"]]
    return min((value for value in ages if value is not None), default=0.0)
