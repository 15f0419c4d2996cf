"""How does a lab get another release while people work in it? One side carries the order out, the other conducts the change.

    fetch the bundle beside ours → prove it in private (prove.py, its own code) → `current` names it, hub and agent end and start
    from it → watched a while → done;  anything else than that → `current` names ours again, hub and agent start from it

The order is carried out by the agent's worker (`carry_out`), which only follows; the change is conducted by a process of its own
(`main`), because the agent itself ends in the middle. Keeps true: people's servers and kernels and the proxy are never ended; a
conductor that dies is noticed by the agent or by the next boot, and the change is taken back (`settle`).
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from aws_research_wizard.host import bundles, commands, files, guard, hub, processes, prove, releases
from aws_research_wizard.host.bundles import BundleRefused
from aws_research_wizard.host.hub_api import HubApi, HubAway
from aws_research_wizard.host.machine import MARKER, Machine
from aws_research_wizard.host.releases import Record
from aws_research_wizard.host.work import Tell, WorkFailed

PROVE_SECONDS = 3600.0
HUB_SECONDS = 120.0
WATCH_SECONDS, WATCH_LOCAL_SECONDS = 60.0, 6.0
"""How long a release must serve before the one before it is let go."""
LOCK = "AWR_UPGRADE_LOCK"
TIDY_SECONDS = 120.0
"""How long a conductor may tidy up after its change is over."""
MOST_STARTS = 4
INTERRUPTED = "the upgrade was interrupted"


class UpgradeFailed(Exception):  # noqa: N818
    """The release is not taken; the words are for a person."""


# ---- the worker's side ---------------------------------------------------------------------------------------------------


def carry_out(machine: Machine, order: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    """See an ordered upgrade through: start what conducts it, or follow the one that runs (an agent that came back asks anew)."""
    wanted, name = str(order["release"]), str(order.get("upgrade_id") or order["release"])
    record = releases.load(machine)
    if record is None or record.id != name:
        if machine.release == wanted and releases.current(machine) == wanted:
            return {"release": wanted, "previous": wanted, "seconds": 0}
        with _begun(machine, Record(name, machine.release, wanted, "preparing")) as lock:
            _conduct(machine, order, lock)
    return _follow(machine, name, tell)


def _begun(machine: Machine, record: Record) -> IO[str]:
    """Write the change down, once whoever conducted the last one has gone; return the lock that whoever conducts it must hold."""
    end = time.monotonic() + TIDY_SECONDS
    while (lock := releases.lock(machine)) is None:
        if time.monotonic() > end:
            raise WorkFailed("another upgrade of this lab is under way")
        time.sleep(0.5)
    last = releases.load(machine)
    if last and last.open:
        releases.take_back(machine, last, f"{INTERRUPTED}; the lab runs release {last.origin} as before")
    releases.save(machine, record)
    return lock


def _conduct(machine: Machine, order: Mapping[str, Any], lock: IO[str]) -> None:
    """Start the conductor as nobody's child, in a session of its own: it outlives this worker and ends the agent.

    It inherits the lock, so there is no moment at which the change seems to be nobody's."""
    files.write_json(machine.state / "upgrade-order.json", {"bundle": order["bundle"]})
    words = ["/bin/sh", "-c", '"$@" &', "sh", sys.executable, "-P", "-m", "aws_research_wizard.host", "upgrade"]
    extra = {MARKER: machine.instance_id, "AWR_BUNDLE_DIR": str(machine.bundle), LOCK: str(lock.fileno())}
    env = {name: value for name, value in commands.clean_env(extra).items() if not name.startswith("SUPERVISOR_")}
    with (machine.logs / "upgrade.log").open("ab") as log:
        subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True, check=True, cwd="/",
            pass_fds=[lock.fileno()],
        )  # fmt: skip


def _follow(machine: Machine, name: str, tell: Tell) -> Mapping[str, Any]:
    """Wait for the end of a change; return its report or raise what went wrong."""
    begun, idle = time.monotonic(), 0
    while (record := releases.load(machine)) and record.id == name and record.open:
        tell({"phase": record.phase, "seconds": round(time.monotonic() - begun)})
        time.sleep(1.0)
        idle = idle + 1 if _orphaned(machine) else 0
        if idle > 3:
            settle(machine)
    if record is None or record.id != name:
        raise WorkFailed("the upgrade was overtaken by another")
    if record.phase == "failed":
        raise WorkFailed(record.cause)
    return {**(files.read_json(machine.state / "upgrade-report.json") or {}), "release": record.to, "previous": record.origin}


