"""What does a heartbeat say of work and people, how much of it is kept, and when is it news?

All times are ages in seconds, measured on the machine; the control plane adds only the moment it received them, so no clock but
its own counts. Values only: plain mappings in, plain mappings out, bounded whatever was said.

Keeps true: who has a server and every new sign of work is written at once; all else waits for the
lease. What an agent did not say stays unsaid: a kernel in a state nobody knows is "unknown", never idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, NamedTuple

SERVERS, KERNELS, TERMINALS = 200, 50, 50
STATES = ("busy", "idle", "starting", "unknown")
ID, NAME, PATH = 36, 60, 160

Said = Mapping[str, Any]


def kept(report: Said) -> dict[str, Any]:
    """What is kept of a heartbeat: known fields within their bounds; what is zero, empty or unknown is left out."""
    machine = {name: _number(report.get(name)) for name in ("uptime_s", "cpu", "memory", "disk", "gpu", "network_kb_per_second")}
    servers = [_server(one) for one in report.get("servers") or ()][:SERVERS]
    return _filled({"release": _text(report.get("release"), 40), **machine}) | {"servers": servers}


def _server(one: Said) -> dict[str, Any]:
    numbers = {name: _number(one.get(name)) for name in ("started_s", "requests_s", "cpu", "memory_mb", "gpu")}
    counts = {name: int(_number(one.get(name)) or 0) for name in ("uploads", "connections")}
    told = {
        "kernels": [_kernel(each) for each in (one.get("kernels") or ())[:KERNELS]],
        "terminals": [_terminal(each) for each in (one.get("terminals") or ())[:TERMINALS]],
    }
    return (
        {"user": _text(one.get("user"), 254)}
        | _filled(numbers)
        | {name: value for name, value in (counts | told).items() if value}
    )


def _kernel(one: Said) -> dict[str, Any]:
    state = one.get("state") if one.get("state") in STATES else "unknown"
    named = {"id": _text(one.get("id"), ID), "name": _text(one.get("name"), NAME), "notebook": _text(one.get("notebook"), PATH)}
    counted = {"connections": int(_number(one.get("connections")) or 0) or None, "for_s": _number(one.get("for_s"))}
    return _filled(named) | {"state": state} | _filled(counted)


def _terminal(one: Said) -> dict[str, Any]:
    children = int(_number(one.get("children")) or 0)
    numbers = {"children": children or None, "cpu": _number(one.get("cpu")), "idle_s": _number(one.get("idle_s"))}
    return {"name": _text(one.get("name"), NAME)} | _filled(numbers)


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return min(max(0, round(value, 1)), 10**15)


def _text(value: Any, most: int) -> str:
    return str(value or "")[:most]


def _filled(values: Said) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


# ---- what is news --------------------------------------------------------------------------------------------------------


def running(said: Said) -> list[str]:
    """Who has a server."""
    return sorted({str(one["user"]) for one in said["servers"]})


class Limits(NamedTuple):
    """From which load on something counts as at work: percent of a core, percent of the graphics card, KB a second."""

    cpu: float
    gpu: float
    network: float


def differs(before: Said, now: Said, limits: Limits) -> bool:
    """Is it news? Who has a server, the release, and every sign of work that was not there before. That something ended is no
    news: the next write tells since when, and until then it counts as at work."""
    same = (before.get("release"), running(before)) == (now.get("release"), running(now))
    return not same or not signs(now, limits) <= signs(before, limits)


def signs(said: Said, limits: Limits) -> frozenset[tuple[str, ...]]:
    """Everything that is at work."""
    found = {(user, *sign) for server in said["servers"] for user in (server["user"],) for sign in _signs(server, limits)}
    if said.get("gpu", 0) >= limits.gpu:
        found.add(("gpu",))
    if said.get("network_kb_per_second", 0) >= limits.network:
        found.add(("network",))
    return frozenset(found)


def _signs(server: Said, limits: Limits) -> Iterable[tuple[str, ...]]:
    yield from (("kernel", one.get("id", ""), one["state"]) for one in server.get("kernels", ()) if one["state"] != "idle")
    yield from (("terminal", one["name"]) for one in server.get("terminals", ()) if one.get("children"))
    if server.get("uploads"):
        yield ("upload",)
    if server.get("cpu", 0) >= limits.cpu or server.get("gpu", 0) >= limits.gpu:
        yield ("load",)


def quiet_s(said: Said) -> float | None:
    """How long nothing was done and nobody did anything, as far as was told; 0 while something is; None: nobody is there."""
    ages = [age for server in said["servers"] for age in _ages(server)]
    return min(ages, default=None)


def _ages(server: Said) -> Iterable[float]:
    kernels, terminals = server.get("kernels", ()), server.get("terminals", ())
    if server.get("uploads") or any(one["state"] == "busy" for one in kernels) or any(one.get("children") for one in terminals):
        yield 0.0
    yield from (one["for_s"] for one in kernels if "for_s" in one and one["state"] == "idle")
    yield from (one["idle_s"] for one in terminals if "idle_s" in one)
    yield from (server[name] for name in ("requests_s", "started_s") if name in server)
