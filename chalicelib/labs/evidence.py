"""What does a heartbeat say of work and people, how much of it is kept, and when is it news?

All times are ages in seconds, measured on the machine; the control plane adds only the moment it received them, so no clock but
its own counts. Values only: plain mappings in, plain mappings out, bounded whatever was said.

Keeps true: what changed in essence (who has a server, what is busy, how loaded it is) is written at once; all else waits for the
lease. What an agent did not say stays unsaid: a kernel in a state nobody knows is "unknown", never idle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

SERVERS, KERNELS, TERMINALS = 200, 50, 50
STATES = ("busy", "idle", "starting", "unknown")
ID, NAME, PATH = 36, 60, 160
EDGES = (5.0, 50.0)  # percent: between them lie the classes of load
APART = 5.0  # and this much it must move to have changed its class

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


def differs(before: Said, now: Said) -> bool:
    """Did the essence change?"""
    return _essence(before) != _essence(now) or any(
        _moved(old, new) for old, new in zip(_loads(before), _loads(now), strict=True)
    )


def _essence(said: Said) -> Any:
    servers = {one["user"]: (_states(one), _working(one), bool(one.get("uploads"))) for one in said["servers"]}
    return said.get("release"), servers


def _states(server: Said) -> list[tuple[str, str]]:
    return sorted((one.get("id", ""), one["state"]) for one in server.get("kernels", ()))


def _working(server: Said) -> list[tuple[str, bool]]:
    return sorted((one["name"], bool(one.get("children"))) for one in server.get("terminals", ()))


def _loads(said: Said) -> list[float | None]:
    """The loads that count, in one order for the same servers."""
    people = sorted(said["servers"], key=lambda one: str(one["user"]))
    each = [server.get(name) for server in people for name in ("cpu", "gpu")]
    return [said.get("cpu"), said.get("gpu"), *each, *(one.get("cpu") for one in _terminals(people))]


def _terminals(servers: Iterable[Said]) -> Iterable[Said]:
    return (one for server in servers for one in sorted(server.get("terminals", ()), key=lambda each: str(each["name"])))


def _moved(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return before is not now
    return _class(before) != _class(now) and abs(before - now) >= APART


def _class(load: float) -> int:
    return sum(load >= edge for edge in EDGES)


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
