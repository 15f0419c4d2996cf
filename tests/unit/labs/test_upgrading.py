"""Releases: who runs which, how a lab gets the newest, and how labs of an earlier release are taken over."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.labs import naming, releases, store, upgrading
from chalicelib.labs.rules import Phase
from chalicelib.runtime import aws, clock, migrations, settings
from chalicelib.runtime.store import commit
from tests.conftest import STAGE_ENV
from tests.fakes import past
from tests.unit.labs.conftest import ADA, Stage

NEW = "0123456789ab"
PREFIX = STAGE_ENV["PREFIX"]


@pytest.fixture
def deployed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Deploy a release: from then on it is the newest."""

    def deploy(release: str = NEW) -> None:
        monkeypatch.setenv("BUNDLE_KEY", naming.bundle_key(release))
        settings.forget()
        from tests.conftest import Context

        settings.seen(Context())

    yield deploy
    settings.forget()


def beat(stage: Stage, lab_id: str, release: str = "") -> dict[str, Any]:
    said = {"boot_id": "boot-1", "release": release} if release else {"boot_id": "boot-1"}
    answer = stage.say(lab_id, "heartbeat", **said)
    assert answer.status == 200, answer.text
    return dict(answer.json)


def seen(stage: Stage, lab_id: str) -> dict[str, Any]:
    return dict(stage.as_(ADA).get(f"/labs/{lab_id}").json)


def report(stage: Stage, lab_id: str, work: dict[str, Any], state: str, **more: Any) -> None:
    assert stage.say(lab_id, f"work/{work['id']}", state=state, **more).status == 204
    stage.run()


def test_a_lab_is_of_the_release_it_was_asked_for_under(stage: Stage) -> None:
    lab_id = stage.ready()
    assert (seen(stage, lab_id)["release"], seen(stage, lab_id)["newer_release"]) == ("1", None)


def test_a_deployment_upgrades_nobody_and_tells_everybody_once(stage: Stage, deployed: Any) -> None:
    running, resting = stage.ready(), stage.stopped()
    deployed()
    assert [releases.announce(stage.now) for _ in range(2)] == [1, 0]
    assert stage.facts(running).count("LabReleaseAvailable") == 1
    assert "LabReleaseAvailable" not in stage.facts(resting)
    assert (seen(stage, running)["release"], seen(stage, running)["newer_release"]) == ("1", NEW)
    assert beat(stage, running, "1")["work"] == []


def test_an_upgrade_is_ordered_done_and_told_while_the_lab_stays_ready(stage: Stage, deployed: Any) -> None:
    lab_id = stage.ready()
    deployed()
    assert stage.asked(lab_id, "upgrade").status == 202
    stage.run()
    [work] = beat(stage, lab_id, "1")["work"]
    assert work["kind"] == "upgrade"
    assert work["order"] == {
        "bundle": f"s3://artifacts/host/bundle-{NEW}.tar.gz", "release": NEW, "upgrade_id": work["id"]
    }  # fmt: skip
    assert seen(stage, lab_id)["upgrading"] == work["id"]
    report(stage, lab_id, work, "done", report={"release": NEW, "previous": "1", "seconds": 40})
    lab = stage.lab(lab_id)
    assert (lab.phase, lab.release, lab.upgrading) == (Phase.READY, NEW, "")
    told = [name for name in stage.facts(lab_id) if name != "ServersChanged"]
    assert told[-2:] == ["LabUpgrading", "LabUpgraded"]
    assert beat(stage, lab_id, NEW)["work"] == []
    assert stage.facts(lab_id).count("LabUpgraded") == 1


def test_an_upgrade_that_was_taken_back_leaves_the_lab_as_it_was_and_says_why(stage: Stage, deployed: Any) -> None:
    lab_id = stage.ready()
    deployed()
    stage.asked(lab_id, "upgrade")
    stage.run()
    [work] = beat(stage, lab_id, "1")["work"]
    report(stage, lab_id, work, "failed", cause="the smoke notebook failed in genomics-python, cell two: 43")
    told = seen(stage, lab_id)
    assert (told["phase"], told["release"], told["upgrading"]) == ("READY", "1", None)
    assert "cell two" in told["release_note"]
    assert stage.facts(lab_id)[-1] == "LabUpgradeFailed"


def test_asked_twice_is_one_upgrade(stage: Stage, deployed: Any) -> None:
    lab_id = stage.ready()
    deployed()
    first, second = (stage.asked(lab_id, "upgrade").json["upgrading"] for _ in range(2))
    assert first == second
    assert stage.facts(lab_id).count("LabUpgrading") == 1


