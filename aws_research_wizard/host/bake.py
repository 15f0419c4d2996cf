"""From nothing to a machine that may be copied: the story of one bake, and then the machine turns itself off.

    fetch bundle → read order → install hub → install each kernel → compile → run each lesson → wipe → report → off

The order and the report are objects in the artifacts bucket, `bakes/<bake id>/order.json` and `report.json`; the machine has the
rights to read the one and write the other, and no more. Keeps true: it installs with the very code a lab boots with, so that a
lab finds what it looks for; it turns itself off whatever happens, for EC2's news of that is what the control plane waits for;
what must not be in an image is gone before the report says that all is well.

Needs nothing but the Python that Debian ships.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.host import commands, debian, guard, hub, kernels, locks, processes, wiping
from aws_research_wizard.host.bucket import Bucket
from aws_research_wizard.host.control_plane import Away, Refused
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed, Note, StepFailed, Steps

VERSION = 1
MOST_SECONDS = 3600.0
FAILED = 3
"""Exit code of a bake that failed: nobody starts it again."""
NOBODY = "nobody"


class TooLong(BaseException):
    """The bake took longer than its order allows."""


@dataclass(frozen=True)
class Order:
    """What to bake: kernels to install, lessons (pack, file, kernel, expect) to run, and how long all of it may take."""

    pack: str
    kernels: tuple[Kernel, ...]
    lessons: tuple[Mapping[str, str], ...]
    seconds: float

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Order":
        """Read an order. ValueError when it is of another version or names nothing to install."""
        if raw.get("version") != VERSION:
            raise ValueError(f"an order of version {raw.get('version')}, not {VERSION}")
        found = tuple(Kernel.parse(kernel) for kernel in raw.get("kernels") or ())
        if not found:
            raise ValueError("an order without kernels")
        lessons = tuple({key: str(value) for key, value in lesson.items()} for lesson in raw.get("lessons") or ())
        return cls(str(raw["pack"]), found, lessons, float(raw.get("seconds") or MOST_SECONDS))


def main(machine: Machine) -> int:
    """Bake, tell, turn off."""
    bake_id = os.environ.get("AWR_BAKE", "")
    try:
        return Bake(machine, bake_id, Bucket(os.environ.get("AWR_ARTIFACTS", ""), machine.region)).run()
    finally:
        power_off(machine)


def power_off(machine: Machine) -> None:
    """Turn the machine off; a machine of a laptop is off when its last process has ended."""
    if machine.local:
        processes.end(lambda: processes.ours(machine.instance_id))
    else:
        subprocess.run(["systemctl", "poweroff"], check=False)


class Bake:
    """One bake on one machine."""

    def __init__(self, machine: Machine, bake_id: str, bucket: Bucket) -> None:
        self.machine, self.bake_id, self.bucket = machine, bake_id, bucket
        self.steps = Steps()
        self.began = time.monotonic() - machine.boot_script_seconds
        self.kernels: list[dict[str, Any]] = []
        self.lessons: list[dict[str, Any]] = []
        self.now = ""

    def run(self) -> int:
        """Tell the story; return the exit code."""
        ok, cause, step, tail = True, "", "", list[str]()
        self.steps.add("fetch bundle", self.machine.boot_script_seconds)
        try:
            self._bake()
        except StepFailed as failure:
            ok, cause, step, tail = False, failure.cause, failure.step, failure.log_tail
        except TooLong as late:
            ok, cause, step = False, str(late), self.now
        except Exception as error:  # no part is known that raises it; the report must come all the same
            ok, cause, step = False, f"{type(error).__name__}: {error}", self.now
        if not ok:
            print(f"[boot] the bake failed · {step}: {cause}", file=sys.stderr, flush=True)
        self._report(ok, cause, step, tail)
        return 0 if ok else FAILED

    @contextmanager
    def _step(self, name: str) -> Iterator[Note]:
        self.now = name
        with self.steps.step(name) as note:
            yield note

    def _bake(self) -> None:
        with self._step("read order"):
            order = self._order()
        with in_time(order.seconds - (time.monotonic() - self.began)):
            self._install_hub()
            for kernel in order.kernels:
                self._install_kernel(kernel)
            with self._step("compile"):
                self._compile(order.kernels)
            self._teach(order.lessons)
            with self._step("wipe") as note:
                note.detail = wiping.wipe(self.machine)

    def _order(self) -> Order:
        try:
            return Order.parse(json.loads(self.bucket.get(f"bakes/{self.bake_id}/order.json")))
        except (Away, Refused, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CommandFailed(f"the order of bake {self.bake_id} cannot be followed: {error}", []) from None

    def _install_hub(self) -> None:
        with self._step("install hub") as note:
            machine, log = self.machine, self.machine.logs / "boot.log"
            wheels = sorted(machine.bundle.glob("*.whl"))
            note.detail = kernels.maker(machine, log).make(machine.hub_env, machine.bundle / "requirements-host.txt", wheels)
            hub.take_back_own_kernel(machine)
            if not machine.local:  # what every lab's boot would otherwise install
                debian.require("mount.nfs4", "nfs-common", log)
                guard.block_metadata(machine)

    def _install_kernel(self, kernel: Kernel) -> None:
        began = time.monotonic()
        with self._step(f"install kernel {kernel.name}") as note:
            note.detail = kernels.install(self.machine, kernel)
            lock, place = locks.path(self.machine, kernel), kernels.where(self.machine, kernel)
            self.kernels.append(
                {
                    "name": kernel.name,
                    "lock_sha256": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "",
                    "megabytes": megabytes(place),
                    "seconds": round(time.monotonic() - began, 1),
                }
            )

    def _compile(self, installed: Sequence[Kernel]) -> None:
        maker = kernels.maker(self.machine, self.machine.logs / "boot.log")
        for place in (self.machine.hub_env, *(kernels.where(self.machine, kernel) for kernel in installed)):
            maker.compile(place)

    def _teach(self, lessons: Sequence[Mapping[str, str]]) -> None:
        """Run every lesson, also after one that failed: a pack's author wants to know of all."""
        for lesson in lessons:
            with self._step(f"run {lesson['file']}") as note:
                taught = self._taught(lesson)
                self.lessons.append(taught)
                note.detail = str(taught["said"])
        wrong = next((one for one in self.lessons if not one["ok"]), None)
        if wrong:
            raise StepFailed(f"run {wrong['file']}", f"{wrong['file']} in {wrong['kernel']}: {wrong['said']}")

    def _taught(self, lesson: Mapping[str, str]) -> dict[str, Any]:
        """Run a lesson with the hub's notebook client; on AWS as nobody, who may do no more than a lab's people."""
        machine = self.machine
        notebook = machine.lessons(lesson["pack"]) / lesson["file"]
        asked = {
            "notebook": str(notebook),
            "kernel": lesson["kernel"],
            "specs": str(machine.jupyter / "share/jupyter"),
            "expect": lesson.get("expect", ""),
        }
        words = [str(machine.hub_env / "bin/python"), "-P", "-m", "aws_research_wizard.host.lessons"]
        become: dict[str, Any] = {} if machine.local else {"user": NOBODY, "extra_groups": []}
        done = subprocess.run(
            words, input=json.dumps(asked), capture_output=True, text=True, check=False, env=commands.clean_env(), **become
        )
        try:
            answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            lines = done.stderr.splitlines()[-20:]
            raise CommandFailed(commands.telling(done.stderr) or f"the lesson ended with {done.returncode}", lines) from None
        return answer

    def _report(self, ok: bool, cause: str, step: str, tail: list[str]) -> None:
        """Write the report; a bake whose report cannot be written is told by its machine's end alone."""
        report = {
            "version": VERSION,
            "bake_id": self.bake_id,
            "ok": ok,
            "cause": cause[:500],
            "step": step,
            "log_tail": [line[:500] for line in tail[-30:]],
            "kernels": self.kernels,
            "lessons": self.lessons,
            "steps": self.steps.times(),
            "seconds": round(time.monotonic() - self.began, 1),
            "release": self.machine.release,
        }
        try:
            self.bucket.put(f"bakes/{self.bake_id}/report.json", json.dumps(report, indent=1).encode())
        except (Away, Refused) as error:
            print(f"[boot] the report was not taken: {error}", file=sys.stderr, flush=True)


def megabytes(folder: Path) -> int:
    """Return the size of a folder's files."""
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_symlink()) // 1_000_000


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Raise TooLong in the main thread when what is inside is not done in time; what it was waiting for is killed."""

    def late(*_: object) -> None:
        raise TooLong(f"the bake was not done in the {seconds:.0f} s that were left to it")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, max(0.001, seconds))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
