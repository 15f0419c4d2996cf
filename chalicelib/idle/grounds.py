"""On what is a decision about a lab made? What its machine said, the policy, and what is remembered of it. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

# ---- evidence ------------------------------------------------------------------------------------------------------------


class Kernel(NamedTuple):
    state: str
    for_s: float | None = None
    name: str = ""
    notebook: str = ""


class Terminal(NamedTuple):
    name: str
    children: int = 0
    cpu: float | None = None
    idle_s: float | None = None


class Server(NamedTuple):
    """One person's server. Ages in seconds; cpu in percent of a core; None: not known."""

    user: str
    started_s: float | None = None
    kernels: tuple[Kernel, ...] = ()
    terminals: tuple[Terminal, ...] = ()
    requests_s: float | None = None
    uploads: int = 0
    cpu: float | None = None
    gpu: float | None = None


class Evidence(NamedTuple):
    """What a machine said, when that was received, and when anything was last done as far as all it ever said tells."""

    received_at: datetime
    servers: tuple[Server, ...] = ()
    gpu: float | None = None
    network: float | None = None
    active_at: datetime | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any], received_at: datetime, active_at: datetime | None = None) -> Evidence:
        """From what the labs keep of a heartbeat."""
        servers = tuple(map(_server, said.get("servers", ())))
        return cls(received_at, servers, said.get("gpu"), said.get("network_kb_per_second"), active_at)


def _server(one: Mapping[str, Any]) -> Server:
    kernels = tuple(
        Kernel(k.get("state", "unknown"), k.get("for_s"), k.get("name", ""), k.get("notebook", ""))
        for k in one.get("kernels", ())
    )
    terminals = tuple(
        Terminal(t.get("name", ""), t.get("children", 0), t.get("cpu"), t.get("idle_s")) for t in one.get("terminals", ())
    )
    rest = (one.get("requests_s"), one.get("uploads", 0), one.get("cpu"), one.get("gpu"))
    return Server(one.get("user", ""), one.get("started_s"), kernels, terminals, *rest)


# ---- policy and state ----------------------------------------------------------------------------------------------------


class Policy(NamedTuple):
    """Times in minutes. `hours_a_day` 0: no cap. Loads: percent of a core, percent of the graphics card, KB a second."""

    idle: float = 60
    warning: float = 10
    max_busy: float = 24 * 60
    cap_warning: float = 15
    silence: float = 10
    stalled: float = 10
    hours_a_day: float = 0
    cpu_percent: float = 5
    gpu_percent: float = 5
    network_kb_per_second: float = 50
    minute_s: float = 60

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Policy:
        """From plain values; what is not said is as by default."""
        return cls(**{name: float(value) for name, value in said.items() if name in cls._fields and value is not None})


class State(NamedTuple):
    """What is remembered of a lab that runs. A warning stands while `kind` is set."""

    since: datetime
    active_at: datetime | None = None
    kind: str = ""
    warned_at: datetime | None = None
    deadline: datetime | None = None
    snooze_until: datetime | None = None
    snooze_by: str = ""
    exempt_until: datetime | None = None
    exempt_by: str = ""
    exempt_reason: str = ""
    silent_told: bool = False
    over_budget: str = ""  # the month (2026-11) whose budget is used up
    ran_on: str = ""  # the day (2026-11-23) …
    ran_s: float = 0  # … on which it had run so many seconds before `since`