def _orphaned(machine: Machine) -> bool:
    with releases.held(machine) as free:
        return free


def settle(machine: Machine) -> bool:
    """Take back a change whose conductor died; say whether there was one. The agent asks this at every beat."""
    record = releases.load(machine)
    if record is None or not record.open or record.id == releases.AT_START:
        return False
    with releases.held(machine) as free:
        record = releases.load(machine)
        if not free or record is None or not record.open:
            return False
        switched = record.phase in releases.SWITCHED
        prove.clear(machine)
        releases.take_back(machine, record, f"{INTERRUPTED}; the lab runs release {record.origin} as before")
    say(f"{record.to} is taken back: its conductor ended while it was {record.phase}")
    if switched:
        restart(machine)
    return True


# ---- the conductor's side ------------------------------------------------------------------------------------------------


def main(machine: Machine) -> int:
    """Conduct the change that the record names, under the lock that was handed down."""
    lock, record = int(os.environ[LOCK]), releases.load(machine)
    os.set_inheritable(lock, False)
    if record is None or record.phase != "preparing":
        return 1
    return Conductor(machine, record).conduct()


class Conductor:
    """One change of release, from the side of the release that runs."""

    def __init__(self, machine: Machine, record: Record) -> None:
        self.machine, self.record = machine, record
        self.begun = time.monotonic()

    def conduct(self) -> int:
        """See it through, or take it back; the record tells which."""
        say(f"from {self.record.origin} to {self.record.to}")
        try:
            seen = self._prepare()
            self._switch()
        except (UpgradeFailed, BundleRefused) as reason:
            return self._take_back(str(reason))
        except Exception as error:
            return self._take_back(f"{type(error).__name__}: {error}")
        seconds = round(time.monotonic() - self.begun, 1)
        files.write_json(self.machine.state / "upgrade-report.json", {**seen, "seconds": seconds})
        self._now("done")
        gone = releases.prune(self.machine, in_use(self.machine))
        say(f"done in {seconds} s{'; removed ' + ', '.join(gone) if gone else ''}")
        return 0

    def _now(self, phase: str) -> None:
        self.record = releases.save(self.machine, replace(self.record, phase=phase))
        say(phase)

    def _prepare(self) -> dict[str, Any]:
        """The bundle beside ours, and its own proof that it serves."""
        order = files.read_json(self.machine.state / "upgrade-order.json") or {}
        place = bundles.fetch(self.machine, str(order.get("bundle", "")), self.record.to)
        self._now("proving")
        return proven(self.machine, place)

    def _switch(self) -> None:
        """People get it, and it must hold."""
        before = servers(self.machine)
        self._now("switching")
        releases.point(self.machine, self.record.to)
        restart(self.machine)
        await_hub(self.machine, self.record.to)
        self._now("watching")
        watch(self.machine, self.record.to, before)

    def _take_back(self, cause: str) -> int:
        """Everybody as before; the cause is kept last, so that a crash in here is found again."""
        switched = self.record.phase in releases.SWITCHED
        say(f"taken back: {cause}")
        if switched:
            releases.point(self.machine, self.record.origin)
            restart(self.machine)
            try:
                await_hub(self.machine, self.record.origin)
            except UpgradeFailed as again:
                cause = f"{cause}; and after that {again}"
        if not (switched and "after that" in cause):
            cause = f"{cause}; the lab runs release {self.record.origin} as before"
        prove.clear(self.machine)
        releases.take_back(self.machine, self.record, cause)
        releases.prune(self.machine, in_use(self.machine))
        return 1


