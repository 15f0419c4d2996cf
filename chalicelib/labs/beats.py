"""What does the control plane do with a heartbeat? As little as it can: a lab that beats unchanged costs reads only.

Written is what changed in essence, and once a lease (ten beats: 5 minutes) that the machine still beats; while a warning stands
every beat, because then each sign of work counts. Which people have servers is a fact, told when it changes.

Keeps true: a beat that comes twice or late changes nothing; only the moment of receipt counts, never the machine's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.labs import evidence, machine_store, store
from chalicelib.labs.evidence import Limits
from chalicelib.labs.machines import Evidence, Heartbeat, Machine, Running
from chalicelib.labs.provisioning import fact
from chalicelib.labs.rules import Lab, Phase
from chalicelib.packs import service as packs
from chalicelib.runtime import settings
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import Superseded
from chalicelib.runtime.settings import Settings
from chalicelib.runtime.store import Write, commit

BEAT_SECONDS, LOCAL_SECONDS, WARNED_SECONDS = 30, 5, 10
LEASE_BEATS, LEASE_MINUTES = 10, 5
BY_THE_CLOCK = frozenset({"hours"})  # kinds of notice that no work takes back


def rhythm(known: Settings, *, warned: bool) -> int:
    """Seconds between two beats."""
    usual = LOCAL_SECONDS if known.access_mode == "local" else BEAT_SECONDS
    return min(usual, WARNED_SECONDS) if warned else usual


def lease(known: Settings) -> timedelta:
    """How long what did not change is not written again."""
    return timedelta(seconds=min(LEASE_BEATS * rhythm(known, warned=False), LEASE_MINUTES * known.minute_seconds))


def heard(lab: Lab, machine: Machine, report: Mapping[str, Any], now: datetime) -> None:
    """Keep what is news of what a machine says; Superseded is nobody's trouble: something newer is known."""
    said, limits = _evidence(machine, report, now), _limits(lab)
    if report["seq"] and said is None:
        return
    beat = _beat(machine, report, said, limits, now)
    told = _changed_servers(lab, machine, report, now)
    if not (told or _worth(machine, beat, said, limits)):
        return
    try:
        kept = machine_store.beat(machine, beat, said, _running(lab, report) if told else None)
        commit(kept, *told, *_active(lab, machine, beat, now))
    except Superseded:
        if told:
            _only_kept(machine, beat, said)


def _only_kept(machine: Machine, beat: Heartbeat, said: Evidence | None) -> None:
    """The lab moved on, or a newer beat was first: then who has a server is for later news to tell."""
    try:
        commit(machine_store.beat(machine, beat, said, None))
    except Superseded:
        return


def _evidence(machine: Machine, report: Mapping[str, Any], now: datetime) -> Evidence | None:
    """What it says of work and people; None when it comes late, or from an agent that does not say it."""
    known = machine.evidence
    late = known and known.boot_id == report["boot_id"] and known.seq >= report["seq"]
    if not report["seq"] or late or report["boot_id"] == machine.past_boot:
        return None
    if settings.current().access_mode == "local":  # it shares its network with everything else on this laptop
        report = {**report, "network_kb_per_second": None}
    return Evidence(now, str(report["boot_id"]), int(report["seq"]), evidence.kept(report))


def _limits(lab: Lab) -> Limits:
    known = packs.of(lab.domain, lab.pack_version).idle.thresholds
    return Limits(known.cpu_percent, known.gpu_percent, known.network_kb_per_second)


def _worth(machine: Machine, beat: Heartbeat, said: Evidence | None, limits: Limits) -> bool:
    """Is it to be written?"""
    before, known = machine.heartbeat, machine.evidence
    if before is None or machine.notice or beat.at - before.at >= lease(settings.current()):
        return True
    if said is None or known is None:
        return said is not known or (beat.servers, beat.last_activity) != (before.servers, before.last_activity)
    return known.boot_id != said.boot_id or evidence.differs(known.said, said.said, limits)


def _beat(machine: Machine, report: Mapping[str, Any], said: Evidence | None, limits: Limits, now: datetime) -> Heartbeat:
    before = machine.heartbeat.last_activity if machine.heartbeat else ""
    return Heartbeat(
        at=now,
        uptime_s=report["uptime_s"],
        storage_used_bytes=report["storage_used_bytes"],
        cpu=report["cpu"],
        memory=report["memory"],
        disk=report["disk"],
        servers=len(report["servers"]),
        last_activity=max(before, *(str(one["last_activity"] or "") for one in report["servers"]), _moment(said, limits)),
    )


def _moment(said: Evidence | None, limits: Limits) -> str:
    """When anything was last done, by our clock."""
    quiet = evidence.quiet_s(said.said) if said else None
    if said and evidence.signs(said.said, limits):
        quiet = 0.0
    return iso(said.received_at - timedelta(seconds=quiet)) if said and quiet is not None else ""


# ---- facts ---------------------------------------------------------------------------------------------------------------


def _running(lab: Lab, report: Mapping[str, Any]) -> Running:
    return Running(lab.generation, tuple(evidence.running(report)))


def _changed_servers(lab: Lab, machine: Machine, report: Mapping[str, Any], now: datetime) -> list[Write]:
    """Who has a server, told when it changed and first of all when the lab has become READY."""
    users = _running(lab, report)
    if lab.phase is not Phase.READY or users == machine.running:
        return []
    by = f"machine:{machine.instance_id}"
    return [store.holds(lab), fact("ServersChanged", lab, now, by=by, running=list(users.users))]


def _active(lab: Lab, machine: Machine, beat: Heartbeat, now: datetime) -> list[Write]:
    """Somebody works, or something does, though people there were warned that the lab stops."""
    if machine.notice is None or lab.phase is not Phase.READY or beat.last_activity <= iso(machine.notice.given_at):
        return []
    if machine.notice.kind in BY_THE_CLOCK:
        return []
    return [fact("LabActiveAgain", lab, now, by=f"machine:{machine.instance_id}", kind=machine.notice.kind)]
