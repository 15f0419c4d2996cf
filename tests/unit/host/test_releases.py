"""Which release runs: at every boot, after every crash, with every disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aws_research_wizard.host import prove, releases, upgrade
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.releases import Record
from aws_research_wizard.host.work import WorkFailed

OLD, NEW, NEWER = "0" * 12, "1" * 12, "2" * 12


def named(release: str) -> str:
    return f"bundle-{release}"


def of(machine: Machine, release: str) -> Machine:
    """The machine as the code of that release sees it; the release is on its disk."""
    place = releases.bundle(machine, release)
    place.mkdir(parents=True, exist_ok=True)
    (place / releases.COMPLETE).touch()
    return replace(machine, bundle=place)


@pytest.fixture
def settled(machine: Machine) -> Machine:
    """A machine that runs OLD since its first boot."""
    old = of(machine, OLD)
    assert releases.at_boot(old, named(OLD)) == OLD
    return old


def test_first_boot_makes_its_release_the_current_one(settled: Machine) -> None:
    assert (releases.current(settled), releases.last_asked(settled)) == (OLD, named(OLD))


def test_a_later_boot_runs_what_is_current_whatever_it_was_launched_with(settled: Machine) -> None:
    of(settled, NEW)
    releases.point(settled, NEW)
    assert releases.at_boot(settled, named(OLD)) == NEW


def test_a_release_asked_for_at_a_start_is_on_trial_until_it_is_confirmed(settled: Machine) -> None:
    new = of(settled, NEW)
    assert releases.at_boot(new, named(NEW)) == NEW
    assert (releases.current(new), releases.told(new)) == (NEW, OLD)
    releases.confirm(new, named(NEW))
    assert releases.told(new) == NEW
    assert releases.at_boot(new, named(NEW)) == NEW


def test_a_release_that_cannot_boot_gives_way_and_is_not_tried_again(settled: Machine) -> None:
    new = of(settled, NEW)
    releases.at_boot(new, named(NEW))
    assert releases.give_up(new, named(NEW), "start hub: port taken") == OLD
    assert releases.current(settled) == OLD
    assert releases.at_boot(settled, named(NEW)) == OLD
    record = releases.load(settled)
    assert record
    assert record.cause == "start hub: port taken"


def test_a_machine_that_dies_on_trial_boots_what_it_ran_before(settled: Machine) -> None:
    new = of(settled, NEW)
    releases.at_boot(new, named(NEW))
    assert releases.at_boot(new, named(NEW)) == OLD
    assert releases.at_boot(settled, named(NEW)) == OLD


def test_a_release_on_no_trial_has_nothing_to_give_way_to(settled: Machine) -> None:
    assert releases.give_up(settled, named(OLD), "start hub: port taken") == ""


def test_a_disk_of_release_0_1_0_goes_back_to_what_it_had(machine: Machine) -> None:
    of(machine, OLD)
    new = of(machine, NEW)
    assert releases.at_boot(new, named(NEW)) == NEW
    assert releases.give_up(new, named(NEW), "no") == OLD


def test_a_bundle_that_could_not_be_fetched_is_asked_for_again(settled: Machine) -> None:
    assert releases.at_boot(settled, named(NEW)) == OLD
    assert releases.last_asked(settled) == named(OLD)


@pytest.mark.parametrize("phase", [*releases.TRYING, *releases.SWITCHED])
@pytest.mark.parametrize("pointed", [False, True])
def test_whatever_an_upgrade_was_doing_when_the_machine_died_it_boots_what_it_was(
    settled: Machine, phase: str, pointed: bool
) -> None:
    of(settled, NEW)
    releases.save(settled, Record("u-1", OLD, NEW, phase))
    if pointed and phase in releases.SWITCHED:
        releases.point(settled, NEW)
    assert releases.at_boot(settled, named(OLD)) == OLD
    assert releases.current(settled) == OLD
    record = releases.load(settled)
    assert record
    assert (record.phase, record.open) == ("failed", False)


def test_taking_back_may_be_interrupted_and_repeated(settled: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    of(settled, NEW)
    record = releases.save(settled, Record("u-1", OLD, NEW, "switching"))
    releases.point(settled, NEW)
    with monkeypatch.context() as patch:
        patch.setattr(releases, "save", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            releases.take_back(settled, record, "why")
    assert releases.current(settled) == OLD
    assert releases.at_boot(settled, named(OLD)) == OLD


def test_the_link_is_never_missing(settled: Machine) -> None:
    of(settled, NEW)
    inode = (settled.opt / "current").lstat().st_ino
    releases.point(settled, NEW)
    assert (settled.opt / "current").lstat().st_ino != inode, "replaced by a rename, not removed and made"


def test_a_torn_record_is_no_record(settled: Machine) -> None:
    settled.state.mkdir(parents=True)
    (settled.state / "upgrade.json").write_text('{"id": ')
    assert releases.load(settled) is None
    assert releases.at_boot(settled, named(OLD)) == OLD


def test_two_releases_stay_and_those_that_somebody_runs(settled: Machine) -> None:
    for release in (NEW, NEWER, "3" * 12):
        of(settled, release)
        releases.environment(settled, release).mkdir(parents=True)
    releases.point(settled, NEWER)
    releases.save(settled, Record("u-1", NEW, NEWER, "done"))
    newest = of(settled, NEWER)
    assert releases.prune(newest, f"python {releases.environment(settled, OLD)}/bin/x") == ["3" * 12]
    assert releases.prune(newest) == [OLD]
    assert sorted(place.name for place in (settled.opt / "bundle").iterdir()) == [named(NEW), named(NEWER)]


# ---- who conducts --------------------------------------------------------------------------------------------------------


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hub and the agent are not really there."""
    seen: list[str] = []
    monkeypatch.setattr(upgrade, "restart", lambda machine: seen.append(releases.current(machine)))
    monkeypatch.setattr(prove, "clear", lambda _: None)
    return seen


