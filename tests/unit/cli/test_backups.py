"""Backups on the command line: made, listed, given back, rehearsed, and said plainly when something is wrong."""

import json

import pytest

from aws_research_wizard.client.mock import MockCloud
from tests.unit.cli.conftest import Arw

LAB = "genomics-k3x1"
FIRST = "b-20261123-090000-x7k2"
NOTEBOOK = "homes/ada@university.edu/a.ipynb"


@pytest.fixture
def lab(arw: Arw) -> str:
    assert arw("jupyter deploy --domain genomics").code == 0
    return LAB


@pytest.fixture
def backed(arw: Arw, lab: str) -> str:
    assert arw(f"jupyter backup {lab}").code == 0
    return lab


def test_backup_shows_its_steps_and_what_it_came_to(arw: Arw, lab: str) -> None:
    done = arw(f"jupyter backup {lab}")
    assert done.code == 0
    assert done.out.splitlines()[0] == f"✔ Backup {FIRST}: 2 files, 1.2 kB, 1.2 kB of it new"
    assert f"jupyter restore {LAB} --from {FIRST} --path PATH" in done.out
    assert "The lab's machine puts what changed into the bucket" in done.err
    assert "Everything that belongs to it was found there" in done.err


def test_no_wait_says_that_it_goes_on(arw: Arw, lab: str) -> None:
    assert arw(f"jupyter backup {lab} --no-wait").out.startswith(f"Backup {FIRST} goes on by itself.")


def test_a_failed_backup_is_said_with_its_cause(arw: Arw, lab: str, cloud: MockCloud) -> None:
    cloud.backup_fails_with = "the bucket cannot be reached"
    done = arw(f"jupyter backup {lab}")
    assert done.code == 1
    assert f"backup {FIRST} failed: the bucket cannot be reached" in done.err


def test_stop_with_a_backup_first(arw: Arw, lab: str, cloud: MockCloud) -> None:
    done = arw(f"jupyter stop {lab} --backup")
    assert (done.code, cloud.labs[LAB]["phase"]) == (0, "STOPPED")
    assert "stopped; files are kept" in done.out


def test_delete_with_a_backup_first(arw: Arw, lab: str, cloud: MockCloud) -> None:
    done = arw(f"jupyter delete {lab} --backup --yes")
    assert (done.code, cloud.labs[LAB]["phase"]) == (0, "DELETED")
    assert json.loads(cloud.asked[-1].content or b"{}") == {}
    assert [json.loads(one.content)["data"] for one in cloud.asked if one.url.path.endswith("/backups")] == ["delete"]


@pytest.mark.parametrize("line", ["stop {lab} --backup", "delete {lab} --backup --yes", "scale {lab} --users 3 --backup"])
def test_after_a_failed_backup_nothing_is_done(arw: Arw, lab: str, cloud: MockCloud, line: str) -> None:
    cloud.backup_fails_with = "no room"
    done = arw("jupyter " + line.format(lab=lab))
    assert (done.code, cloud.labs[LAB]["phase"], cloud.labs[LAB]["users"]) == (1, "READY", 1)
    assert "failed: no room" in done.err


def test_scale_with_a_backup_first(arw: Arw, lab: str, cloud: MockCloud) -> None:
    assert arw(f"jupyter scale {lab} --users 3 --backup").code == 0
    assert (cloud.labs[LAB]["users"], len(cloud.backups[LAB])) == (3, 1)


def test_no_wait_leaves_backup_and_stop_to_the_control_plane(arw: Arw, lab: str) -> None:
    assert f"Lab {LAB} is being backed up; then comes the stop" in arw(f"jupyter stop {lab} --backup --no-wait").out


def test_backups_of_a_lab_and_of_all(arw: Arw, backed: str) -> None:
    assert arw(f"jupyter backups {backed}").out.split()[:6] == ["BACKUP", "WHEN", "FILES", "SIZE", "NEW", "STATE"]
    assert "$0.02/month" in arw("jupyter backups").out
    assert "Stands on" not in arw(f"jupyter backups {backed} newest").out
    assert json.loads(arw(f"jupyter backups {backed} newest -o json").out)["id"] == FIRST


