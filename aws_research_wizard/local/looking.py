"""Which parts of the local cloud run, and do they answer? Looking changes nothing."""

from __future__ import annotations

from aws_research_wizard.local import processes
from aws_research_wizard.local.calls import Unreachable, get_json
from aws_research_wizard.local.home import Home


def health_url(name: str, endpoints: dict[str, str]) -> str:
    """Where a server says that it is well; empty when it has no address yet."""
    return f"{endpoints[name]}/_local/health" if name in endpoints else ""


def answers(url: str, seconds: float = 2.0) -> bool:
    """Does the server at an address of ours say that it is well?"""
    try:
        return bool(url) and bool(get_json(url, seconds).get("ok"))
    except (Unreachable, ValueError):
        return False


def condition(place: Home, name: str, endpoints: dict[str, str]) -> str:
    """answering, not answering, dead (it should run), or not running (it should not)."""
    known = processes.recall(place, name)
    if known is None or known.alive() is None:
        return "not running" if known is None else "dead"
    return "answering" if name == "runner" or answers(health_url(name, endpoints)) else "not answering"


def machine_states(endpoints: dict[str, str]) -> dict[str, str]:
    """Every instance that is not terminated, with its state."""
    try:
        found = get_json(f"{endpoints['infra']}/_local/instances")["instances"]
    except Unreachable:
        return {}
    return {one["id"]: one["state"] for one in found if one["state"] != "terminated"}