@pytest.mark.parametrize("phase", [*releases.TRYING, *releases.SWITCHED])
def test_the_agent_takes_back_what_nobody_conducts(settled: Machine, restarted: list[str], phase: str) -> None:
    of(settled, NEW)
    releases.save(settled, Record("u-1", OLD, NEW, phase))
    releases.point(settled, NEW if phase in releases.SWITCHED else OLD)
    assert upgrade.settle(settled)
    assert releases.current(settled) == OLD
    assert restarted == ([OLD] if phase in releases.SWITCHED else [])
    assert not upgrade.settle(settled)


def test_the_agent_leaves_alone_what_somebody_conducts(settled: Machine, restarted: list[str]) -> None:
    releases.save(settled, Record("u-1", OLD, NEW, "switching"))
    with releases.held(settled) as free:
        assert free
        assert not upgrade.settle(settled)
    assert restarted == []


def test_a_worker_that_comes_back_tells_how_its_upgrade_ended(settled: Machine, restarted: list[str]) -> None:
    releases.save(settled, Record("u-1", OLD, NEW, "failed", "the smoke notebook failed"))
    with pytest.raises(WorkFailed, match="the smoke notebook failed"):
        upgrade.carry_out(settled, {"bundle": "s3://b/x", "release": NEW, "upgrade_id": "u-1"}, lambda _: None)
    releases.save(settled, Record("u-1", OLD, NEW, "done"))
    said = upgrade.carry_out(settled, {"bundle": "s3://b/x", "release": NEW, "upgrade_id": "u-1"}, lambda _: None)
    assert (said["release"], said["previous"]) == (NEW, OLD)
    assert restarted == []


def test_a_release_that_runs_already_is_no_work(settled: Machine) -> None:
    said = upgrade.carry_out(settled, {"bundle": "s3://b/x", "release": OLD, "upgrade_id": "u-1"}, lambda _: None)
    assert said["release"] == OLD


def test_a_server_that_ended_by_itself_is_not_missed() -> None:
    before = {"ada": (1, "boot:1"), "bob": (2, "boot:2"), "eve": (3, "")}
    assert set(upgrade.alive(before, lambda pid: {1: "boot:1", 2: "boot:9"}.get(pid, ""))) == {"ada"}


def test_what_belongs_to_a_trial_is_known_by_its_folder(tmp_path: Path) -> None:
    place = str(tmp_path / "green")
    ours = prove.processes.Process(1, ("python",), {"JUPYTER_RUNTIME_DIR": f"{place}/root/run"})
    theirs = prove.processes.Process(2, ("python", "-m", "jupyterhub"), {"HOME": "/root"})
    assert (prove.belongs(ours, place), prove.belongs(theirs, place)) == (True, False)
