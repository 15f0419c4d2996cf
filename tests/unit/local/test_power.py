"""The true states of instances, and what EC2 refuses in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.local import power

STATES = sorted(power.CODES)


@pytest.mark.parametrize(
    ("real", "wanted", "true"),
    [
        (None, "running", "pending"),
        ("running", "running", "running"),
        ("pending", "running", "pending"),
        ("stopped", "running", "pending"),
        ("running", "stopped", "stopping"),
        ("pending", "stopped", "stopping"),
        ("stopping", "stopped", "stopping"),
        ("stopped", "stopped", "stopped"),
        ("running", "terminated", "shutting-down"),
        ("stopped", "terminated", "shutting-down"),
        ("shutting-down", "terminated", "shutting-down"),
        ("terminated", "terminated", "terminated"),
    ],
)
def test_an_instance_passes_through_the_states_ec2_shows(real: str | None, wanted: str, true: str) -> None:
    assert power.next_state(real, wanted) == true


@given(real=st.sampled_from(sorted(power.GONE)), wanted=st.sampled_from(["running", "stopped", "terminated"]))
def test_what_is_gone_never_comes_back(real: str, wanted: str) -> None:
    assert power.next_state(real, wanted) == real


@given(real=st.sampled_from(STATES), wanted=st.sampled_from(["running", "stopped", "terminated"]))
def test_asking_twice_is_asking_once(real: str, wanted: str) -> None:
    once = power.next_state(real, wanted)
    assert power.next_state(once, wanted) == once


@pytest.mark.parametrize(
    ("action", "state", "refused"),
    [
        ("StartInstances", "stopping", True),
        ("StartInstances", "stopped", False),
        ("StartInstances", "running", False),
        ("StopInstances", "terminated", True),
        ("StopInstances", "stopped", False),
        ("TerminateInstances", "terminated", False),
        ("RebootInstances", "stopped", True),
    ],
)
def test_calls_are_refused_in_the_states_in_which_ec2_refuses_them(action: str, state: str, refused: bool) -> None:
    answer = power.refused(action, {"i-1": state})
    assert (answer is not None) == refused
    assert answer is None or answer.code == "IncorrectInstanceState"


def test_the_type_changes_only_while_stopped() -> None:
    assert power.refused("ModifyInstanceAttribute", {"i-1": "running"}, changes_type=True) is not None
    assert power.refused("ModifyInstanceAttribute", {"i-1": "stopped"}, changes_type=True) is None
    assert power.refused("ModifyInstanceAttribute", {"i-1": "running"}) is None


@pytest.mark.parametrize(
    ("same", "state", "code"),
    [
        (True, "running", None),
        (True, "stopped", None),
        (False, "running", "IdempotentParameterMismatch"),
        (True, "terminated", "IdempotentInstanceTerminated"),
        (True, "shutting-down", "IdempotentInstanceTerminated"),
    ],
)
def test_a_client_token_launches_once(same: bool, state: str, code: str | None) -> None:
    refusal = power.token_refusal(same, state)
    assert (refusal.code if refusal else None) == code
