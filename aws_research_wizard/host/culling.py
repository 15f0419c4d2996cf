"""When does a person's server end because nobody uses it? jupyterhub-idle-culler asks this for each server, every minute or so.

What the hub takes for activity is not asked: a forgotten tab would keep a server alive for ever, and a cell that runs for hours
and prints nothing would not. What counts is what the machine sees (activity.py).

Keeps true: a server with a busy kernel, something running in a terminal, or an upload is never ended; nor is one of which
something could not be seen; the look that decides was taken a moment before.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from aws_research_wizard.host.activity import Watch
    from aws_research_wizard.host.machine import Machine

WORKING_CPU, WORKING_GPU = 10.0, 5.0
"""From this percent of a core (of the GPU) on, something works whatever kernels and terminals say."""
FRESH_SECONDS = 2.0
Asked = Callable[..., Awaitable[bool]]


@dataclass(frozen=True)
class Verdict:
    """Whether a server ends, and why (not)."""

    ends: bool
    why: str


def every(cull_s: float) -> int:
    """Return how often to look, in seconds: six times while nobody has to be there, within bounds (the time may change)."""
    return max(1, min(30, round(cull_s / 6))) if cull_s else 10


def judge(server: Mapping[str, Any] | None, cull_s: float) -> Verdict:
    """Decide about one server as it was seen just now (None: it was not)."""
    from aws_research_wizard.host.activity import busy, quiet_s

    if cull_s <= 0:
        return Verdict(False, "servers never end here")
    if server is None:
        return Verdict(False, "it was not seen")
    if doing := busy(server):
        return Verdict(False, doing)
    if server["cpu"] is None:
        return Verdict(False, "how much it computes is not known yet")
    if server["cpu"] >= WORKING_CPU or (server["gpu"] or 0.0) >= WORKING_GPU:
        return Verdict(False, "something computes")
    quiet = quiet_s(server)
    return Verdict(quiet >= cull_s, f"nobody has used it for {_told(quiet, cull_s)}")


def _told(quiet: float, cull_s: float) -> str:
    return f"{quiet / 60:.0f} of {cull_s / 60:.0f} minutes" if cull_s >= 300 else f"{quiet:.0f} of {cull_s:.0f} seconds"


@dataclass
class Arbiter:
    """Answers jupyterhub-idle-culler; says each change of mind once."""

    watch: "Watch"
    cull_s: Callable[[], float]
    said: dict[str, str] = field(default_factory=dict)

    async def __call__(self, *, server: Mapping[str, Any], **_: Any) -> bool:
        """Say whether a server of the hub's list ends now."""
        person = unquote(str(server.get("url") or "").strip("/").partition("user/")[2].split("/")[0])
        seen = await asyncio.to_thread(self.watch.recent, FRESH_SECONDS)
        mine = next((one for one in seen.told(self.watch.clock()) if one["user"] == person), None)
        verdict = judge(mine, self.cull_s())
        self._say(person, verdict)
        return verdict.ends

    def _say(self, person: str, verdict: Verdict) -> None:
        words = "ends" if verdict.ends else "stays" if "nobody" in verdict.why else f"stays: {verdict.why}"
        if self.said.get(person) != words:
            self.said[person] = words
            print(f"[culler] {person}: {'ends' if verdict.ends else 'stays'}: {verdict.why}", file=sys.stderr, flush=True)


def arbiter(machine: "Machine | None" = None) -> Asked:
    """Return what decides on this machine."""
    from aws_research_wizard.host import activity
    from aws_research_wizard.host import orders as wanted
    from aws_research_wizard.host.hub_api import HubApi
    from aws_research_wizard.host.machine import Machine

    here = machine or Machine.from_env()

    def cull_s() -> float:
        orders = wanted.load(here.state)
        return orders.cull_s if orders else 0.0

    asks = Arbiter(activity.of_machine(here, HubApi(here, timeout=5)), cull_s)

    async def ends(**about: Any) -> bool:
        return await asks(**about)

    return ends  # a function: a configuration's values are copied, and what watches cannot be
