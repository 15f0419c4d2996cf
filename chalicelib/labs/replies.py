"""What is answered to whoever asked for a change of a lab? 202, the lab as it is now, and where to watch it."""

from __future__ import annotations

from chalicelib.labs import access
from chalicelib.labs.models import LabView
from chalicelib.labs.rules import Lab
from chalicelib.people.rules import Principal
from chalicelib.runtime.http import Call, Reply


def accepted(lab: Lab) -> Reply:
    return Reply(LabView.of(lab), location=f"/labs/{lab.id}", status=202)


def again(call: Call[Principal], answer: dict[str, str]) -> Reply:
    """To a repeated request: the same lab, as it is now."""
    found = access.find(call.principal, answer["lab_id"])
    return Reply(LabView.found(found), location=f"/labs/{found.lab.id}", status=202)
