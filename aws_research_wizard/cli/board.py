"""Which steps has a lab taken, and which is it taking now? A pure reading of its facts, for any display.

The newest chapter counts: from the last request (made, stopped, started, scaled, deleted) to its end. What the machine
reports about itself (`MachineStep`) is shown by the machine's own names, so a new step needs no new client.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

Fact = Mapping[str, Any]


class State(StrEnum):
    """How far a step is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    NOTE = "note"


@dataclass(frozen=True)
class Step:
    """One line of the display; `seconds` it took (None while it runs), `at` seconds after the chapter began.

    The step that ends a chapter took the whole of it.
    """

    key: str
    label: str
    state: State
    at: float
    seconds: float | None = None
    detail: str = ""


# fact -> (what is said when it happened, what is going on from then until the next fact)
STORY: dict[str, tuple[str, str]] = {
    "LabRequested": ("Request accepted", "Choosing the environment"),
    "EnvironmentResolved": ("Environment chosen", "Preparing storage"),
    "StoragePrepared": ("Storage prepared", "Launching a machine"),
    "MachineLaunched": ("Machine launched", "Machine starting up"),
    "MachineClaimed": ("Machine identified", "Machine setting itself up"),
    "LabReady": ("Lab ready", ""),
    "LabStopping": ("Stop requested", "Stopping the machine"),
    "LabStopped": ("Stopped, data kept", ""),
    "LabStarting": ("Start requested", "Starting the machine"),
    "LabScaling": ("Change requested", "Changing the lab"),
    "LabScaled": ("Changed", ""),
    "LabDeleting": ("Delete requested", "Removing the machine"),
    "LabDeleted": ("Deleted", ""),
}
OPENERS = frozenset({"LabRequested", "LabStopping", "LabStarting", "LabScaling", "LabDeleting"})
ENDINGS = frozenset({"LabReady", "LabStopped", "LabDeleted", "LabFailed"})


def chapter(facts: Sequence[Fact]) -> Sequence[Fact]:
    """The facts from the last request on; all of them when none is a request."""
    starts = [index for index, fact in enumerate(facts) if fact["name"] in OPENERS]
    told = facts[starts[-1] :] if starts else facts
    return sorted(told, key=lambda fact: (_when(fact), fact["name"] in ENDINGS))  # one transaction has one moment


def steps(facts: Sequence[Fact], *, rested: bool = False) -> list[Step]:
    """The lines to show for these facts, oldest first; the last is RUNNING unless the chapter has ended or the lab `rested`."""
    told = chapter(facts)
    if not told:
        return []
    began, lines, since, doing = _when(told[0]), dict[str, Step](), 0.0, ""
    for fact in told:
        at = (_when(fact) - began).total_seconds()
        name, data = str(fact["name"]), fact.get("data") or {}
        if name == "MachineStep":
            _machine_step(lines, data, at)
        elif name in STORY:
            took = at if name in ENDINGS else at - since
            lines[name] = Step(name, STORY[name][0], State.DONE, at, took, _detail(name, data))
            since, doing = at, STORY[name][1]
        elif name in ("LabFailed", "LabCapacityFallback", "MachineLost"):
            lines[f"{name}{at}"] = _aside(name, data, at)
            doing = "" if name == "LabFailed" else doing
    ended = rested or any(fact["name"] in ENDINGS for fact in told)
    return _close(list(lines.values())) if ended else _still_running(list(lines.values()), doing, since)


def elapsed(facts: Iterable[Fact]) -> float:
    """Seconds from the chapter's first fact to its last."""
    told = chapter(list(facts))
    return (_when(told[-1]) - _when(told[0])).total_seconds() if told else 0.0


def _machine_step(lines: dict[str, Step], data: Mapping[str, Any], at: float) -> None:
    word = str(data.get("step", "step"))
    key, label = f"machine:{word}", word[:1].upper() + word[1:]
    detail, seconds = str(data.get("detail") or ""), data.get("seconds")
    match data.get("state"):
        case "done":
            began = lines[key].at if key in lines else at
            lines[key] = Step(key, label, State.DONE, began, float(seconds) if seconds is not None else at - began, detail)
        case "failed":
            lines[key] = Step(key, label, State.FAILED, at, float(seconds) if seconds is not None else None, detail)
        case _:
            lines[key] = Step(key, label, State.RUNNING, at, None, detail)


def _aside(name: str, data: Mapping[str, Any], at: float) -> Step:
    if name == "LabCapacityFallback":
        told = f"No capacity for {data.get('instance_type', 'this type')}"
        return Step(name, told, State.NOTE, at, detail=f"trying {data['next']}" if data.get("next") else "")
    if name == "MachineLost":
        return Step(name, "Machine lost", State.NOTE, at, detail=str(data.get("cause") or ""))
    return Step(name, "Failed", State.FAILED, at, detail=str(data.get("cause") or ""))


def _still_running(lines: list[Step], doing: str, since: float) -> list[Step]:
    if doing and not any(line.state is State.RUNNING for line in lines):
        lines.append(Step("now", doing, State.RUNNING, since))
    return lines


def _close(lines: list[Step]) -> list[Step]:
    """Nothing runs any more once the chapter has ended, whatever the machine last said."""
    failed = any(line.state is State.FAILED for line in lines)
    return [
        replace(line, state=State.FAILED if failed else State.DONE) if line.state is State.RUNNING else line for line in lines
    ]


def _detail(name: str, data: Mapping[str, Any]) -> str:
    match name:
        case "EnvironmentResolved":
            return ", ".join(data.get("kernels") or ())
        case "MachineLaunched":
            image = data.get("image") or {}
            baked = f" · baked image of {str(image['baked_at'])[:10]}" if image else ""
            return f"{data.get('instance_type') or ''}{baked}"
        case "LabScaled":
            return str(data.get("instance_type") or "")
        case _:
            return str(data.get("cause") or "")


def _when(fact: Fact) -> datetime:
    return datetime.fromisoformat(str(fact["at"]))
