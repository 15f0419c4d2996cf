"""The verbs people use on labs: request, stop, start, scale, delete, look.

Each is one decision, one transaction (lab, fact, reservation, Idempotency-Key) and then the start of a workflow whose name
anybody can work out again; if the start is lost, the sweep repeats it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.labs import (
    access,
    beats,
    fitting,
    logs,
    machine_store,
    naming,
    rebuilding,
    rules,
    sessions,
    stopping,
    store,
    work,
)
from chalicelib.labs.access import login as login
from chalicelib.labs.environment import Use
from chalicelib.labs.machines import Evidence, Machine, Notice
from chalicelib.labs.needs import need_of
from chalicelib.labs.provisioning import fact, patience
from chalicelib.labs.rules import WORKFLOWS, Command, Lab, Phase
from chalicelib.labs.starting import start_by_rule as start_by_rule  # for slices above, beside stop_by_rule
from chalicelib.labs.wishes import Found, Wish
from chalicelib.limits import rules as prices
from chalicelib.limits import service as limits
from chalicelib.packs import rules as pack_rules
from chalicelib.packs import service as packs
from chalicelib.people import rules as people
from chalicelib.people.rules import Action, Principal
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, near_miss
from chalicelib.runtime.facts import Fact, facts_of
from chalicelib.runtime.pages import Page, decode, encode
from chalicelib.runtime.requests import RequestKey, remembered
from chalicelib.runtime.store import Write

if TYPE_CHECKING:
    from chalicelib.runtime.calls import Call

TRIES = 5


@dataclass(frozen=True)
class Asking:
    """Who asks, when, and under which keys."""

    who: Principal
    now: datetime
    correlation_id: str
    request_key: RequestKey | None = None

    @classmethod
    def of(cls, call: Call[Principal]) -> Asking:
        return cls(call.principal, call.now, call.correlation_id, call.request_key)


class _Taken(Conflict):
    """Another lab has this id."""


# ---- request -------------------------------------------------------------------------------------------------------------


def request_lab(wish: Wish, asking: Asking) -> Lab:
    """A new lab, PROVISIONING. Everything that can be refused is refused before anything is made."""
    lab = _designed(wish, asking)
    for attempt in range(TRIES):
        try:
            _create(lab, asking)
            break
        except _Taken:
            if attempt == TRIES - 1:
                raise
            lab = replace(lab, id=_new_id(lab.domain))
    workflows.start(WORKFLOWS[lab.phase], lab.id, lab.generation, lab.correlation_id)
    return lab


def _create(lab: Lab, asking: Asking) -> None:
    data: dict[str, Any] = {"domain": lab.domain, "instance_type": lab.instance_type}
    told = fact("LabRequested", lab, asking.now, by=asking.who.email, after=lab, **data)
    kept = (*remembered(asking.request_key, {"lab_id": lab.id}), *packs.uses(lab.domain, lab.pack_version, lab.id))
    made = store.create(lab, _Taken("no free id was found", "try again"))
    admitted = partial(limits.admit, lab.team, lab.id, need_of(lab), asking.now)
    limits.committed(lab.team, asking.now, lambda: (*kept, made, *admitted(), told))


def _designed(wish: Wish, asking: Asking) -> Lab:
    who, now = asking.who, asking.now
    team = wish.team or who.team
    decision = people.may(who, Action.DEPLOY_LAB, lab_team=team)
    if not decision.allowed:
        raise Forbidden(decision.reason, "ask an admin for the role member")
    pack = packs.newest(wish.domain)
    users = _capacity(wish.users or 1)
    candidates = _candidates(pack, users, wish.instance_type, team)
    also = fitting.on_request(pack, wish.kernels)
    return Lab(
        id=_new_id(wish.domain),
        name=wish.name,
        domain=wish.domain,
        phase=Phase.PROVISIONING,
        owner=who.email,
        team=team,
        users=users,
        instance_type=candidates[0],
        candidates=candidates,
        shared_storage_gb=naming.gigabytes(wish.shared_storage or "100GB"),
        generation=1,
        created_at=now,
        changed_at=now,
        correlation_id=asking.correlation_id,
        deadline=rules.deadline(Phase.PROVISIONING, now, patience()),
        examples=wish.notebook_examples,
        release=naming.release_of(settings.current().bundle_key),
        notebooks=fitting.notebooks(pack, also) if wish.notebook_examples else 0,
        pack_version=pack.version,
        packs=(Use(wish.domain, also).word,) if also else (),
    )


def _new_id(domain: str) -> str:
    letters = "".join(secrets.choice(naming.ALPHABET) for _ in range(naming.ID_LETTERS))
    return naming.lab_id(domain, letters)


def _capacity(users: int) -> int:
    most = settings.current().max_users_per_lab
    if not 1 <= users <= most:
        raise BadInput(f"a lab for {users} users cannot be had", f"ask for 1 to {most}")
    return users


def _candidates(pack: pack_rules.Pack, users: int, wanted: str | None, team: str) -> tuple[str, ...]:
    """Instance types in the order to try them, all of them known and allowed here."""
    region = settings.current().region
    if wanted and prices.hourly_price(wanted, region) is None:
        known = prices.priced_types(region)
        hint = near_miss(wanted, known) or f"this pack uses {', '.join(pack.instances.types[:4])}"
        raise BadInput(f"instance type '{wanted[:40]}' is not offered", hint)
    families = limits.limits_of(team).families
    if wanted:
        prices.family_allowed(wanted, families)
    fitting = pack_rules.instance_for(pack, users, wanted)
    allowed = [name for name in fitting if prices.in_families(name, families)]
    if not allowed:
        prices.family_allowed(fitting[0], families)
    return tuple(allowed[:4])


# ---- stop · start · scale · delete ---------------------------------------------------------------------------------------


def stop_lab(lab_id: str, asking: Asking) -> Lab:
    return _commanded(lab_id, Command.STOP, "LabStopping", Action.OPERATE_LAB, asking)


def start_lab(lab_id: str, asking: Asking) -> Lab:
    return _commanded(lab_id, Command.START, "LabStarting", Action.OPERATE_LAB, asking)


def delete_lab(lab_id: str, asking: Asking, *, keep_data: bool = True) -> Lab:
    """Take the lab down; files stay unless told otherwise. A workflow under way is stopped, what it made is taken away."""
    return _commanded(
        lab_id, Command.DELETE, "LabDeleting", Action.CHANGE_LAB, asking, lambda lab: replace(lab, keep_data=keep_data)
    )


def _commanded(
    lab_id: str,
    word: Command,
    tells: str,
    action: Action,
    asking: Asking,
    also: Callable[[Lab], Lab] = lambda lab: lab,
) -> Lab:
    lab = access.find(asking.who, lab_id, action).lab
    if rules.repeated(lab, word):
        return lab
    after = also(rules.command(lab, word, asking.now, patience(), asking.correlation_id))
    after = replace(after, asked_by=_commander(lab, asking))
    told = fact(tells, after, asking.now, by=asking.who.email, request=asking.correlation_id, before=lab, after=after)
    kept = remembered(asking.request_key, {"lab_id": lab.id})
    limits.committed(lab.team, asking.now, lambda: (*kept, store.change(lab, after), *_taken(after, word, asking.now), told))
    if lab.moving:
        overtaken = settings.current().execution_arn(WORKFLOWS[lab.phase], lab.execution)
        workflows.stop(overtaken, f"{word} was asked by {asking.who.email}")
    elif lab.phase is Phase.READY:
        work.end_all(lab, work.away(after).message)
    workflows.start(WORKFLOWS[after.phase], after.id, after.generation, after.correlation_id)
    return after


def _taken(after: Lab, word: Command, now: datetime) -> tuple[Write, ...]:
    """What a start takes from the lab's team."""
    return limits.admit(after.team, after.id, need_of(after), now) if word is Command.START else ()


