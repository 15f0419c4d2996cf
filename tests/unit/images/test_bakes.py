"""A bake from the request to the image, and the ways in which it can go wrong: nothing is left, the old image stays served."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.images import baking, rules, service
from chalicelib.images.journal import PASSING
from chalicelib.images.making import take_down
from chalicelib.labs import account
from chalicelib.runtime.errors import Conflict, Retryable
from tests.fakes.sim import packs
from tests.fakes.sim.builder import spoil
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.faults import Strike, too_often
from tests.fakes.sim.invariants import check
from tests.fakes.sim.town import ADA, ROOT, Town, simulated


@pytest.fixture
def town() -> Iterator[Town]:
    with simulated() as made:
        yield made


def baked(town: Town) -> str:
    bake_id = town.bake()
    town.quiet()
    assert town.bakes()[bake_id]["state"] == "READY", town.bakes()[bake_id]
    return bake_id


def image_of(town: Town, lab_id: str) -> Any:
    return town.call("GET", f"/labs/{lab_id}").json["image"]


def test_a_bake_ends_in_an_image_that_labs_get_and_nothing_else_is_left(town: Town) -> None:
    bake_id = baked(town)
    shown = town.call("GET", f"/images/{bake_id}").json
    assert shown["state"] == "READY"
    assert shown["passed"]
    assert [one["ok"] for one in shown["lessons"]] == [True, True, True]
    assert len(shown["kernels"][0]["lock_sha256"]) == 64
    lab_id = town.request()
    town.quiet()
    assert image_of(town, lab_id)["bake_id"] == bake_id
    assert check(town, quiet=True) == []


def test_a_lab_without_a_baked_image_installs_and_says_so(town: Town) -> None:
    lab_id = town.request()
    town.quiet()
    assert image_of(town, lab_id) is None
    launched = [one for one in Evidence(town).facts if one["name"] == "MachineLaunched"]
    assert '"image":null' in launched[0]["data"]


@pytest.mark.parametrize(
    ("how", "says"), [("lesson", "printed something else"), ("mute", "without a report"), ("dies", "terminated")]
)
def test_a_bake_that_fails_leaves_nothing_and_the_old_image_is_still_served(town: Town, how: str, says: str) -> None:
    old = baked(town)
    spoil(town.cloud, "genomics", how)
    bad = town.bake()
    town.quiet()
    shown = town.call("GET", f"/images/{bad}").json
    assert shown["state"] == "FAILED"
    assert says in shown["cause"]
    assert check(town, quiet=True) == []
    assert served(town) == [old]
    lab_id = town.request()
    town.quiet()
    assert image_of(town, lab_id)["bake_id"] == old


def served(town: Town) -> list[str]:
    return [one.id for one in rules.newest_first(service.store.served("genomics"))]


def test_a_bake_whose_create_image_is_throttled_for_good_leaves_nothing(town: Town) -> None:
    old, ec2 = baked(town), town.cloud.client("ec2")

    def throttled(**_: Any) -> Any:
        raise too_often("ec2")

    ec2.__dict__.pop("create_image", None)
    ec2._create_image = throttled
    bad = town.bake()
    town.quiet()
    assert town.bakes()[bad]["state"] == "FAILED"
    assert "many requests" in town.bakes()[bad]["cause"]
    assert check(town, quiet=True) == []
    assert served(town) == [old]


def test_of_two_bakes_of_one_pack_one_runs_and_the_other_is_told_which(town: Town) -> None:
    first = town.bake()
    second = town.call("POST", "/images", {"pack": "genomics"}, who=ROOT)
    assert second.status == 409
    assert first in second.json["message"]
    town.quiet()
    assert list(town.bakes()) == [first]


def test_of_two_bakes_that_cross_the_transaction_lets_one_in(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    first = town.bake()
    monkeypatch.setattr(service.store, "busy", lambda _pack: "")
    with pytest.raises(Conflict):
        service.begin("genomics", town.now, ROOT, "c")
    assert list(town.bakes()) == [first]


def test_an_image_that_is_still_pending_is_not_served(town: Town) -> None:
    bake_id = town.bake()
    while not town.bakes()[bake_id].get("image_id"):
        town.deliver(town.units()[0])
    with pytest.raises(Retryable, match="pending"):
        baking.register_image(bake_id, 1, town.now)
    assert served(town) == []


def test_a_launch_that_is_delivered_late_makes_no_second_builder(town: Town) -> None:
    bake_id = town.bake()
    while any(one["State"]["Name"] != "terminated" for one in builders(town)) or not builders(town):
        assert town.bakes()[bake_id]["state"] == "BAKING"
        town.deliver(town.units()[0])
    take_down(service.image(bake_id), PASSING)
    baking.launch_builder(bake_id, 1, town.now)
    assert len(builders(town)) == 1
    town.quiet()
    assert town.bakes()[bake_id]["state"] == "READY"


def test_a_type_that_a_twin_of_the_task_got_is_not_given_up_for_another_one(town: Town) -> None:
    bake_id = town.bake()
    stands, launch = town.snapshot(), town.units()[0]
    town.deliver(launch)
    at = next(place for place, call in enumerate(town.calls) if call.verb == "run_instances")
    town.restore(stands)
    town.deliver(launch, (Strike(at, "no_capacity"), Strike(at + 1, "twin")))
    town.quiet()
    assert len(builders(town)) == 1
    assert town.bakes()[bake_id]["state"] == "READY"


def builders(town: Town) -> list[Any]:
    return list(town.cloud.shelf("ec2.instances").values())


def test_an_orphan_builder_is_ended_by_the_sweep(town: Town) -> None:
    bake_id = baked(town)
    tags = {"stage": "test", "bake": bake_id}
    written = [{"Key": f"aws-research-wizard:{key}", "Value": value} for key, value in tags.items()]
    ec2 = town.cloud.client("ec2")
    ec2.run_instances(
        InstanceType="r6i.2xlarge", ImageId="ami-12c6146b", TagSpecifications=[{"ResourceType": "instance", "Tags": written}]
    )
    town.invoke("reconcile_labs", town._timer("reconcile_labs"))
    assert {one["State"]["Name"] for _, one in town.cloud.shelf("ec2.instances").items()} <= {"shutting-down", "terminated"}


def test_two_packs_are_baked_side_by_side(town: Town) -> None:
    for pack in ("genomics", "climate_modeling"):
        town.bake(pack)
    town.quiet()
    assert {one["state"] for one in town.bakes().values()} == {"READY"}


def test_only_an_admin_bakes_and_everybody_may_look(town: Town) -> None:
    refused = town.call("POST", "/images", {"pack": "genomics"}, who=ADA)
    assert refused.status == 403
    assert "only an admin may bake images" in refused.json["message"]
    assert town.call("GET", "/images").json["items"] == []


def test_a_pack_that_is_none_cannot_be_baked(town: Town) -> None:
    answer = town.call("POST", "/images", {"pack": "genomcs"}, who=ROOT)
    assert answer.status == 404
    assert answer.json["hint"] == "did you mean 'genomics'?"


def test_the_same_request_sent_twice_is_one_bake(town: Town) -> None:
    sent = [town.api.as_(town.people[ROOT]).send("POST", "/images", {"pack": "genomics"}, key="one-key") for _ in range(2)]
    assert [one.status for one in sent] == [202, 202]
    assert sent[0].json["id"] == sent[1].json["id"]


def test_the_third_image_retires_the_first_with_its_snapshot_and_its_copy(town: Town) -> None:
    first = baked(town)
    others = [baked(town), baked(town)]
    town.quiet()
    assert town.bakes()[first]["state"] == "RETIRED"
    assert served(town) == others[::-1]
    for region in ("ec2", "ec2@eu-west-1"):
        assert len(town.cloud.shelf(f"{region}.images")) == 2
        assert len(town.cloud.shelf(f"{region}.snapshots")) == 2


def test_an_image_that_a_machine_lives_on_stays_and_goes_with_a_bake_after_the_machine(town: Town) -> None:
    first = baked(town)
    lab_id = town.request()
    town.quiet()
    for _ in range(2):
        baked(town)
    assert town.bakes()[first]["state"] == "READY"
    town.delete(lab_id, data="delete")
    town.quiet()
    baked(town)
    assert town.bakes()[first]["state"] == "RETIRED"


def test_an_image_that_vanished_costs_a_lab_nothing_but_time(town: Town) -> None:
    bake_id = baked(town)
    town.cloud.shelf("ec2.images").drop(town.bakes()[bake_id]["image_id"])
    lab_id = town.request()
    town.settle()
    assert town.lab(lab_id)["phase"] == "READY"
    assert image_of(town, lab_id) is None


def test_a_bake_whose_workflow_is_aborted_is_undone(town: Town) -> None:
    bake_id = town.bake()
    for _ in range(3):
        town.deliver(town.units()[0])
    town.workflows.break_off()
    town.quiet()
    assert town.bakes()[bake_id]["state"] == "FAILED"
    assert check(town, quiet=True) == []


def test_a_bake_whose_workflow_is_aborted_at_any_moment_leaves_an_image_that_is_served_or_nothing(town: Town) -> None:
    ends: list[str] = []
    bake_id = town.bake()
    while not town.at_rest():
        stands = town.snapshot()
        town.workflows.break_off()
        town.quiet()
        assert check(town, quiet=True) == []
        ends.append(town.bakes()[bake_id]["state"])
        town.restore(stands)
        town.deliver(town.units()[0])
    assert set(ends) == {"FAILED", "READY"}
    assert ends == sorted(ends)


def test_every_week_what_is_old_is_baked_again_through_the_same_gate(town: Town) -> None:
    old = baked(town)
    town.invoke("rebake_images", town._timer("rebake_images"))
    town.quiet()
    assert len(town.bakes()) == 2
    assert served(town)[0] != old
    spoil(town.cloud, "genomics", "lesson")
    town.invoke("rebake_images", town._timer("rebake_images"))
    town.quiet()
    assert len(served(town)) == 2
    assert [one["state"] for one in town.bakes().values()].count("FAILED") == 1


def test_kept_images_are_listed_with_what_they_cost_and_leftovers_are_removed(town: Town) -> None:
    baked(town)
    ec2 = town.cloud.client("ec2")
    leftover = {
        "Tags": [{"Key": "aws-research-wizard:stage", "Value": "test"}, {"Key": "aws-research-wizard:bake", "Value": "x"}]
    }
    ec2.put("snapshots", "snap-lost", {"SnapshotId": "snap-lost", "VolumeSize": 60, **leftover})
    report = account.reconcile(account.asked({"grace_minutes": 0}, town.now), town.now)
    rows = {(one.kind, one.verdict): one for one in report.findings if not one.reason.endswith("eu-west-1")}
    kept = rows["snapshot", "keep"]
    assert kept.reason.startswith("kept for labs of genomics")
    assert kept.monthly_cost
    assert kept.monthly_cost.amount == 3
    assert rows["snapshot", "report"].id == "snap-lost"


def test_copies_in_other_regions_are_looked_at_and_leftovers_there_removed(town: Town) -> None:
    first = baked(town)
    there = town.cloud.client("ec2", "eu-west-1")
    [(copy, image)] = there.at("images").items()
    [(disk, snapshot)] = there.at("snapshots").items()
    gone = [{**tag, "Value": "bake-gone"} if tag["Key"].endswith(":bake") else tag for tag in snapshot["Tags"]]
    other = [{**tag, "Value": "eu-west-1"} if tag["Key"].endswith(":region") else tag for tag in snapshot["Tags"]]
    there.put("snapshots", "snap-lost", {**snapshot, "SnapshotId": "snap-lost", "Tags": gone})
    there.put("images", "ami-of-a-stage-there", {**image, "ImageId": "ami-of-a-stage-there", "Tags": other})
    found = {one.id: one for one in account.reconcile(account.asked({"grace_minutes": 0}, town.now), town.now).findings}
    assert (found[copy].verdict, found[copy].reason) == ("keep", f"kept for labs of genomics: {first}, in eu-west-1")
    assert found[disk].verdict == "keep"
    assert found["snap-lost"].verdict == "report"
    assert found["snap-lost"].hint.endswith("--snapshot-id snap-lost --region eu-west-1")
    assert "ami-of-a-stage-there" not in found
    for _ in range(2):
        baked(town)
    assert town.bakes()[first]["state"] == "RETIRED"
    there.put("images", copy, image)
    there.put("snapshots", disk, snapshot)
    done = {one.id: one for one in account.reconcile(account.asked({"grace_minutes": 0}, town.now), town.now).findings}
    assert [(done[one].verdict, done[one].outcome) for one in (copy, disk)] == [("remove", "done")] * 2
    assert copy not in dict(there.at("images").items())


def test_of_a_stage_that_never_baked_no_other_region_is_asked(town: Town) -> None:
    seen: list[str] = []
    strike = town.cloud.strike
    town.cloud.strike = lambda call, act: (seen.append(call.service), strike(call, act))[1]
    account.reconcile(account.asked({}, town.now), town.now)
    assert {one for one in seen if one.startswith("ec2")} == {"ec2"}


def test_the_ledger_hears_of_a_bake_when_it_is_over(town: Town) -> None:
    bake_id = baked(town)
    [head] = [one for one in Evidence(town).ledger[bake_id] if one["sk"] == "HEAD"]
    assert '"domain":"genomics"' in head["state"]
    assert '"machines":[]' in head["state"]


def test_a_teams_own_pack_is_not_baked_and_it_is_said_why(town: Town) -> None:
    packs.added(town)
    refused = town.call("POST", "/images", {"pack": packs.MINE}, ROOT)
    assert refused.status == 400
    assert refused.json["message"] == "pack mine is team default's own, and only packs that ship are baked"
    assert town.call("GET", "/images?pack=mine").json["items"] == []
    assert town.call("GET", "/images?pack=mime").status == 404
    assert refused.json["hint"] == "labs of it install it when they first start; bake the pack that it extends: base"
    assert town.bakes() == {}
    assert town.call("POST", "/images", {"pack": "mime"}, ROOT).status == 404
