"""Which kernels shall a lab's machine have, and what follows from what it says of them? Decisions only.

    activated → installing ┬→ ready
                  ↓     ↑  └→ failed: the whole activation is withdrawn, the lab is as it was, and a line says why
                 stalled: nothing was heard for so long that people are told; whatever is heard then still counts

Keeps true: a kernel that several packs name is there once, and stays until none of them is active; what a machine says counts
only for the activation that it was told of (`asked`), so a late word about an earlier one changes nothing; a kernel that served
and fails later (with another release) stays asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.kernels import rules as kernels
from chalicelib.kernels.rules import KernelPlan
from chalicelib.labs.environment import LabKernel, State, Use
from chalicelib.labs.rules import Lab
from chalicelib.packs.rules import Kernel, Pack
from chalicelib.runtime.errors import BadInput, near_miss

CAUSE = 300
PATIENCE = timedelta(minutes=45)
"""So long nothing may be heard of a kernel: longer than the half hour after which a machine ends a command that installs."""


@dataclass(frozen=True)
class Wanted:
    """A kernel that a lab's machine shall have. `required`: without it the machine is no lab, so a boot waits for it."""

    plan: KernelPlan
    pack: str
    key: str
    required: bool

    @property
    def name(self) -> str:
        return self.plan.name


@dataclass(frozen=True)
class Heard:
    """What a lab is after its machine spoke, which kernels changed, and which packs were withdrawn with which cause."""

    lab: Lab
    changed: tuple[LabKernel, ...] = ()
    withdrawn: tuple[tuple[Use, str], ...] = ()


def uses(lab: Lab) -> tuple[Use, ...]:
    """The lab's own pack first, then the others in the order in which they were activated."""
    read = [Use.read(word) for word in lab.packs]
    own = next((one for one in read if one.pack == lab.domain), Use(lab.domain))
    return own, *(one for one in read if one.pack != lab.domain)


def wanted(lab: Lab, known: Mapping[str, Pack]) -> tuple[Wanted, ...]:
    """What the machine shall have; `known` holds the packs that can be had."""
    found: dict[str, Wanted] = {}
    for use in uses(lab):
        pack = known.get(use.pack)
        if pack is None:
            continue
        for plan, kernel in zip(kernels.plan(pack, use.also), _chosen(pack, use.also), strict=True):
            required = use.pack == lab.domain and not kernel.on_request
            found.setdefault(plan.name, Wanted(plan, use.pack, kernel.key, required))
    return tuple(found.values())


def _chosen(pack: Pack, also: Sequence[str]) -> list[Kernel]:
    return [kernel for kernel in pack.kernels if not kernel.on_request or kernel.key in also]


def notebooks(pack: Pack, also: Sequence[str]) -> int:
    """How many of a pack's notebooks people find: those whose kernel comes."""
    there = {kernel.key for kernel in _chosen(pack, also)}
    return sum(example.kernel in there for example in pack.examples)


def on_request(pack: Pack, keys: Iterable[str]) -> tuple[str, ...]:
    """Keys of kernels that only come on request; those that come anyway need no asking. BadInput for others."""
    asked = set(keys)
    known = {kernel.key: kernel for kernel in pack.kernels}
    for key in sorted(asked - set(known)):
        there = sorted(name for name, kernel in known.items() if kernel.on_request)
        hint = near_miss(key, known) or (f"on request there are: {', '.join(there)}" if there else "it has none on request")
        raise BadInput(f"pack {pack.name} has no kernel '{key[:40]}'", hint)
    return tuple(key for key, kernel in known.items() if key in asked and kernel.on_request)


def fresh(lab: Lab, known: Mapping[str, Pack], asked: str = "") -> Lab:
    """The lab with its kernels as they are wanted now: those it has stay as they are, new ones are being installed."""
    before = {one.name: one for one in lab.kernels}
    lines = [_line(one, before.get(one.name), asked) for one in wanted(lab, known)]
    named = {one.name for one in lines}
    return replace(lab, kernels=(*lines, *(one for one in lab.kernels if one.failed and one.name not in named)))


def _line(one: Wanted, line: LabKernel | None, asked: str) -> LabKernel:
    if line is not None:
        return replace(line, display_name=one.plan.display_name, pack=one.pack)
    asked = "" if one.required else asked
    return LabKernel(one.name, one.plan.display_name, one.pack, State.INSTALLING if asked else "", asked)


def without(lab: Lab, pack: str) -> Lab:
    """The lab without the lines that say why kernels of a pack failed."""
    return replace(lab, kernels=tuple(one for one in lab.kernels if not (one.failed and one.pack == pack)))


