"""Which kernels does this machine lack, and what became of each? They are put in place beside people's work, one by one.

    orders → what is lacking → a process of its own that gives way to all (piece.py) → registered whole → told with each beat

The boot makes what the lab cannot be without; everything else, and everything after another release came, is made here. Keeps
true: no running kernel or server is touched; a kernel that nobody wants any more loses its registration and nothing else; one
that could not be made is told with its cause, and tried again when it is asked for anew or at the next boot.
"""

import hashlib
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from aws_research_wizard.host import examples, files, kernels, locks, made_from
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel, Orders
from aws_research_wizard.host.steps import CommandFailed
from aws_research_wizard.host.work import Piece, Tell, WorkFailed

LOOK_SECONDS = 5.0
LEFTOVER_SECONDS = 7200.0
Do = Callable[[Piece, Tell], Mapping[str, Any]]
Step = Callable[[str, str, float, str], None]
TOLD = ("name", "asked", "state", "cause", "lock", "solved", "pins")


@dataclass(frozen=True)
class Made:
    """What became of a kernel: `mark` is what it was made from and for, `boot` the boot that tried."""

    name: str
    asked: str
    state: str
    mark: str
    boot: str
    cause: str = ""
    lock: str = ""
    solved: str = ""
    pins: int = 0


# ---- what is known of kernels -----------------------------------------------------------------------------------------------


def note(machine: Machine, kernel: Kernel, boot: str, cause: str = "") -> Made:
    """Return that a kernel is in place, or why it is not, written down as far as the disk takes it."""
    said = {} if cause else made_from.told(locks.path(machine, kernel))
    made = Made(kernel.name, kernel.asked, "failed" if cause else "ready", _mark(machine, kernel), boot, cause[:500], **said)
    with suppress(OSError):
        files.write_json(_place(machine, kernel.name), asdict(made))
    return made


def made(machine: Machine, name: str) -> Made | None:
    """Return what became of a kernel; None when nobody tried yet."""
    raw = files.read_json(_place(machine, name))
    return Made(**{one.name: raw[one.name] for one in fields(Made) if one.name in raw}) if raw else None


def _place(machine: Machine, name: str) -> Path:
    return machine.state / "kernels" / f"{name}.json"


def _mark(machine: Machine, kernel: Kernel) -> str:
    return hashlib.sha256(json.dumps([machine.release, asdict(kernel)], sort_keys=True).encode()).hexdigest()


# ---- putting them in place --------------------------------------------------------------------------------------------------


class Fitter:
    """Brings one machine to the kernels of its orders, in a thread of its own."""

    def __init__(self, machine: Machine, boot: str, do: Do, step: Step) -> None:
        self.machine, self.boot = machine, boot
        self.do, self._step = do, step
        self._noted: dict[str, Made] = {}
        self.news: Callable[[], None] = lambda: None
        self._changed = threading.Event()

    def follow(self) -> None:
        """Other orders have been written down. Never waits."""
        self._changed.set()

    def run(self, stop: threading.Event) -> None:
        """Fit until `stop`; whatever goes wrong is said and tried again."""
        clear_leftovers(self.machine, time.time())
        while not stop.is_set():
            try:
                self.fit()
            except Exception as error:
                say(f"{type(error).__name__}: {error}")
            self._changed.wait(LOOK_SECONDS)
            self._changed.clear()

    def told(self) -> list[dict[str, Any]]:
        """Return what the control plane is told of the kernels that it ordered."""
        orders = wanted.load(self.machine.state)
        found = [self._known(kernel) for kernel in orders.kernels] if orders else []
        return [{name: getattr(one, name) for name in TOLD} for one in found if one]

    def fit(self) -> None:
        """Make what is lacking, take back what is no longer wanted, lay out the notebooks that came."""
        if kernels.made_by_the_boot(self.machine):
            while orders := wanted.load(self.machine.state):
                lacking = next(self._lacking(orders), None)
                if lacking is None:
                    return self._tidy(orders)
                self._make(lacking)

    def _lacking(self, orders: Orders) -> Iterator[Kernel]:
        there = set(kernels.registered(self.machine))
        for kernel in orders.kernels:
            known = self._known(kernel)
            if known is None or known.mark != _mark(self.machine, kernel) or self._again(known, there):
                yield kernel

    def _known(self, kernel: Kernel) -> Made | None:
        """What became of it; in memory alone while the disk takes nothing, so that nothing is tried over and over."""
        return made(self.machine, kernel.name) if kernel.name not in self._noted else self._noted[kernel.name]

    def _again(self, known: Made, there: Collection[str]) -> bool:
        return known.boot != self.boot if known.state == "failed" else known.name not in there

    def _make(self, kernel: Kernel) -> None:
        begun = time.monotonic()
        try:
            report = self.do(Piece(kernel.name, "kernel", {"kernel": asdict(kernel)}), lambda _: None)
        except WorkFailed as failure:
            how, cause = "", str(failure) or "no cause was given"
        else:
            how, cause = str(report.get("how", "")), ""
        self._noted[kernel.name] = note(self.machine, kernel, self.boot, cause)
        self.news()
        say(f"{kernel.name}: {cause or how}")
        try:
            self._step(f"install kernel {kernel.name}", "failed" if cause else "done", time.monotonic() - begun, cause or how)
        except Exception as error:  # the beat tells it, too
            say(f"its step was not taken: {error}")

    def _tidy(self, orders: Orders) -> None:
        for name in kernels.retire(self.machine, {kernel.name for kernel in orders.kernels}):
            _place(self.machine, name).unlink(missing_ok=True)
            self._noted.pop(name, None)
            say(f"{name} is no longer offered")
        kernels.note_release(self.machine)
        examples.offer(self.machine, orders)


def clear_leftovers(machine: Machine, now: float) -> None:
    """Remove environments that were being made when their maker was ended, long enough ago to be nobody's."""
    for left in (machine.opt / "kernels").glob(".*"):
        with suppress(OSError):
            if now - left.stat().st_mtime > LEFTOVER_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def carry_out(machine: Machine, order: Mapping[str, Any], _tell: Tell) -> Mapping[str, Any]:
    """Make one kernel (the side of the process that gives way)."""
    kernel = Kernel.parse(order["kernel"])
    if kernel.lock and not kernel.lock_uri and not locks.path(machine, kernel).is_file():
        hint = "bring the lab to the newest release first"
        raise WorkFailed(f"release {machine.release}, which this lab runs, does not have {kernel.lock}: {hint}")
    try:
        return {"how": kernels.install(machine, kernel)}
    except CommandFailed as failure:
        raise WorkFailed(failure.cause) from None


def say(words: str) -> None:
    """Put a line into the agent's log."""
    print(f"[kernels] {words}", file=sys.stderr, flush=True)