def test_a_lab_that_stops_in_the_middle_is_told_so(stage: Stage, deployed: Any) -> None:
    lab_id = stage.ready()
    deployed()
    stage.asked(lab_id, "upgrade")
    stage.run()
    assert stage.asked(lab_id, "stop").status == 202
    stage.run()
    lab = stage.lab(lab_id)
    assert (lab.phase, lab.upgrading) == (Phase.STOPPED, "")
    assert "machine is not there" in lab.release_note


def test_a_lab_of_the_newest_release_has_nothing_to_do(stage: Stage) -> None:
    lab_id = stage.ready()
    assert stage.asked(lab_id, "upgrade").json["upgrading"] is None
    assert "LabUpgrading" not in stage.facts(lab_id)


def test_a_lab_in_motion_cannot_be_upgraded(stage: Stage, deployed: Any) -> None:
    lab_id = stage.requested()
    deployed()
    answer = stage.asked(lab_id, "upgrade")
    assert (answer.status, "wait until it is READY" in answer.json["hint"]) == (409, True)


def user_data(stage: Stage, lab_id: str) -> str:
    found = stage.account.real("ec2").describe_instance_attribute(InstanceId=stage.lab(lab_id).instance_id, Attribute="userData")
    return base64.b64decode(found["UserData"]["Value"]).decode()


def test_a_stopped_lab_starts_as_it_was_unless_it_was_asked_to_change(stage: Stage, deployed: Any) -> None:
    lab_id = stage.stopped()
    deployed()
    stage.asked(lab_id, "start")
    stage.run()
    assert f"bundle-{NEW}" not in user_data(stage, lab_id)


def test_an_upgrade_asked_of_a_stopped_lab_comes_with_its_start(stage: Stage, deployed: Any) -> None:
    lab_id = stage.stopped()
    deployed()
    assert NEW in stage.asked(lab_id, "upgrade").json["release_note"]
    stage.asked(lab_id, "start")
    stage.run()
    assert f"bundle='s3://artifacts/host/bundle-{NEW}.tar.gz'" in user_data(stage, lab_id)
    stage.boot(lab_id)
    beat(stage, lab_id, NEW)
    told = seen(stage, lab_id)
    assert (told["phase"], told["release"], told["release_note"]) == ("READY", NEW, None)
    assert stage.facts(lab_id)[-1] == "LabUpgraded"


def test_a_release_that_did_not_serve_at_the_start_is_told(stage: Stage, deployed: Any) -> None:
    lab_id = stage.stopped()
    deployed()
    stage.asked(lab_id, "upgrade")
    stage.asked(lab_id, "start")
    stage.run()
    stage.boot(lab_id)
    beat(stage, lab_id, "1")
    assert f"release {NEW} did not serve" in seen(stage, lab_id)["release_note"]
    assert stage.facts(lab_id)[-1] == "LabUpgradeFailed"
    assert stage.lab(lab_id).wanted_release == ""


def test_an_upgrade_nobody_works_on_any_more_may_be_asked_for_again(stage: Stage, deployed: Any) -> None:
    lab_id = stage.ready()
    deployed()
    lab = stage.lab(lab_id)
    commit(store.change(lab, replace(lab, upgrading="u-20200101-000000-abcd")))
    assert stage.asked(lab_id, "upgrade").json["upgrading"] != "u-20200101-000000-abcd"


def test_a_report_of_an_upgrade_of_before_changes_nothing(stage: Stage) -> None:
    lab_id = stage.ready()
    upgrading.finish(lab_id, "u-20200101-000000-abcd", {"release": "x"}, stage.now)
    upgrading.fail(lab_id, "u-20200101-000000-abcd", "late", stage.now)
    assert (stage.lab(lab_id).release, stage.lab(lab_id).release_note) == ("1", "")


# ---- labs of release 0.1.0 -----------------------------------------------------------------------------------------------