def scale_lab(lab_id: str, wish: Wish, asking: Asking) -> Lab:
    """More or fewer users, more storage, another machine. Only another machine needs a restart; a stopped lab stays stopped."""
    lab = access.find(asking.who, lab_id, Action.CHANGE_LAB).lab
    wanted = _resized(lab, wish)
    restart = wanted.instance_type != lab.instance_type and lab.phase is not Phase.STOPPED
    scaled = rules.command(wanted, Command.SCALE, asking.now, patience(), asking.correlation_id)
    after = scaled if restart or lab.phase is Phase.STOPPED else replace(wanted, changed_at=asking.now)
    after = replace(after, asked_by=_commander(lab, asking)) if restart else replace(after, phase=lab.phase)
    told = fact(
        "LabScaling" if restart else "LabScaled",
        after,
        asking.now,
        by=asking.who.email,
        request=asking.correlation_id,
        before=lab,
        after=after,
        users=after.users,
        instance_type=after.instance_type,
        shared_storage_gb=after.shared_storage_gb,
    )
    kept = remembered(asking.request_key, {"lab_id": lab.id})
    admitted = partial(limits.admit, after.team, after.id, need_of(after), asking.now, starts=restart)
    limits.committed(lab.team, asking.now, lambda: (*kept, store.change(lab, after), *admitted(), told))
    if restart:
        work.end_all(lab, work.away(after).message)
        workflows.start(WORKFLOWS[after.phase], after.id, after.generation, after.correlation_id)
    return after


