"""Is anything at work in a lab, or was somebody there of late? What the evidence alone says, in a verdict with its reason.

Keeps true: a busy kernel is busy, whatever it prints; what nobody knows is UNKNOWN, never idle.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from chalicelib.idle.grounds import Evidence, Kernel, Policy, Server, State

NEVER = float("inf")


class Verdict(StrEnum):
    BUSY = "busy"
    IDLE = "idle"
    UNKNOWN = "unknown"


class Seen(NamedTuple):
    """What the evidence alone says."""

    verdict: Verdict
    rule: str
    reason: str
    idle_since: datetime | None = None


def look(evidence: Evidence | None, policy: Policy, state: State, now: datetime) -> Seen:
    """Is anything at work, or was somebody there of late?"""
    silence = policy.silence * policy.minute_s
    heard = max(evidence.received_at, state.since) if evidence else state.since
    if (now - heard).total_seconds() > silence:
        return Seen(Verdict.UNKNOWN, "silent", f"its machine was last heard of {span((now - heard).total_seconds())} ago")
    if evidence is None or evidence.received_at < state.since:
        return Seen(Verdict.BUSY, "recent", "it has just started", state.since)
    stuck, unsaid, quiet = "", "", NEVER
    for server in evidence.servers:
        found = _work(server, policy)
        if found.rule:
            return Seen(Verdict.BUSY, found.rule, found.reason)
        stuck, unsaid, quiet = stuck or found.stuck, unsaid or found.unsaid, min(quiet, found.quiet)
    busy = _loaded(evidence, policy)
    if busy:
        return Seen(Verdict.BUSY, "load", busy)
    told = evidence._replace(active_at=None) if stuck else evidence  # a beat counts what is busy as active, also when it is stuck
    since = _since(told, state, quiet)
    for_s = (evidence.received_at - since).total_seconds()
    if for_s < policy.idle * policy.minute_s:
        return Seen(Verdict.BUSY, "recent", f"the last sign of somebody or something was {span(for_s)} ago", since)
    if unsaid:
        return Seen(Verdict.UNKNOWN, "unsaid", unsaid)
    if stuck:
        return Seen(Verdict.IDLE, "stuck", f"{stuck}, without any load; nobody came by for {span(for_s)}", since)
    return Seen(Verdict.IDLE, "idle", _nothing(evidence, for_s), since)


def _since(evidence: Evidence, state: State, quiet: float) -> datetime:
    found = state.since
    if quiet < NEVER:
        found = max(found, evidence.received_at - timedelta(seconds=quiet))
    for told in (state.active_at, evidence.active_at):
        if told and found < told:
            found = min(told, evidence.received_at)
    return found


class Work(NamedTuple):
    """Of one server: the rule by which it works, or what is wrong with what seems to work, and how long nothing was done."""

    rule: str = ""
    reason: str = ""
    stuck: str = ""
    unsaid: str = ""
    quiet: float = NEVER


def _work(server: Server, policy: Policy) -> Work:
    most, stuck, unsaid, quiet = policy.max_busy * policy.minute_s, "", "", NEVER
    light = server.cpu is not None and server.cpu < policy.cpu_percent and (server.gpu or 0) < policy.gpu_percent
    for kernel in server.kernels:
        long = light and kernel.for_s is not None and kernel.for_s >= most
        if kernel.state == "busy" and not long:
            return Work("kernel", f"{_named(kernel)} of {server.user} is busy{_for(kernel.for_s)}")
        if kernel.state == "busy" or (long and kernel.state not in ("idle", "busy")):
            stuck = stuck or f"{_named(kernel)} of {server.user} is {kernel.state}{_for(kernel.for_s)}"
        elif kernel.state == "idle" or kernel.state == "starting":
            quiet = min(quiet, kernel.for_s) if kernel.for_s is not None else quiet
        else:
            unsaid = f"what {_named(kernel)} of {server.user} does is not known"
    for terminal in server.terminals:
        if terminal.children:
            if terminal.cpu is None or terminal.cpu >= policy.cpu_percent or terminal.idle_s is None or terminal.idle_s < most:
                return Work("terminal", f"terminal {terminal.name} of {server.user} runs a program{_at(terminal.cpu)}")
            stuck = stuck or f"terminal {terminal.name} of {server.user} has said nothing{_for(terminal.idle_s)}"
        elif terminal.idle_s is not None:
            quiet = min(quiet, terminal.idle_s)
    if server.uploads and (server.requests_s is None or server.requests_s <= policy.stalled * policy.minute_s):
        return Work("upload", f"{server.user} uploads")
    if server.cpu is not None and server.cpu >= policy.cpu_percent:
        return Work("load", f"processes of {server.user} use {server.cpu:g} % of a processor core")
    if server.gpu is not None and server.gpu >= policy.gpu_percent:
        return Work("load", f"processes of {server.user} use {server.gpu:g} % of the graphics card")
    for age in (server.requests_s, server.started_s):
        if age is not None and age < quiet:
            quiet = age
    if quiet == NEVER and not stuck:
        unsaid = unsaid or f"since when the server of {server.user} runs is not known"
    return Work(stuck=stuck, unsaid=unsaid, quiet=quiet)


def _loaded(evidence: Evidence, policy: Policy) -> str:
    if evidence.gpu is not None and evidence.gpu >= policy.gpu_percent:
        return f"the graphics card is at {evidence.gpu:g} %"
    if evidence.network is not None and evidence.network >= policy.network_kb_per_second:
        return f"{evidence.network:g} KB a second come and go"
    return ""


def cullable(evidence: Evidence, policy: Policy) -> tuple[str, ...]:
    """Whose servers have nothing at work and nobody at them for the idle time, though the lab may be busy."""
    found = ((server.user, _work(server, policy)) for server in evidence.servers)
    most = policy.idle * policy.minute_s
    return tuple(user for user, work in found if not (work.rule or work.unsaid or work.stuck) and most <= work.quiet < NEVER)


# ---- words ---------------------------------------------------------------------------------------------------------------


def _nothing(evidence: Evidence, for_s: float) -> str:
    if not evidence.servers:
        return f"nobody has had a server for {span(for_s)}"
    return f"nothing has run and nobody has done anything for {span(for_s)}"


def _named(kernel: Kernel) -> str:
    return f"the kernel of {kernel.notebook}" if kernel.notebook else f"a kernel ({kernel.name})" if kernel.name else "a kernel"


def _for(seconds: float | None) -> str:
    return f" for {span(seconds)}" if seconds is not None else ""


def _at(percent: float | None) -> str:
    return f" ({percent:g} % of a core)" if percent is not None else ""


def span(seconds: float) -> str:
    """90 s → `90 s`, 5400 s → `90 min`, 18000 s → `5.0 h`."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def clock(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
