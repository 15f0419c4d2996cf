"""When did anybody last work in a lab? What its machine says, kept with the lab when the machine goes.

A session that is under way ends now, as far as anybody can tell. None: nobody ever worked there, or no word of it came.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.labs import machine_store
from chalicelib.labs.machines import Heartbeat, Machine
from chalicelib.labs.rules import Lab, Phase
from chalicelib.runtime.clock import parse_iso


def last_of(lab: Lab, machine: Machine | None, now: datetime) -> datetime | None:
    """The end of the last session, which may be now."""
    beat = machine.heartbeat if machine else None
    ends = [lab.last_session, _end(beat) if beat else None]
    if beat and beat.servers and lab.phase is Phase.READY:
        ends.append(now)
    return max((one for one in ends if one), default=None)


def noted(lab: Lab) -> datetime | None:
    """What is worth keeping with the lab before its machine is forgotten."""
    machine = machine_store.load(lab.id, consistent=True)
    beat = machine.heartbeat if machine else None
    ends = [lab.last_session, _end(beat) if beat else None, beat.at if beat and beat.servers else None]
    return max((one for one in ends if one), default=None)


def _end(beat: Heartbeat) -> datetime | None:
    try:
        return min(parse_iso(beat.last_activity), beat.at) if beat.last_activity else None
    except ValueError:
        return None
