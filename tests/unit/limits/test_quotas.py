"""Quotas on labs, vCPUs, GPUs and storage: what fits is let in, what does not is refused with what is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.limits import quotas, rules, service
from chalicelib.limits.quotas import Holding, Quotas, Usage
from chalicelib.limits.service import Need
from chalicelib.runtime import settings
from chalicelib.runtime.errors import LimitReached

SMALL, LARGE, GPU = Need(("r6i.large",), 100), Need(("r6i.4xlarge",), 100), Need(("g4dn.xlarge",), 100)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch, tables: object) -> None:
    """A stage whose teams may have 16 vCPUs, no GPU, and 300 GB."""
    known = replace(settings.current(), max_vcpus_per_team=16, max_gpus_per_team=0, max_storage_gb_per_team=300)
    monkeypatch.setattr(settings, "current", lambda: known)


def start(team: str, lab_id: str, need: Need, now: datetime) -> None:
    service.committed(team, now, lambda: service.admit(team, lab_id, need, now))


def test_every_type_with_a_price_has_a_size() -> None:
    sizes = {name: rules.size_of(name) for name in rules.priced_types("us-east-1")}
    assert [name for name, size in sizes.items() if size is None or size.vcpus < 1] == []
    assert (sizes["r6i.2xlarge"], sizes["g4dn.xlarge"]) == (rules.Size(8, 0), rules.Size(4, 1))
    assert rules.size_of("z9.huge") is None


def test_the_largest_of_the_types_it_may_come_up_as_counts() -> None:
    assert quotas.holding(("r6i.large", "r6i.4xlarge", "g4dn.xlarge"), 5) == Holding(16, 1, 5)
    assert quotas.holding((), 5) == Holding(0, 0, 5)


def test_what_does_not_fit_is_refused_with_what_is_left(strict: None, now: datetime) -> None:
    start("q1", "lab-1", Need(("r6i.2xlarge",), 100), now)
    with pytest.raises(LimitReached, match="team q1 has 8 of 16 vCPUs left; this needs 16 more"):
        start("q1", "lab-2", LARGE, now)
    with pytest.raises(LimitReached, match="0 of 0 GPUs left"):
        start("q1", "lab-2", GPU, now)
    with pytest.raises(LimitReached, match="200 of 300 GB of storage left"):
        start("q1", "lab-2", Need(("r6i.large",), 250), now)


def test_a_lab_that_rests_frees_its_vcpus_and_keeps_its_place_and_storage(strict: None, now: datetime) -> None:
    start("q2", "lab-1", LARGE, now)
    for _ in range(2):
        service.committed("q2", now, lambda: service.rest("q2", "lab-1", 100, now))
    assert service.used("q2") == Usage(frozenset({"lab-1"}), Holding(0, 0, 100))
    start("q2", "lab-2", LARGE, now)
    with pytest.raises(LimitReached):
        start("q2", "lab-1", LARGE, now)


def test_what_came_up_is_what_counts(strict: None, now: datetime) -> None:
    start("q3", "lab-1", Need(("r6i.large", "r6i.4xlarge"), 100), now)
    assert service.used("q3").holding.vcpus == 16
    service.committed("q3", now, lambda: service.ran_as("q3", "lab-1", SMALL, now))
    assert service.used("q3").holding.vcpus == 2


def test_what_is_given_back_is_given_back_once(strict: None, now: datetime) -> None:
    from chalicelib.runtime.store import commit

    start("q4", "lab-1", LARGE, now)
    for _ in range(2):
        commit(service.release("q4", "lab-1", now))
    assert service.used("q4") == quotas.NONE_USED
    assert service.held("q4") == []


def test_two_that_read_the_same_cannot_both_write(strict: None, now: datetime) -> None:
    """The one that comes second reads again, and is told that nothing is left."""
    from chalicelib.runtime.store import commit

    first, second = service.admit("q5", "lab-1", LARGE, now), service.admit("q5", "lab-2", LARGE, now)
    commit(*first)
    with pytest.raises(LimitReached, match="just now"):
        commit(*second)


def test_sums_that_went_wrong_are_made_what_the_lines_say(strict: None, tables: Any, now: datetime) -> None:
    from chalicelib.runtime import aws

    start("q6", "lab-1", LARGE, now)
    key = {"pk": {"S": "TEAM#q6"}, "sk": {"S": "USAGE"}}
    change = {"UpdateExpression": "SET vcpus = :n", "ExpressionAttributeValues": {":n": {"N": "99"}}}
    aws.client("dynamodb").update_item(TableName=settings.current().table("limits"), Key=key, **change)
    assert not service.sums_are_right("q6")
    service.recount("q6")
    assert service.sums_are_right("q6")
    assert service.used("q6").holding == Holding(16, 0, 100)


holdings = st.builds(Holding, st.integers(0, 50), st.integers(0, 4), st.integers(0, 500))


@given(used=holdings, added=holdings, limits=st.builds(Quotas, *[st.none() | st.integers(0, 600)] * 4))
def test_what_is_let_in_is_within_every_limit(used: Holding, added: Holding, limits: Quotas) -> None:
    refused = list(quotas.refusals("t", limits, Usage(frozenset(), used), "lab-1", added, ()))
    if not refused:
        for name in Holding._fields:
            limit, more = getattr(limits, name), getattr(added, name)
            assert limit is None or not more or getattr(used, name) + more <= limit
        assert limits.labs is None or limits.labs > 0