def _commander(lab: Lab, asking: Asking) -> str:
    """Who gives this command, blank for the owner."""
    return "" if asking.who.email == lab.owner else asking.who.email


def _resized(lab: Lab, wish: Wish) -> Lab:
    """The lab with what was asked for; BadInput when nothing was, or storage would shrink."""
    if wish.users is None and not wish.instance_type and not wish.shared_storage:
        raise BadInput("nothing to change was named", "name users, instance_type or shared_storage")
    changed = lab
    if wish.users is not None:
        changed = replace(changed, users=_capacity(wish.users))
    if wish.shared_storage:
        changed = replace(changed, shared_storage_gb=naming.gigabytes(wish.shared_storage))
    if wish.instance_type and wish.instance_type != lab.instance_type:
        candidates = _candidates(packs.of(lab.domain, lab.pack_version), changed.users, wish.instance_type, lab.team)
        changed = replace(changed, instance_type=wish.instance_type, candidates=candidates)
    return changed


# ---- looking -------------------------------------------------------------------------------------------------------------


def events_of(who: Principal, lab_id: str, cursor: str | None, limit: int, newest_first: bool = False) -> Page[Fact]:
    lab = access.find(who, lab_id).lab
    return facts_of(lab.id, cursor, limit, newest_first)


def logs_of(who: Principal, lab_id: str, cursor: str | None, limit: int, newest_first: bool = False) -> Page[logs.Line]:
    """The machine's log; where there is none, the last lines it sent before it failed."""
    lab = access.find(who, lab_id).lab
    place = f"logs of {lab.id}{' from the end' if newest_first else ''}"
    key = decode(cursor, place)
    token = str(key["token"]) if key else None
    lines, more = logs.read(naming.log_group(settings.current().prefix), lab.id, token, limit, newest_first)
    if not lines and not cursor:
        lines = tuple(logs.Line(lab.changed_at, line) for line in (lab.log_tail[::-1] if newest_first else lab.log_tail))
    return Page(lines, encode({"token": more}, place) if more else None)


# ---- for the slices above ------------------------------------------------------------------------------------------------


def visible(who: Principal, lab_id: str, action: Action = Action.SEE_LAB) -> Found:
    """The lab, if this person may do this with it; NotFound when they may not even see it, else Forbidden."""
    return access.find(who, lab_id, action)


def as_it_is(lab_id: str) -> Lab:
    return store.load(lab_id, consistent=True)


def listed(who: Principal, most: int = 500) -> list[Lab]:
    """The labs this person may see, those that are gone left out."""
    found: list[Lab] = []
    cursor: str | None = None
    while len(found) < most:
        page = access.visible(who, cursor, 100)
        found, cursor = [*found, *page.items], page.cursor
        if not cursor:
            break
    return found


def last_session(lab_id: str, now: datetime) -> datetime | None:
    """When somebody last worked in it (now, if they still do); None when that is not known."""
    return sessions.last_of(*store.with_machine(lab_id), now)


def catalogue(now: datetime) -> Iterator[dict[str, Any]]:
    """Every lab with its people, as plain values that outlive the tables."""
    return rebuilding.catalogue(now)


def rebuild(value: Mapping[str, Any], now: datetime, by: str, request: str) -> Lab:
    """A lab of the catalogue, made anew; the lab as it is, when it is here already."""
    return rebuilding.rebuild(value, now, by, request)


def ready_ids() -> Iterator[str]:
    """The labs that run."""
    return store.ids_ready()


def with_machine(lab_id: str, *, consistent: bool = False) -> tuple[Lab, Machine | None]:
    """A lab and what its machine said last, in one read; `consistent` sees the last change of both."""
    return store.with_machine(lab_id, consistent)


def stop_by_rule(lab_id: str, now: datetime, reason: str, hint: str, writes: Sequence[Write], on: Evidence | None) -> Lab:
    """Stop a running lab because a rule says so, in one transaction with what the rule keeps; its people see the reason.

    Superseded when the lab is not READY any more, or its machine has said something newer than what was decided on."""
    return stopping.stop_by_rule(lab_id, now, reason, hint, writes, on)


def give_notice(lab: Lab, what: Notice | None) -> tuple[Write, ...]:
    """People on a lab's machine are warned (None: no longer), provided the lab is as it was read."""
    after = replace(lab, stops_at=what.at if what else None)
    return store.change(lab, after, store.moved_on(lab)), machine_store.notice(lab, what)


def lease() -> timedelta:
    """How old what a machine says may be while it beats."""
    return beats.lease(settings.current())


def look_after(lab_id: str, now: datetime) -> None:
    """A lab's machine is silent: is it there? What EC2 says of it is brought to the lab."""
    stopping.look_after(lab_id, now)
