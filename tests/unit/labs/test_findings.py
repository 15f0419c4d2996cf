"""Whose is this? Every kind of thing beside every kind of owner, as a table; and what must hold whatever was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.labs.findings import GRACE, Fate, Finding, gone, judge, lost, missing, sorted_for_acting
from chalicelib.labs.journal import Entry, Kept, Kind, Receipt, State
from chalicelib.labs.reports import MOST, Report, _read, _written, told
from chalicelib.labs.rules import Lab, Phase
from chalicelib.labs.things import NOTES, ORDER, WEIGHTY, Owner, Thing, What
from chalicelib.limits.rules import Price
from tests.conftest import NOW

OLD = NOW - timedelta(days=2)
NAMES: dict[str, str] = {
    Kind.MACHINE_GROUP: "stage-genomics-k3x9",
    Kind.STORAGE_GROUP: "stage-genomics-k3x9-storage",
    Kind.FILE_SYSTEM: "stage-genomics-k3x9",
    Kind.ROLE: "stage-lab-genomics-k3x9",
    Kind.PROFILE: "stage-lab-genomics-k3x9",
    Kind.RECORD: "genomics-k3x9.labs.example",
}


def lab(phase: Phase = Phase.READY, **more: Any) -> Lab:
    known: dict[str, Any] = {
        "id": "genomics-k3x9", "name": "", "domain": "genomics", "phase": phase, "owner": "ada@uni.edu", "team": "lovelace",
        "users": 1, "instance_type": "m6i.large", "candidates": ("m6i.large",), "shared_storage_gb": 100, "generation": 3,
        "created_at": OLD, "changed_at": OLD, "correlation_id": "c", "instance_id": "i-1", "file_system_id": "fs-1",
        "ready_at": OLD,
    }  # fmt: skip
    return Lab(**known | more)


READY = lab()
MOVING = lab(Phase.STARTING)
DELETED = lab(Phase.DELETED)
UNOPENED = lab(Phase.FAILED, ready_at=None, file_system_id="", instance_id="")
KEPT = lab(Phase.DELETED, receipt=Receipt((), (Kept(Kind.FILE_SYSTEM, "fs-1", Decimal(1)),)))
LINES = (
    Entry(Kind.MACHINE_GROUP, NAMES[Kind.MACHINE_GROUP], State.MADE, "sg-1"),
    Entry(Kind.FILE_SYSTEM, NAMES[Kind.FILE_SYSTEM], State.MADE, "fs-1"),
    Entry(Kind.MOUNT_TARGET, "fs-1", State.MADE, "fsmt-1"),
    Entry(Kind.ROLE, NAMES[Kind.ROLE], State.PLANNED),
    Entry(Kind.INSTANCE, "genomics-k3x9-1-0", State.MADE, "i-1"),
)


def thing(kind: Kind | What, part: str, name: str = "", **more: Any) -> Thing:
    return Thing(kind, part, "genomics-k3x9", name, **{"made_at": OLD} | more)


MACHINE = thing(Kind.INSTANCE, "i-1", "genomics-k3x9-1-0")
OTHER = thing(Kind.INSTANCE, "i-2", "genomics-k3x9-2-0")
FILES = thing(Kind.FILE_SYSTEM, "fs-1", NAMES[Kind.FILE_SYSTEM], size_gb=12.0)
EMPTY = replace(FILES, size_gb=0.000006)
GROUP = thing(Kind.MACHINE_GROUP, "sg-1", NAMES[Kind.MACHINE_GROUP])
ROLE = thing(Kind.ROLE, NAMES[Kind.ROLE], NAMES[Kind.ROLE])
DOOR = thing(Kind.MOUNT_TARGET, "fsmt-1", "fs-1")
DISK = thing(What.VOLUME, "vol-1", state="available")
CARD = thing(What.INTERFACE, "eni-1", state="available")
RUN = thing(What.WORKFLOW, "start_lab/genomics-k3x9-3", generation=3)
PLACE = thing(What.PLACE, "lovelace/genomics-k3x9", "lovelace")


@pytest.mark.parametrize(
    ("seen", "whose", "lines", "verdict"),
    [
        (MACHINE, READY, LINES, "keep"),
        (MACHINE, READY, (), "adopt"),
        (MACHINE, MOVING, (), "keep"),
        (OTHER, READY, LINES, "remove"),
        (OTHER, MOVING, LINES, "keep"),
        (MACHINE, DELETED, (), "remove"),
        (MACHINE, UNOPENED, (), "remove"),
        (MACHINE, lab(Phase.FAILED), LINES, "keep"),
        (MACHINE, None, (), "report"),
        (FILES, READY, LINES, "keep"),
        (FILES, READY, (), "adopt"),
        (FILES, lab(file_system_id=""), (), "adopt"),
        (FILES, lab(file_system_id="fs-9"), LINES, "report"),
        (FILES, MOVING, (), "keep"),
        (FILES, KEPT, (), "keep"),
        (FILES, DELETED, (), "report"),
        (EMPTY, DELETED, (), "report"),
        (FILES, UNOPENED, (), "report"),
        (EMPTY, UNOPENED, (), "remove"),
        (FILES, None, (), "report"),
        (EMPTY, None, (), "report"),
        (DOOR, READY, LINES, "keep"),
        (DOOR, READY, (), "adopt"),
        (replace(DOOR, id="fsmt-2"), READY, LINES, "report"),
        (DOOR, DELETED, (), "remove"),
        (DOOR, None, (), "keep"),
        (replace(DOOR, name="fs-9"), READY, LINES, "keep"),
        (GROUP, READY, LINES, "keep"),
        (GROUP, READY, (), "adopt"),
        (GROUP, MOVING, (), "keep"),
        (GROUP, DELETED, (), "remove"),
        (GROUP, None, (), "remove"),
        (replace(GROUP, id="sg-2", name="by hand"), READY, LINES, "remove"),
        (replace(GROUP, id="sg-2"), READY, LINES, "report"),
        (ROLE, READY, LINES, "adopt"),
        (replace(ROLE, region="us-east-1"), None, (), "remove"),
        (replace(ROLE, region="eu-west-1"), None, (), "keep"),
        (replace(ROLE, region=""), None, (), "report"),
        (thing(Kind.RECORD, "genomics-k3x9.labs.example", NAMES[Kind.RECORD]), None, (), "keep"),
        (thing(Kind.RECORD, "genomics-k3x9.labs.example", NAMES[Kind.RECORD]), DELETED, (), "remove"),
        (DISK, READY, LINES, "report"),
        (DISK, None, (), "report"),
        (replace(DISK, state="in-use"), None, (), "keep"),
        (CARD, READY, LINES, "remove"),
        (CARD, MOVING, LINES, "keep"),
        (RUN, MOVING, LINES, "keep"),
        (RUN, READY, LINES, "remove"),
        (replace(RUN, generation=2), MOVING, LINES, "remove"),
        (RUN, None, (), "remove"),
        (thing(What.TOKEN, "genomics-k3x9", generation=3), MOVING, (), "keep"),
        (thing(What.TOKEN, "genomics-k3x9", generation=3), READY, (), "remove"),
        (thing(What.WORK, "genomics-k3x9/b-1", generation=3), READY, (), "keep"),
        (thing(What.WORK, "genomics-k3x9/b-1", generation=2), READY, (), "remove"),
        (PLACE, READY, LINES, "keep"),
        (PLACE, lab(reserved=False), LINES, "remove"),
        (PLACE, lab(team="other"), LINES, "remove"),
        (PLACE, None, (), "remove"),
        (replace(PLACE, state="missing"), READY, LINES, "adopt"),
        (Thing(What.QUEUE, "stage-undelivered", "", state="3"), None, (), "report"),
        (Thing(What.QUEUE, "stage-undelivered", "", state="0"), None, (), "keep"),
        (thing(What.LOG_STREAM, "genomics-k3x9"), READY, (), "keep"),
        (thing(What.LOG_STREAM, "genomics-k3x9"), None, (), "report"),
        (thing(What.LOG_STREAM, "genomics-k3x9"), lab(Phase.DELETED, changed_at=NOW - timedelta(days=31)), (), "report"),
        (thing(What.BACKUPS, "genomics-k3x9"), None, (), "report"),
        (thing(What.BACKUPS, "genomics-k3x9"), DELETED, (), "keep"),
        (thing(What.LAB, "genomics-k3x9"), lab(Phase.STARTING, deadline=OLD), (), "report"),
        (thing(What.LAB, "genomics-k3x9"), lab(Phase.STARTING, deadline=NOW), (), "keep"),
    ],
)  # fmt: skip
def test_verdict(seen: Thing, whose: Lab | None, lines: tuple[Entry, ...], verdict: str) -> None:
    owner = Owner(whose, lines, NAMES if whose else {}, region="us-east-1")
    found = judge(seen, owner, NOW, OLD)
    assert found.verdict == verdict, found.reason
    assert found.reason


def test_of_an_unknown_lab_nothing_is_touched_while_a_machine_or_files_of_it_exist() -> None:
    for one in (MACHINE, FILES, EMPTY, GROUP, ROLE, CARD, DISK, RUN, PLACE):
        assert judge(one, Owner(None, weighty=True, region="us-east-1"), NOW, OLD).verdict is Fate.REPORT


def test_what_is_young_is_left_alone_and_says_what_it_would_be() -> None:
    young = replace(OTHER, made_at=NOW - timedelta(minutes=14))
    found = judge(young, Owner(READY, LINES, NAMES), NOW, OLD)
    assert found.verdict is Fate.KEEP
    assert found.reason == "younger than 15 minutes: lab genomics-k3x9 counts another machine as its own"
    assert judge(young, Owner(READY, LINES, NAMES), NOW, OLD, timedelta(0)).verdict is Fate.REMOVE


def test_what_has_no_age_is_as_old_as_it_was_first_found() -> None:
    group = replace(GROUP, made_at=None)
    assert judge(group, Owner(DELETED), NOW, NOW).verdict is Fate.KEEP
    assert judge(group, Owner(DELETED), NOW, NOW - GRACE).verdict is Fate.REMOVE


def test_a_lab_that_just_changed_is_left_alone() -> None:
    assert judge(OTHER, Owner(lab(changed_at=NOW), LINES, NAMES), NOW, OLD).verdict is Fate.KEEP


def test_what_somebody_tagged_to_be_kept_is_kept() -> None:
    found = judge(replace(FILES, kept_by="ada@uni.edu"), Owner(None), NOW, OLD)
    assert (found.verdict, found.reason) == (Fate.KEEP, "kept by ada@uni.edu")


OF_BAKES = (What.BUILDER, What.BUILDER_GROUP, What.IMAGE, What.SNAPSHOT)  # no lab has them
EVERY_KIND: list[Kind | What] = [*Kind, *(one for one in What if one not in OF_BAKES)]
labs_ = st.one_of(
    st.none(),
    st.builds(
        lab,
        st.sampled_from(Phase),
        ready_at=st.sampled_from([None, OLD]),
        file_system_id=st.sampled_from(["", "fs-1"]),
        reserved=st.booleans(),
        generation=st.integers(1, 3),
    ),
)
things = st.builds(
    thing,
    st.sampled_from(EVERY_KIND),
    st.sampled_from(["i-1", "fs-1", "sg-1", "x"]),
    st.sampled_from([*NAMES.values(), "fs-1", "x", ""]),
    state=st.sampled_from(["", "available", "in-use", "missing", "0", "4"]),
    size_gb=st.sampled_from([0.0, 0.000006, 1.0]),
    region=st.sampled_from([None, "", "us-east-1", "eu-west-1"]),
    generation=st.integers(1, 3),
)


@given(things, labs_, st.booleans(), st.sampled_from([(), LINES]), st.sampled_from([timedelta(0), GRACE]))
def test_whatever_is_seen_files_that_somebody_worked_on_and_disks_are_never_removed(
    seen: Thing, whose: Lab | None, weighty: bool, lines: tuple[Entry, ...], grace: timedelta
) -> None:
    found = judge(seen, Owner(whose, lines, NAMES if whose else {}, weighty, "us-east-1"), NOW, OLD, grace)
    if found.verdict is Fate.REMOVE:
        assert seen.kind is not What.VOLUME
        if seen.kind is Kind.FILE_SYSTEM:
            assert whose is not None
            assert not whose.opened
            assert seen.size_gb < 0.001
        if seen.kind is not What.WORKFLOW and whose is not None and whose.moving:
            assert seen.kind in (What.PLACE, What.TOKEN)
        if whose is None and weighty:
            assert seen.kind in (What.TOKEN, What.WORK)  # which lie in the lab's own partition: without a lab there is none
        if seen.kind is Kind.MOUNT_TARGET and whose is not None and not gone(whose):
            assert seen.name != whose.file_system_id
    if found.verdict is Fate.ADOPT:
        assert whose is not None or seen.kind is What.PLACE


def test_a_part_that_a_lab_at_rest_should_have_and_nobody_sees_is_lost() -> None:
    absent = missing(READY, LINES, frozenset({"security-group/sg-1"}))
    assert [one.id for one in absent] == ["fs-1", "fsmt-1"]
    assert missing(MOVING, LINES, frozenset()) == []
    assert missing(DELETED, LINES, frozenset()) == []
    assert lost(READY, absent[0], NOW).hint == "its files are in its backups"


def test_what_leans_on_another_goes_first() -> None:
    found = [Finding(one.kind, one.id, "", Fate.REMOVE, "") for one in (GROUP, FILES, DOOR, MACHINE, CARD)]
    assert [one.id for one in sorted_for_acting(found)] == ["i-1", "eni-1", "fsmt-1", "fs-1", "sg-1"]
    assert set(ORDER) == {*Kind, *What}
    assert WEIGHTY.isdisjoint(NOTES)


# ---- the report ----------------------------------------------------------------------------------------------------------


def finding(number: int = 0, verdict: Fate = Fate.REPORT, since: datetime = NOW, **more: Any) -> Finding:
    return Finding(Kind.FILE_SYSTEM, f"fs-{number:04}", "", verdict, "because", since=since, **more)


def report(*found: Finding, at: datetime = NOW, dry_run: bool = False) -> Report:
    return Report("a-1", at, "root@uni.edu", dry_run).of(found)


def test_a_report_is_read_as_it_was_written_and_its_size_is_bounded() -> None:
    cost = Price(Decimal("3.10"), "USD", NOW.date())
    every = report(*(finding(n, monthly_cost=cost, hint="h" * 120) for n in range(2000)))
    text = _written(every)
    assert _read(text) == every
    assert (len(every.findings), every.left_out, every.unowned) == (MOST, 2000 - MOST, 2000)
    assert len(text) < 200_000


def test_the_dearest_stands_first_and_what_is_simply_owned_is_only_counted() -> None:
    dear = finding(2, monthly_cost=Price(Decimal(9), "USD", NOW.date()))
    made = report(finding(1), dear, Finding(Kind.ROLE, "r", "", Fate.KEEP, "lab x has it"))
    assert [one.id for one in made.findings] == ["fs-0002", "fs-0001"]
    assert (made.looked_at, made.unowned) == (3, 2)


def test_a_finding_is_unresolved_after_a_day() -> None:
    made = report(finding(1, since=OLD), finding(2), finding(3, Fate.REMOVE, OLD, outcome="done"))
    assert made.unresolved(NOW) == 1


def test_the_same_trouble_is_told_once() -> None:
    first = report(finding(1))
    assert len(told(first, None)) == 1
    assert told(report(finding(1)), first) == ()
    assert len(told(report(finding(1), finding(2)), first)) == 1
    assert len(told(report(finding(1), finding(3, Fate.REMOVE, outcome="done")), first)) == 1
    assert told(report(finding(1), dry_run=True), None) == ()
    assert told(report(), first) == ()


@pytest.mark.parametrize(
    ("kind", "state", "verdict"),
    [
        (What.BUILDER, "BAKING", Fate.KEEP),
        (What.BUILDER, "READY", Fate.REMOVE),
        (What.BUILDER_GROUP, "FAILED", Fate.REMOVE),
        (What.IMAGE, "READY", Fate.KEEP),
        (What.SNAPSHOT, "RETIRED", Fate.REMOVE),
    ],
)
def test_parts_of_bakes_belong_to_their_bake(kind: What, state: str, verdict: Fate) -> None:
    from chalicelib.images.rules import State as BakeState
    from tests.unit.images.test_rules import bake

    owner = Owner(bake=bake(state=BakeState(state)))
    found = judge(Thing(kind, "part-1", "", bake="bake-20261129-040000-abcd", made_at=NOW - GRACE), owner, NOW, NOW)
    assert found.verdict is verdict


@pytest.mark.parametrize(("kind", "verdict"), [(What.IMAGE, Fate.REPORT), (What.BUILDER, Fate.REMOVE)])
def test_an_image_of_an_unknown_bake_is_reported_and_its_builder_ended(kind: What, verdict: Fate) -> None:
    found = judge(Thing(kind, "part-1", "", bake="bake-20261129-040000-abcd", made_at=NOW - GRACE), Owner(), NOW, NOW)
    assert found.verdict is verdict