def heard(lab: Lab, known: Mapping[str, Pack], said: Sequence[Mapping[str, Any]]) -> Heard:
    """What a machine's words about its kernels make of its lab."""
    before = {one.name: one for one in lab.kernels}
    reports = {str(one["name"]): one for one in said}
    needed = wanted(lab, known)
    lines = {one.name: _said(_line(one, before.get(one.name), ""), reports.get(one.name)) for one in needed}
    lost = {one.asked: one.cause for one in lines.values() if one.failed and one.asked and _came(before.get(one.name))}
    changed = tuple(one for one in lines.values() if _news(before.get(one.name), one))
    kept = tuple(one for one in lab.kernels if one.failed and one.name not in lines)
    if not lost:
        return Heard(replace(lab, kernels=(*lines.values(), *kept)), changed)
    return _withdrawn(lab, known, (*lines.values(), *kept), lost, changed)


def _said(line: LabKernel, report: Mapping[str, Any] | None) -> LabKernel:
    if report is None or str(report.get("asked") or "") != line.asked or report.get("state") not in (State.READY, State.FAILED):
        return line
    if report["state"] == State.FAILED:
        return replace(line, state=State.FAILED, cause=str(report.get("cause") or "no cause was given")[:CAUSE])
    lock, solved, pins = (str(report.get(name) or "") for name in ("lock", "solved", "pins"))
    return replace(line, state=State.READY, cause="", lock=lock, solved=solved, pins=int(pins or 0))


def _came(before: LabKernel | None) -> bool:
    """Was it still on its way?"""
    return before is None or before.awaited


def _news(before: LabKernel | None, now: LabKernel) -> bool:
    """Is it worth a fact? That a lab's first kernels are there, its being ready told already."""
    if before is None or (before.state, before.lock, before.cause) == (now.state, now.lock, now.cause):
        return False
    return bool(before.state) or now.failed


def check_by(lab: Lab, now: datetime, usual: timedelta) -> datetime:
    """When a running lab is looked at next: sooner when kernels are on their way."""
    return now + (min(PATIENCE, usual) if any(one.installing for one in lab.kernels) else usual)


def stalled(lab: Lab, now: datetime) -> tuple[LabKernel, ...]:
    """The kernels of which nothing was heard until the lab's check, as lines that say so."""
    if lab.deadline is None or now < lab.deadline:
        return ()
    said = f"its machine has said nothing of it for {round(PATIENCE.total_seconds() / 60)} minutes"
    return tuple(replace(one, state=State.STALLED, cause=said) for one in lab.kernels if one.installing)


def advice(state: str, lab: Lab, pack: str) -> str | None:
    """What a person can do about a pack whose kernels are not all there."""
    command = "aws-research-wizard jupyter"
    out = f"{command} deactivate {lab.id} --domain {pack}"
    if state == State.STALLED:
        return f"it is offered if it comes after all; look: {command} logs {lab.id}, or take it out: {out}"
    if state != State.FAILED:
        return None
    again = f"ask for it again: {command} activate {lab.id} --domain {pack}"
    return f"{again} --kernel KEY" if pack == lab.domain else f"{again}, or forget it: {out}"


def with_lines(lab: Lab, lines: Iterable[LabKernel]) -> Lab:
    """The lab with other lines for kernels that it has."""
    known = {one.name: one for one in lines}
    return replace(lab, kernels=tuple(known.get(one.name, one) for one in lab.kernels))


def _withdrawn(
    lab: Lab,
    known: Mapping[str, Pack],
    lines: Sequence[LabKernel],
    lost: Mapping[str, str],
    changed: tuple[LabKernel, ...],
) -> Heard:
    """The lab without what those activations brought; of their kernels only the lines that say why."""
    gone = {one.name for one in lines if one.asked in lost}
    left: list[Use] = []
    taken: list[tuple[Use, str]] = []
    for use in uses(lab):
        pack = known.get(use.pack)
        names = {one.key: one.name for one in pack.kernels} if pack else {}
        keys = tuple(key for key in use.also if names.get(key) in gone)
        first = use.pack != lab.domain and any(
            names[kernel.key] in gone for kernel in (pack.kernels if pack else ()) if not kernel.on_request
        )
        if first or keys:
            cause = next(one.cause for one in lines if one.failed and one.asked in lost)
            taken.append((use if first else Use(use.pack, keys), cause))
        if not first:
            left.append(replace(use, also=tuple(key for key in use.also if key not in keys)))
    after = replace(lab, packs=words(lab, left), kernels=tuple(one for one in lines if one.name not in gone or one.failed))
    return Heard(after, changed, tuple(taken))


def versions(lab: Lab) -> tuple[tuple[str, str], ...]:
    """Every pack of a lab with its version; blank for one that is shipped."""
    return (lab.domain, lab.pack_version), *((use.pack, use.version) for use in uses(lab)[1:])


def given_up(before: Lab, after: Lab) -> tuple[Use, ...]:
    """The packs beside its own that a lab no longer has."""
    left = {use.pack for use in uses(after)}
    return tuple(use for use in uses(before) if use.pack not in left)


def words(lab: Lab, every: Iterable[Use]) -> tuple[str, ...]:
    """Uses as they are kept: the lab's own pack only when something more was asked of it."""
    return tuple(one.word for one in every if one.also or one.pack != lab.domain)
