"""Which kernels is a lab's machine told to have, and what becomes of what it says of them?

Every heartbeat is answered with all kernels that the lab's packs call for, and says of each how it stands; so an order or a word
that is lost, comes twice or late changes nothing, and a stop, a new machine or another release brings the same kernels.

Keeps true: a lab whose machine says what is known already costs no write; an activation whose kernel cannot be made is withdrawn
whole, and the cause stays with the lab; one of which nothing is heard is told of at the lab's next check, and still counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.labs import fitting, store
from chalicelib.labs.environment import LabKernel
from chalicelib.labs.machines import Machine
from chalicelib.labs.provisioning import NEXT, fact, known_packs
from chalicelib.labs.rules import Lab, Phase
from chalicelib.packs import service as packs
from chalicelib.packs.rules import Pack
from chalicelib.runtime.errors import AppError
from chalicelib.runtime.store import Write, commit

HELD = ("packs", "kernels", "upgrading")
"""What of a lab must be as it was read, whoever changes its packs or kernels."""


def orders(lab: Lab) -> list[dict[str, Any]]:
    """The kernels that the lab's machine shall have, each with the activation that asked for it."""
    lines = {one.name: one for one in lab.kernels}
    return [_order(one, lines.get(one.name)) for one in fitting.wanted(lab, known_packs(lab))]


def _order(one: fitting.Wanted, line: LabKernel | None) -> dict[str, Any]:
    plan = asdict(one.plan) | {"env": dict(one.plan.env), "resources": dict(one.plan.resources)}
    return plan | {"pack": one.pack, "required": one.required, "asked": line.asked if line else ""}


def heard(lab: Lab, machine: Machine, said: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Keep what a machine says of its kernels; said again with every heartbeat, it is heard once."""
    if lab.phase is not Phase.READY or not said:
        return
    news = fitting.heard(lab, known_packs(lab), said)
    if news.lab == lab:
        return
    after = replace(news.lab, notebooks=examples(news.lab, known_packs(news.lab))) if news.withdrawn else news.lab
    held = store.change(lab, after, store.moved_on(lab), store.unchanged(lab, *HELD))
    try:
        commit(held, *of_teams(lab, after), *_told(lab, after, news, machine, now))
    except AppError:
        return  # said again with the next beat


def looked_at(lab: Lab, now: datetime, usual: timedelta) -> None:
    """A running lab's check has come: kernels that nothing was heard of are told; the next one comes after `usual`, or sooner."""
    lines = fitting.stalled(lab, now)
    after = fitting.with_lines(lab, lines)
    after = replace(after, deadline=fitting.check_by(after, now, usual))
    told = [
        fact("KernelStalled", lab, now + place * NEXT, kernel=one.name, pack=one.pack, cause=one.cause)
        for place, one in enumerate(lines)
    ]
    commit(store.change(lab, after, store.moved_on(lab), store.unchanged(lab, *HELD)), *told)


def _told(lab: Lab, after: Lab, news: fitting.Heard, machine: Machine, now: datetime) -> list[Write]:
    """A fact a kernel, and one a pack that was withdrawn; the first of these tells of the change."""
    by, told = f"machine:{machine.instance_id}", list[Write]()
    for one in news.changed:
        made: dict[str, Any] = {"lock": one.lock, "solved": one.solved, "pins": one.pins}
        data = {"cause": one.cause} if one.failed else made
        name = "KernelFailed" if one.failed else "KernelReady"
        told.append(fact(name, lab, now + len(told) * NEXT, by=by, kernel=one.name, pack=one.pack, **data))
    for place, (use, cause) in enumerate(news.withdrawn):
        then, told_of = now + len(told) * NEXT, after if place == 0 else None
        gone: dict[str, Any] = {"pack": use.pack, "cause": cause}
        told.append(fact("PackDeactivated", lab, then, by=by, before=lab if told_of else None, after=told_of, **gone))
    return told


def examples(lab: Lab, known: Mapping[str, Pack]) -> int:
    """How many notebooks a lab with these packs lays into homes."""
    return (
        sum(fitting.notebooks(known[use.pack], use.also) for use in fitting.uses(lab) if use.pack in known) if lab.examples else 0
    )


def of_teams(lab: Lab, after: Lab) -> list[Write]:
    """A team's own pack is not removed while a lab has it."""
    new = fitting.given_up(after, lab)
    taken = [write for use in new for write in packs.uses(use.pack, use.version, lab.id)]
    return taken + [write for use in fitting.given_up(lab, after) for write in packs.leaves(use.pack, use.version, lab.id)]
