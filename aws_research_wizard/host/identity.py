"""Who am I to the control plane? Claimed once, kept on this machine's own disk.

Keeps true: the token and the login key are readable by the machine alone (0600), are never in an environment, a log or an argv;
a stop and a start need no second claim.
"""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host import files
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.control_plane import ControlPlane, Refused, insist
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
    state: Path, control_plane: ControlPlane, lab_id: str, instance_id: str, prove: Callable[[], dict[str, object]], stop: threading.Event
) -> tuple[Identity, Orders]:
    """Claim this machine's identity and keep it; ask until answered, with a fresh proof each time."""
    deadline = threading.Event()
    timer = threading.Timer(PATIENCE_SECONDS, deadline.set)
    timer.daemon = True
    timer.start()
    answer = insist(
        lambda: control_plane.claim(lab_id, instance_id, prove()),
        stop,
        again=lambda error: isinstance(error, Refused) and error.status in (401, 403, 404) and not deadline.is_set(),
    )
    timer.cancel()
    orders = Orders.parse(answer["orders"])
    wanted.save(state, orders)
    files.write_json(path(state), {"token": answer["token"], "login_key": answer["login_key"]})
    return Identity(answer["token"], base64.b64decode(answer["login_key"])), orders