@pytest.fixture
def old(stage: Stage) -> Any:
    """The labs that a life under release 0.1.0 left, in today's stage: name → id."""
    lines = past.made_real(past.rows("0.1.0", PREFIX), stage.account)
    for line in lines:
        if line["item"]["sk"]["S"] == "MACHINE":
            lab_id = line["item"]["pk"]["S"].removeprefix("LAB#")
            stage.tokens[lab_id] = f"awm_{lab_id}.kept"
            stage.claimed[lab_id] = line["item"]["instance_id"]["S"]
            line["item"]["token_hash"] = {"S": hashlib.sha256(stage.tokens[lab_id].encode()).hexdigest()}
    past.put(lines, PREFIX, aws.client("dynamodb"))
    stage.people[ADA] = stage.people["root"]  # an admin, as the owner of these labs was
    items = [line["item"] for line in lines if line["item"]["sk"]["S"] == "LAB"]
    return {item["name"]["S"]: item["lab_id"]["S"] for item in items}


def migrated(**more: Any) -> migrations.Outcome:
    return migrations.run(clock.now(), lambda: 900_000, **more)


def test_migrating_twice_is_migrating_once(stage: Stage, old: Any) -> None:
    before = stage.tables("labs")
    first = migrated()
    after = stage.tables("labs")
    assert (first.finished, first.steps[0].changed) == (True, 3)
    assert {stage.lab(lab_id).release for lab_id in (old["running"], old["resting"], old["arriving"])} == {"0.1.0"}
    assert migrated().steps == []
    assert stage.tables("labs") == [*after]
    for one, other in zip(sorted(before, key=_key), sorted(after, key=_key), strict=True):
        assert {name: other.get(name) for name in one if name != "told_release"} == one, "a migration only adds"


def _key(item: Any) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def test_old_labs_are_told_of_the_new_release(stage: Stage, old: Any) -> None:
    assert migrated().after == {"labs": 1}
    assert "LabReleaseAvailable" in stage.facts(old["running"])


@pytest.mark.parametrize("migrate", [False, True], ids=["before the migration", "after it"])
def test_every_verb_works_on_labs_of_release_0_1_0(stage: Stage, old: Any, migrate: bool) -> None:
    if migrate:
        migrated()
    lab_id = old["running"]
    listed = {one["id"]: one["phase"] for one in stage.as_(ADA).get("/labs").json["items"]}
    assert {listed[old[name]] for name in ("running", "resting", "arriving")} == {"READY", "STOPPED", "PROVISIONING"}
    told = seen(stage, lab_id)
    assert (told["release"], told["users"], told["name"]) == ("0.1.0", 6, "running")
    assert len(stage.as_(ADA).get(f"/labs/{lab_id}/events").json["items"]) > 10
    assert stage.as_(ADA).post(f"/labs/{lab_id}/login").status == 200
    assert beat(stage, lab_id)["users"]
    assert stage.as_(ADA).post(f"/labs/{lab_id}/users", {"email": "new@uni.edu"}).status in (200, 201)
    assert stage.asked(lab_id, "scale", users=8).status == 202
    refused = stage.asked(lab_id, "upgrade")
    assert (refused.status, "stop it" in refused.json["hint"]) == (409, True)
    assert stage.asked(lab_id, "stop").status == 202
    stage.run()
    assert stage.lab(lab_id).phase is Phase.STOPPED
    assert stage.asked(lab_id, "upgrade").status == 202
    assert stage.asked(lab_id, "start").status == 202
    stage.run()
    assert "bundle-1.tar.gz" in user_data(stage, lab_id)
    stage.boot(lab_id)
    beat(stage, lab_id, "1")
    assert (seen(stage, lab_id)["phase"], seen(stage, lab_id)["release"]) == ("READY", "1")
    assert stage.asked(lab_id, "scale", instance_type="r6i.xlarge").status == 202
    stage.run()
    stage.boot(lab_id)
    assert stage.lab(lab_id).phase is Phase.READY
    assert stage.deleted(lab_id, "delete").status == 202
    assert stage.lab(lab_id).phase is Phase.DELETED
    assert stage.residue(lab_id) == []


def test_what_release_0_1_0_kept_of_a_deleted_lab_is_still_listed(stage: Stage, old: Any) -> None:
    migrated()
    told = seen(stage, old["gone-kept"])
    assert told["phase"] == "DELETED"
    assert [one["kind"] for one in told["receipt"]["kept"]] == ["file-system"]


def test_a_lab_that_was_on_its_way_can_be_deleted(stage: Stage, old: Any) -> None:
    migrated()
    lab = stage.lab(old["arriving"])
    assert (lab.phase, lab.release) == (Phase.PROVISIONING, "0.1.0")
    assert stage.deleted(lab.id, "delete").status == 202
    assert stage.lab(lab.id).phase is Phase.DELETED