def proven(machine: Machine, place: Path) -> dict[str, Any]:
    """Let a release prove itself; return what it saw. Its own code does it, as its own boot would run."""
    wheel = next(place.glob("*.whl"))
    extra = {"PYTHONPATH": str(wheel), "AWR_BUNDLE_DIR": str(place), MARKER: machine.instance_id}
    words = [machine.python, "-P", "-m", "aws_research_wizard.host", "prove"]
    try:
        done = subprocess.run(
            words,
            env=commands.clean_env(extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=PROVE_SECONDS,
            check=False,
            preexec_fn=guard.die_with_parent,  # a trial without a conductor would clear away the next one's
        )
    except subprocess.TimeoutExpired:
        raise UpgradeFailed("its trial did not end in time") from None
    said = done.stdout.decode(errors="replace").strip().splitlines()
    try:
        answer = dict(json.loads(said[-1]))
    except (IndexError, ValueError):
        raise UpgradeFailed(f"its code does not run here (its trial ended with {done.returncode} and without a word)") from None
    if "failed" in answer:
        raise UpgradeFailed(str(answer["failed"]))
    return dict(answer["report"])


def restart(machine: Machine) -> None:
    """End the hub and the agent; the supervisor starts each again from what `current` names. Nobody else is touched."""
    processes.end(lambda: parts(machine, "serve") + parts(machine, "agent"), patience=8.0)


def parts(machine: Machine, part: str, release: str = "") -> list[processes.Process]:
    """Return the processes that are the hub (`serve`) or the agent; of one release, or of any."""
    mark = str(machine.etc / "jupyterhub_config.py") if part == "serve" else "aws_research_wizard.host agent"
    home = f"{releases.environment(machine, release)}/" if release else f"{machine.opt}/hubs/"
    found = []
    for process in processes.ours(machine.instance_id):
        words = " ".join(process.words)
        starting = words.endswith(f"aws_research_wizard.host {part}")
        if (
            process.words[0].startswith(home)
            and (mark in words or starting)
            and not prove.belongs(process, str(prove.scratch(machine)))
        ):
            found.append(process)
    return found


def await_hub(machine: Machine, release: str) -> None:
    """Wait until the hub of `release` answers, itself and through the proxy; one that ends again and again is given up."""
    if not hub.wait(machine, HUB_SECONDS, Patience(machine, release).lives) or not parts(machine, "serve", release):
        raise UpgradeFailed(f"the hub of release {release} does not answer: {hub.why_not(machine).cause}")


class Patience:
    """Notices a hub that ends as often as it is started."""

    def __init__(self, machine: Machine, release: str) -> None:
        self._machine, self._release = machine, release
        self._seen: set[int] = set()
        self._looked = 0.0

    def lives(self) -> bool:
        """Say whether there still is hope."""
        if time.monotonic() - self._looked > 0.25:
            self._looked = time.monotonic()
            self._seen |= {process.pid for process in parts(self._machine, "serve", self._release)}
        return len(self._seen) < MOST_STARTS


def watch(machine: Machine, release: str, before: Mapping[str, tuple[int, str]]) -> None:
    """See that the release goes on serving, with the same hub process, its agent, and everybody's server in its books."""
    first = {process.pid for process in parts(machine, "serve", release)}
    end = time.monotonic() + (WATCH_LOCAL_SECONDS if machine.local else WATCH_SECONDS)
    silent = 0
    while time.monotonic() < end:
        time.sleep(0.5)
        silent = 0 if hub.answers(machine.ports.hub) and hub.answers(machine.ports.hub_api) else silent + 1
        if silent >= 3:
            raise UpgradeFailed(f"the hub of release {release} stopped answering")
    if not first & {process.pid for process in parts(machine, "serve", release)}:
        raise UpgradeFailed(f"the hub of release {release} started over and over: {hub.why_not(machine).cause}")
    if not parts(machine, "agent", release):
        raise UpgradeFailed(f"the agent of release {release} does not run")
    lost = sorted(set(alive(before)) - set(servers(machine)))
    if lost:
        raise UpgradeFailed(f"the hub of release {release} does not know the running server of {lost[0]}")


def servers(machine: Machine) -> dict[str, tuple[int, str]]:
    """Return who has a ready server: e-mail to its process, so that it is known again; nobody while the hub is away."""
    try:
        users = HubApi(machine).users()
    except (HubAway, OSError):
        return {}
    found = {user["name"]: (user.get("servers") or {}).get("") or {} for user in users}
    states = {name: server.get("state") or {} for name, server in found.items() if server.get("ready")}
    return {name: (int(state.get("pid", 0)), str(state.get("born", ""))) for name, state in states.items()}


def alive(before: Mapping[str, tuple[int, str]], born: Callable[[int], str] = processes.born) -> dict[str, tuple[int, str]]:
    """Return those whose server is still the very process it was."""
    return {name: (pid, mark) for name, (pid, mark) in before.items() if mark and born(pid) == mark}


def in_use(machine: Machine) -> str:
    """The words and the bundle of every live process here: a release that is named in them is somebody's."""
    found = processes.ours(machine.instance_id)
    return "\n".join(" ".join((*process.words, process.env.get("PYTHONPATH", ""))) for process in found)


def say(words: str) -> None:
    """Put a line into the upgrade's log."""
    print(f"[upgrade {os.getpid()}] {words}", file=sys.stderr, flush=True)
