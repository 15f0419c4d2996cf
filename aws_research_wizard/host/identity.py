"""Who am I to the control plane? Claimed once, kept on this machine's own disk.

Keeps true: the token and the login key are readable by the machine alone (0600), are never in an environment, a log or an argv;
a stop and a start need no second claim.
"""

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host import files
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.control_plane import ControlPlane, insist
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Orders

PATIENCE_SECONDS = 180.0
"""How long a claim may be refused: the launch may not yet have been journalled, the role not yet known everywhere."""


@dataclass(frozen=True)
class Identity:
    """This machine's standing with the control plane."""

    token: str
    login_key: bytes


def path(state: Path) -> Path:
    """Where the identity is kept."""
    return state / "identity.json"


def load(state: Path) -> Identity | None:
    """Return the kept identity, or None before the first claim."""
    raw = files.read_json(path(state))
    return Identity(raw["token"], base64.b64decode(raw["login_key"])) if raw else None


def claim(
    machine: Machine, door: ControlPlane, prove: Callable[[], dict[str, object]], stop: threading.Event
) -> tuple[Identity, Orders]:
    """Claim this machine's identity and keep it; ask until answered, with a fresh proof each time."""
    end = time.monotonic() + PATIENCE_SECONDS
    answer = insist(
        lambda: door.claim(machine.lab_id, machine.instance_id, prove()),
        stop,
        again=lambda refused: refused.status in (401, 403, 404) and time.monotonic() < end,
    )
    orders = Orders.parse(answer["orders"])
    wanted.save(machine.state, orders)
    files.write_json(path(machine.state), {"token": answer["token"], "login_key": answer["login_key"]})
    return Identity(answer["token"], base64.b64decode(answer["login_key"])), orders
