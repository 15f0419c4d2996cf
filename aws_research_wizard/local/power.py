"""In which state is an instance really, and which calls does that state allow?

The library behind the EC2 endpoint jumps straight to the wanted state; EC2 passes through pending, stopping and
shutting-down until the hypervisor is done. Here the wanted state is turned into the true next one, the hypervisor (the
machine runner) confirms the end of each passage, and calls that EC2 refuses in a state are refused in EC2's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
GONE = frozenset({"shutting-down", "terminated"})
CONFIRMATIONS = {"pending": "running", "stopping": "stopped", "shutting-down": "terminated"}


def numbered(form: Mapping[str, str], name: str) -> list[str]:
    """The values of ``name.1``, ``name.2`` … and of a bare ``name`` in a call's form."""
    pattern = re.compile(rf"^{name}(\.\d+)?$")
    return [value for key, value in form.items() if pattern.match(key)]


_AFTER = {
    ("running", "stopped"): "pending",
    ("stopped", "pending"): "stopping",
    ("stopped", "running"): "stopping",
}


def next_state(real: str | None, wanted: str) -> str:
    """The true state after a call left the record in ``wanted`` while the instance was in ``real`` (None: just launched)."""
    if wanted == "terminated":
        return real if real in GONE and real else "shutting-down"
    if real is None:
        return "pending" if wanted == "running" else wanted
    return _AFTER.get((wanted, real), real)


@dataclass(frozen=True)
class Refusal:
    """An error answer as EC2 words it."""

    code: str
    message: str
    status: int = 400


_REFUSED_IN = {
    "StartInstances": frozenset({"stopping", "shutting-down", "terminated"}),
    "StopInstances": GONE,
    "RebootInstances": frozenset({"stopping", "stopped", "shutting-down", "terminated"}),
}


def refused(action: str, states: Mapping[str, str], changes_type: bool = False) -> Refusal | None:
    """Does EC2 refuse ``action`` on instances in these states? Unknown instances are left to the endpoint to refuse."""
    bad = {name: state for name, state in states.items() if state in _REFUSED_IN.get(action, frozenset())}
    if changes_type and action == "ModifyInstanceAttribute":
        bad = {name: state for name, state in states.items() if state != "stopped"}
    if not bad:
        return None
    name, state = next(iter(bad.items()))
    if action == "ModifyInstanceAttribute":
        return Refusal("IncorrectInstanceState", f"The instance '{name}' is not in the 'stopped' state.")
    return Refusal("IncorrectInstanceState", f"The instance '{name}' is not in a state from which it can be changed ({state}).")


def no_capacity(instance_type: str, zone: str = "us-east-1a") -> Refusal:
    """EC2's answer when a type is sold out in a zone; it comes as a server error, which clients retry."""
    text = f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested ({zone})."
    return Refusal("InsufficientInstanceCapacity", text, 500)


def token_refusal(same_parameters: bool, state: str | None) -> Refusal | None:
    """May the answer of an earlier RunInstances with this client token be given again?"""
    if not same_parameters:
        text = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
        return Refusal("IdempotentParameterMismatch", text)
    if state is None or state in GONE:
        text = "The request has the same client token as a previous request for an instance that has been terminated."
        return Refusal("IdempotentInstanceTerminated", text)
    return None
