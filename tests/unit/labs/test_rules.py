"""The pure half of labs: which phase may follow which, what is due when, what to do about a workflow that broke off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.labs import causes, journal, naming, remedies, rules
from chalicelib.labs.journal import Entry, Kept, Kind, Receipt, State
from chalicelib.labs.remedies import Execution, Remedy
from chalicelib.labs.rules import MOVING, TRANSITIONS, WORKFLOWS, Command, Lab, Patience, Phase
from chalicelib.runtime.errors import BadInput, Conflict
from tests.conftest import NOW

PATIENCE = Patience(boot=timedelta(minutes=15))
ASKED = (Command.STOP, Command.START, Command.SCALE, Command.DELETE)
TOLD = (Command.OPEN, Command.PARK, Command.FAIL, Command.CLOSE)


def lab(phase: Phase = Phase.READY, **more: object) -> Lab:
    known = Lab(
        id="genomics-k3x9",
        name="",
        domain="genomics",
        phase=phase,
        owner="ada@university.edu",
        team="lovelace",
        users=5,
        instance_type="r6i.2xlarge",
        candidates=("r6i.2xlarge", "r5.2xlarge"),
        shared_storage_gb=100,
        generation=3,
        created_at=NOW,
        changed_at=NOW,
        correlation_id="c",
        deadline=rules.deadline(phase, NOW, PATIENCE),
        ready_at=NOW,
    )
    return replace(known, **more)  # type: ignore[arg-type]


# ---- transitions


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("word", Command)
def test_every_pair_of_phase_and_command_is_decided(phase: Phase, word: Command) -> None:
    if (phase, word) in TRANSITIONS:
        assert rules.advance(phase, word) is TRANSITIONS[phase, word]
        return
    with pytest.raises(Conflict) as refused:
        rules.advance(phase, word)
    assert refused.value.hint


@given(st.lists(st.sampled_from(Command), max_size=30))
def test_whatever_is_tried_a_lab_stays_on_the_table_and_a_deleted_lab_stays_deleted(words: list[Command]) -> None:
    phase = Phase.PROVISIONING
    for word in words:
        before = phase
        try:
            phase = rules.advance(phase, word)
        except Conflict:
            assert (before, word) not in TRANSITIONS
        assert before is not Phase.DELETED or phase is Phase.DELETED


@given(st.lists(st.sampled_from(Command), max_size=40))
def test_generation_grows_with_every_workflow_and_due_says_where_a_lab_stands(words: list[Command]) -> None:
    known, seen = lab(Phase.PROVISIONING), 0
    for word in words:
        before = known
        try:
            act = rules.command(known, word, NOW, PATIENCE, "c") if word in ASKED else rules.settle(known, word, NOW, PATIENCE)
        except Conflict:
            continue
        known, seen = act, seen + 1
        assert known.generation >= before.generation
        if known.phase in MOVING and word in ASKED:
            assert known.generation == before.generation + 1
        mark = {True: "0#", False: "1#" if known.phase is Phase.READY else "2#"}[known.moving]
        assert rules.due(known) == "" if known.phase is Phase.DELETED else rules.due(known).startswith(mark)


def test_every_phase_can_be_deleted_but_the_gone() -> None:
    assert {phase for phase in Phase if (phase, Command.DELETE) in TRANSITIONS} == set(Phase) - {Phase.DELETED}


def test_every_moving_phase_has_a_workflow_and_a_way_to_rest() -> None:
    for phase in MOVING:
        assert WORKFLOWS[phase]
        assert any(TRANSITIONS[pair] not in MOVING for pair in TRANSITIONS if pair[0] is phase and pair[1] in TOLD)


def test_a_command_clears_the_cause_of_before() -> None:
    after = rules.command(lab(Phase.STOPPED, cause="x", cause_hint="y", log_tail=("z",)), Command.START, NOW, PATIENCE, "new")
    assert (after.cause, after.cause_hint, after.log_tail, after.correlation_id) == ("", "", (), "new")


def test_failed_lab_starts_again_only_if_it_was_ever_open() -> None:
    assert rules.command(lab(Phase.FAILED), Command.START, NOW, PATIENCE, "c").phase is Phase.STARTING
    with pytest.raises(Conflict, match="never ready"):
        rules.command(lab(Phase.FAILED, ready_at=None), Command.START, NOW, PATIENCE, "c")


@pytest.mark.parametrize(
    ("phase", "word", "answer"),
    [
        (Phase.STOPPING, Command.STOP, True),
        (Phase.STARTING, Command.START, True),
        (Phase.DELETING, Command.DELETE, True),
        (Phase.STOPPED, Command.SCALE, False),
        (Phase.READY, Command.STOP, False),
    ],
)
def test_a_command_that_is_being_carried_out_is_not_started_again(phase: Phase, word: Command, answer: bool) -> None:
    assert rules.repeated(lab(phase), word) is answer


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_advice_and_only_moving_ones_and_ready_have_a_deadline(phase: Phase) -> None:
    assert rules.advice(phase)
    assert (rules.deadline(phase, NOW, PATIENCE) is not None) is (phase in MOVING or phase is Phase.READY)


# ---- the index and the end


def test_due_sorts_moving_labs_by_deadline_before_running_and_resting_ones() -> None:
    early = lab(Phase.STOPPING, deadline=NOW)
    late = lab(Phase.DELETING, deadline=NOW + timedelta(minutes=1))
    order = [early, late, lab(Phase.READY), lab(Phase.STOPPED), lab(Phase.DELETED)]
    assert [rules.due(one) for one in order[:4]] == sorted(rules.due(one) for one in order[:4])
    assert rules.due(order[4]) == ""


def test_a_deleted_lab_is_forgotten_after_a_month_unless_something_is_kept() -> None:
    from decimal import Decimal

    gone = lab(Phase.DELETED, receipt=Receipt())
    assert rules.expires(gone) == int((NOW + timedelta(days=30)).timestamp())
    kept = Receipt(kept=(Kept(Kind.FILE_SYSTEM, "fs-1", Decimal("0.30")),))
    assert rules.expires(replace(gone, receipt=kept)) is None
    assert rules.expires(lab()) is None


# ---- workflows that broke off


@pytest.mark.parametrize(
    ("phase", "execution", "late", "remedy"),
    [
        (Phase.PROVISIONING, Execution.RUNNING, False, Remedy.WAIT),
        (Phase.PROVISIONING, Execution.RUNNING, True, Remedy.UNDO),
        (Phase.PROVISIONING, Execution.UNKNOWN, False, Remedy.BEGIN),
        (Phase.PROVISIONING, Execution.ENDED, False, Remedy.UNDO),
        (Phase.STARTING, Execution.ENDED, False, Remedy.UNDO),
        (Phase.SCALING, Execution.ENDED, True, Remedy.UNDO),
        (Phase.STOPPING, Execution.ENDED, False, Remedy.RESUME),
        (Phase.DELETING, Execution.ENDED, False, Remedy.RESUME),
        (Phase.DELETING, Execution.RUNNING, True, Remedy.RESUME),
    ],
)
def test_what_is_done_about_a_workflow(phase: Phase, execution: Execution, late: bool, remedy: Remedy) -> None:
    known = lab(phase)
    assert known.deadline is not None
    at = known.deadline + timedelta(seconds=1) if late else NOW
    verdict = remedies.judge(known, execution, at)
    assert verdict.remedy is remedy
    assert verdict.reason
    assert verdict.stop is (late and execution is Execution.RUNNING)


def test_an_interrupted_lab_keeps_the_cause_its_machine_gave() -> None:
    known = lab(Phase.PROVISIONING, cause="start hub: port taken")
    again = remedies.interrupted(known, remedies.judge(known, Execution.ENDED, NOW), NOW, PATIENCE)
    assert (again.cause, again.generation) == ("start hub: port taken", known.generation + 1)


def test_an_interrupted_stop_goes_on_without_a_cause() -> None:
    known = lab(Phase.STOPPING)
    again = remedies.interrupted(known, remedies.judge(known, Execution.ENDED, NOW), NOW, PATIENCE)
    assert (again.phase, again.cause, again.generation) == (Phase.STOPPING, "", known.generation + 1)


@pytest.mark.parametrize(
    ("error", "said", "cause"),
    [
        ("States.Timeout", "", "the machine did not call home in time"),
        ("NoCapacity", "none can be had", "none can be had"),
        ("KeyError", "", "KeyError"),
    ],
)
def test_errors_of_a_workflow_are_told_in_a_persons_words(error: str, said: str, cause: str) -> None:
    assert causes.explain(error, said) == cause


# ---- names and sizes


@pytest.mark.parametrize(
    ("text", "size"), [("1TB", 1000), ("500GB", 500), ("1.5 TB", 1500), ("20", 20), (" 7 gib ", 7), ("2t", 2000)]
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert naming.gigabytes(text) == size


@pytest.mark.parametrize("text", ["1XB", "", "TB", "-5GB", "1e9GB", "0GB", "101TB", "1;rm"])
def test_what_is_no_size_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        naming.gigabytes(text)
    assert refused.value.hint


@given(st.text(min_size=1, max_size=64), st.text(alphabet=naming.ALPHABET, min_size=4, max_size=4))
def test_every_lab_id_is_one(domain: str, letters: str) -> None:
    made = naming.lab_id(domain, letters)
    assert naming.is_lab_id(made)
    assert len(naming.role_name("aws-research-wizard-production1", made)) <= 64


@pytest.mark.parametrize("text", ["", "genomics", "genomics-k3x", "Genomics-k3x9", "a#b-k3x9", "../x-k3x9", "genomics-k3x9\n"])
def test_what_cannot_be_a_lab_id_is_known_without_looking(text: str) -> None:
    assert not naming.is_lab_id(text)


# ---- the journal


def test_parts_are_taken_down_in_reverse_and_only_those_that_may_stand() -> None:
    entries = [Entry(kind, kind.value, State.MADE, kind.value) for kind in Kind]
    entries += [Entry(Kind.INSTANCE, "g-1-1"), Entry(Kind.INSTANCE, "g-1-0", State.REMOVED)]
    order = [entry.kind for entry in journal.to_take_down(entries)]
    assert order[0] is Kind.RECORD
    assert order[-1] is Kind.MACHINE_GROUP
    assert order.count(Kind.INSTANCE) == 2
    assert order.index(Kind.INSTANCE) < order.index(Kind.PROFILE) < order.index(Kind.ROLE)
    assert order.index(Kind.MOUNT_TARGET) < order.index(Kind.FILE_SYSTEM) < order.index(Kind.STORAGE_GROUP)


def test_each_tried_machine_has_a_line_of_its_own() -> None:
    tokens = [journal.machine_token("genomics-k3x9", 1, attempt) for attempt in range(3)]
    assert len({Entry(Kind.INSTANCE, token).key for token in tokens}) == 3
    assert Entry(Kind.ROLE, "a").key == Entry(Kind.ROLE, "b").key


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "User: arn:aws:sts::123456789012:assumed-role/stage-launch/f is not authorized to perform: ec2:RunInstances on "
            "resource: arn:aws:ec2:us-east-1:123456789012:instance/* because no policy allows it. "
            "Encoded authorization failure message: 4Gx_-9",
            "User: f is not authorized to perform: ec2:RunInstances on resource: * because no policy allows it.",
        ),
        ("no arn:aws:states:us-east-1:123456789012:execution:stage-stop_lab:genomics-k3x9-2 there", "no genomics-k3x9-2 there"),
        ("arn:aws-us-gov:iam::123456789012:role/x.", "x."),
        ("start hub: port 80 is taken", "start hub: port 80 is taken"),
    ],
)
def test_a_cause_shows_no_arn(said: str, told: str) -> None:
    assert causes.explain("Boom", said) == told
    assert "arn:" not in causes.plain(said)