def test_a_backup_that_is_older_than_the_last_work_warns(arw: Arw, backed: str, cloud: MockCloud) -> None:
    cloud.backups[LAB][0] |= {"stale": True, "stale_reason": "made before the last session ended at 2026-11-23 09:30 UTC"}
    assert "! The newest was made before the last session ended" in arw(f"jupyter backups {backed}").out
    assert "made before the last session ended" in arw(f"jupyter backups {backed} newest").out


def test_none_yet_says_how_to_make_one(arw: Arw, lab: str) -> None:
    assert f"jupyter backup {LAB}" in arw(f"jupyter backups {lab}").out
    assert "No backups yet" in arw("jupyter backups").out
    assert f"jupyter drills {LAB} --now" in arw(f"jupyter drills {lab}").out


def test_files_of_a_backup(arw: Arw, backed: str) -> None:
    assert NOTEBOOK in arw(f"jupyter backups {backed} newest --files").out
    assert NOTEBOOK not in arw(f"jupyter backups {backed} newest --path shared").out
    assert arw(f"jupyter backups {backed} --files").code == 2


def test_a_backup_is_deleted_after_a_question(arw: Arw, backed: str, cloud: MockCloud) -> None:
    assert arw(f"jupyter backups {backed} {FIRST} --delete").code == 2
    assert arw(f"jupyter backups {backed} {FIRST} --delete", "n\n", at_keyboard=True).code == 1
    assert len(cloud.backups[LAB]) == 1
    assert arw(f"jupyter backups {backed} {FIRST} --delete", "y\n", at_keyboard=True).out == f"✔ Backup {FIRST} is deleted\n"
    assert cloud.backups[LAB] == []


def test_restore_says_what_went_where(arw: Arw, backed: str) -> None:
    done = arw(f"jupyter restore {backed} --from newest --path {NOTEBOOK}")
    assert done.code == 0
    assert "✔ 1 file, 600 B, as of 2026-11-23 09.00 UTC" in done.out
    assert f"{NOTEBOOK} → {NOTEBOOK} (restored 2026-11-23 09.00)" in done.out


def test_restore_passes_on_what_was_said(arw: Arw, backed: str, cloud: MockCloud) -> None:
    arw(f"jupyter restore {backed} --from newest -p a -p b --over --from-lab {LAB} --no-wait")
    sent = json.loads(cloud.asked[-1].content)
    assert sent == {"backup_id": "newest", "paths": ["a", "b"], "over": True, "source_lab": LAB}
    assert arw(f"jupyter restore {backed}").code == 2


def test_a_restore_that_failed_says_so(arw: Arw, backed: str, cloud: MockCloud) -> None:
    cloud.damaged = [NOTEBOOK]
    done = arw(f"jupyter restore {backed} --from newest --path {NOTEBOOK}")
    assert done.code == 1
    assert "it is damaged in the backup" in done.err
    some = arw(f"jupyter restore {backed} --from newest")
    assert (some.code, some.out.count("!")) == (0, 1)


def test_a_drill_that_passes_and_one_that_does_not(arw: Arw, backed: str, cloud: MockCloud) -> None:
    assert "would come back whole: 2 files, 1.2 kB, read back in 2.5 s" in arw(f"jupyter drills {backed} --now").out
    cloud.damaged = [NOTEBOOK]
    done = arw(f"jupyter drills {backed} --now")
    assert done.code == 1
    assert f"{NOTEBOOK}: its content was altered" in done.err
    assert f"1 file of {FIRST} would not come back" in done.err
    assert [one["state"] for one in json.loads(arw(f"jupyter drills {backed} -o json").out)] == ["FAILED", "PASSED"]


def test_backup_then_delete_asks_first(arw: Arw, lab: str) -> None:
    assert arw(f"jupyter backup {lab} --then delete").code == 2
    assert arw(f"jupyter backup {lab} --then stop").code == 0


@pytest.mark.parametrize("name", ["backup", "backups", "restore", "drills"])
def test_help_has_an_example(arw: Arw, name: str) -> None:
    assert f"aws-research-wizard jupyter {name}" in arw(f"jupyter {name} --help").out
