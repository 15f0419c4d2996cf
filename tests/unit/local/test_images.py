"""Machine images of the local cloud, asked by the AWS SDK; and their disks, on this one."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local import images, pruning, snapshots
from aws_research_wizard.local.calls import Unreachable, get_json, post_json
from aws_research_wizard.local.home import Home
from tests.unit.local.test_infra import Endpoint, refused

TAGS = [{"Key": "aws-research-wizard:bake", "Value": "bake-1"}]


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    made = Endpoint(tmp_path_factory.mktemp("infra"))
    yield made
    made.kill()


@pytest.fixture
def name() -> str:
    return f"image-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def stopped(endpoint: Endpoint, name: str) -> str:
    """A machine that turned itself off."""
    made = str(endpoint.launch(name)["InstanceId"])
    for state in ("running", "stopping", "stopped"):
        endpoint.confirm(made, state)
    return made


def described(endpoint: Endpoint, image_id: str) -> dict[str, Any]:
    return dict(endpoint.client("ec2").describe_images(ImageIds=[image_id])["Images"][0])


def snapshot_of(endpoint: Endpoint, image_id: str) -> str:
    return str(described(endpoint, image_id)["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"])


def made(endpoint: Endpoint, instance_id: str, name: str, state: str = "available") -> str:
    image_id = str(endpoint.client("ec2").create_image(InstanceId=instance_id, Name=name)["ImageId"])
    post_json(f"{endpoint.url}/_local/images/{image_id}", {"state": state, "cause": "the disk was gone"})
    return image_id


def test_an_image_is_pending_until_its_disk_is_copied(endpoint: Endpoint, stopped: str, name: str) -> None:
    ec2 = endpoint.client("ec2")
    tagged = [{"ResourceType": kind, "Tags": TAGS} for kind in ("image", "snapshot")]
    image_id = ec2.create_image(InstanceId=stopped, Name=name, TagSpecifications=tagged)["ImageId"]
    assert described(endpoint, image_id)["State"] == "pending"
    run = {"MinCount": 1, "MaxCount": 1, "InstanceType": "m6i.large"}
    assert refused(ec2.run_instances, ImageId=image_id, **run) == "InvalidAMIID.Unavailable"
    told = get_json(f"{endpoint.url}/_local/instances")["images"]
    assert {"id": image_id, "state": "pending", "source": stopped} == {key: told[-1][key] for key in ("id", "state", "source")}
    post_json(f"{endpoint.url}/_local/images/{image_id}", {"state": "available"})
    mine = ec2.describe_images(Owners=["self"], Filters=[{"Name": "name", "Values": [name[:8] + "*"]}])["Images"]
    assert image_id in [one["ImageId"] for one in mine]
    by_tag = [{"Name": "tag:aws-research-wizard:bake", "Values": ["bake-1"]}]
    assert [one["State"] for one in ec2.describe_images(Filters=by_tag)["Images"]] == ["available"]
    found = ec2.describe_snapshots(OwnerIds=["self"], Filters=by_tag)["Snapshots"]
    assert [(one["SnapshotId"], one["State"]) for one in found] == [(snapshot_of(endpoint, image_id), "completed")]


def test_what_cannot_be_copied_is_a_failed_image_that_starts_nothing(endpoint: Endpoint, stopped: str, name: str) -> None:
    image_id = made(endpoint, stopped, name, "failed")
    assert described(endpoint, image_id)["State"] == "failed"
    assert "gone" in described(endpoint, image_id)["StateReason"]["Message"]
    run = {"MinCount": 1, "MaxCount": 1, "InstanceType": "m6i.large"}
    assert refused(endpoint.client("ec2").run_instances, ImageId=image_id, **run) == "InvalidAMIID.Unavailable"


def test_nobody_confirms_what_was_not_begun(endpoint: Endpoint, stopped: str, name: str) -> None:
    image_id = made(endpoint, stopped, name)
    for other in (image_id, "ami-0123456789abcdef0"):
        with pytest.raises(Unreachable, match="409"):
            post_json(f"{endpoint.url}/_local/images/{other}", {"state": "available"})


def test_two_images_never_have_one_name(endpoint: Endpoint, stopped: str, name: str) -> None:
    ec2, image_id = endpoint.client("ec2"), made(endpoint, stopped, name)
    assert refused(ec2.create_image, InstanceId=stopped, Name=name) == "InvalidAMIName.Duplicate"
    copied = {"SourceImageId": image_id, "SourceRegion": "us-east-1"}
    assert refused(ec2.copy_image, Name=name, **copied) == "InvalidAMIName.Duplicate"
    assert refused(ec2.create_image, InstanceId="i-0123456789abcdef0", Name=f"{name}-2") == "InvalidInstanceID.NotFound"


def test_no_image_is_made_of_a_machine_that_is_gone_or_not_yet_there(endpoint: Endpoint, name: str) -> None:
    ec2, instance_id = endpoint.client("ec2"), endpoint.launch(name)["InstanceId"]
    assert refused(ec2.create_image, InstanceId=instance_id, Name=name) == "InvalidParameterValue"
    ec2.terminate_instances(InstanceIds=[instance_id])
    assert refused(ec2.create_image, InstanceId=instance_id, Name=name) == "InvalidParameterValue"


def test_a_copy_is_another_image_and_its_token_makes_one(endpoint: Endpoint, stopped: str, name: str) -> None:
    ec2, image_id = endpoint.client("ec2"), made(endpoint, stopped, name)
    wish = {"SourceImageId": image_id, "SourceRegion": "us-east-1", "Name": f"{name}-copy", "ClientToken": name}
    wish |= {"TagSpecifications": [{"ResourceType": "image", "Tags": TAGS}]}
    copied = ec2.copy_image(**wish)["ImageId"]
    assert copied == ec2.copy_image(**wish)["ImageId"] != image_id
    assert refused(ec2.copy_image, **wish | {"Name": "another"}) == "IdempotentParameterMismatch"
    assert (described(endpoint, copied)["State"], described(endpoint, copied)["Tags"]) == ("pending", TAGS)
    ec2.deregister_image(ImageId=image_id)
    source = get_json(f"{endpoint.url}/_local/instances")["images"][-1]["source"]
    ec2.delete_snapshot(SnapshotId=source)
    assert source in get_json(f"{endpoint.url}/_local/instances")["snapshots"], "what is being copied stays until it is copied"
    assert refused(ec2.copy_image, SourceImageId=copied, SourceRegion="eu-central-1", Name="far") == "InvalidParameterValue"


def test_a_snapshot_outlives_its_image_and_not_the_other_way(endpoint: Endpoint, stopped: str, name: str) -> None:
    ec2, image_id = endpoint.client("ec2"), made(endpoint, stopped, name)
    snapshot = snapshot_of(endpoint, image_id)
    assert refused(ec2.delete_snapshot, SnapshotId=snapshot) == "InvalidSnapshot.InUse"
    ec2.deregister_image(ImageId=image_id)
    for call, asked in ((ec2.describe_images, {"ImageIds": [image_id]}), (ec2.deregister_image, {"ImageId": image_id})):
        assert refused(call, **asked) == "InvalidAMIID.Unavailable"
    assert refused(ec2.describe_images, ImageIds=["ami-0123456789abcdef0"]) == "InvalidAMIID.NotFound"
    assert ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
    ec2.delete_snapshot(SnapshotId=snapshot)
    assert refused(ec2.delete_snapshot, SnapshotId=snapshot) == "InvalidSnapshot.NotFound"


def test_images_survive_a_kill_and_a_machine_of_one_names_its_snapshot(endpoint: Endpoint, stopped: str, name: str) -> None:
    image_id = made(endpoint, stopped, name)
    snapshot = snapshot_of(endpoint, image_id)
    endpoint.kill()
    endpoint.start()
    run = {"MinCount": 1, "MaxCount": 1, "InstanceType": "m6i.large"}
    instance = endpoint.client("ec2").run_instances(ImageId=image_id, **run)["Instances"][0]
    told = {one["id"]: one["snapshot"] for one in get_json(f"{endpoint.url}/_local/instances")["instances"]}
    assert told[instance["InstanceId"]] == snapshot
    assert told[stopped] == ""


def test_what_was_deregistered_long_ago_is_forgotten() -> None:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    old, late = now - pruning.LATELY - timedelta(seconds=1), now
    kept = {
        name: images.Picture(state, "i-1", "snap-1", since)
        for name, state, since in (("a", "deregistered", old), ("b", "deregistered", late), ("c", "available", old))
    }
    assert images.forget(kept, now) == 1
    assert sorted(kept) == ["b", "c"]


# ---- their disks


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.at(tmp_path / "home")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """What a machine holds: software, a link, and what belongs to its boot alone."""
    root = tmp_path / "machine/root"
    for name in ("opt/wizard/kernels/one/lib", "run/wizard", "tmp"):
        (root / name).mkdir(parents=True)
    (root / "opt/wizard/kernels/one/lib/module.py").write_text("x = 1\n")
    (root / "opt/wizard/kernels/one/python").symlink_to("lib/module.py")
    (root / "run/wizard/socket").write_text("")
    return root


FILE = "opt/wizard/kernels/one/lib/module.py"


def test_a_snapshot_is_a_copy_that_no_machine_can_change(home: Home, disk: Path, tmp_path: Path) -> None:
    snapshots.take(home, "snap-1", disk)
    (disk / FILE).write_text("x = 2\n")
    kept = snapshots.place(home, "snap-1")
    assert (kept / FILE).read_text() == "x = 1\n"
    assert not (kept / "run").exists()
    assert (kept / "opt/wizard/kernels/one/python").readlink() == Path("lib/module.py")
    first, second = tmp_path / "a/root", tmp_path / "b/root"
    assert [snapshots.lay(home, "snap-1", place) for place in (first, second)] == [True, True]
    (first / FILE).unlink()
    (first / FILE).write_text("x = 3\n")
    assert [(one / FILE).read_text() for one in (kept, second)] == ["x = 1\n", "x = 1\n"]
    assert (second / FILE).stat().st_mode & 0o222 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes somebody else")
def test_who_is_not_root_cannot_write_through_a_link(home: Home, disk: Path, tmp_path: Path) -> None:
    snapshots.take(home, "snap-1", disk)
    snapshots.lay(home, "snap-1", tmp_path / "a/root")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    words = ["sh", "-c", f"echo y >> {tmp_path / 'a/root' / FILE}"]
    done = subprocess.run(words, user="nobody", capture_output=True, text=True, check=False)
    assert "denied" in done.stderr
    assert (snapshots.place(home, "snap-1") / FILE).read_text() == "x = 1\n"


def test_a_disk_is_laid_once_and_never_over_another(home: Home, disk: Path) -> None:
    snapshots.take(home, "snap-1", disk)
    assert snapshots.lay(home, "snap-1", disk) is False
    assert snapshots.lay(home, "", disk.with_name("plain")) is False
    assert snapshots.lay(home, "snap-gone", disk.with_name("other")) is False


def test_what_a_killed_copy_left_is_swept_and_made_anew(home: Home, disk: Path) -> None:
    half = home.snapshots / ".snap-1-0000"
    half.mkdir(parents=True)
    snapshots.sweep(home)
    assert not half.exists()
    snapshots.take(home, "snap-1", disk)
    snapshots.take(home, "snap-1", disk)
    assert [one.name for one in home.snapshots.iterdir()] == ["snap-1"]


def test_the_next_machines_disk_is_ready_before_it_is_asked_for(home: Home, disk: Path, tmp_path: Path) -> None:
    snapshots.take(home, "snap-1", disk)
    snapshots.make_ready(home, "snap-1")
    snapshots.place(home, "snap-1").joinpath(FILE).unlink()  # so that a disk made only now would lack it
    assert snapshots.lay(home, "snap-1", tmp_path / "a/root")
    assert (tmp_path / "a/root" / FILE).exists()
    snapshots.make_ready(home, "snap-1")
    snapshots.prune(home, [])
    assert list(home.snapshots.iterdir()) == []


def test_a_disk_that_is_gone_makes_no_snapshot(home: Home, disk: Path) -> None:
    with pytest.raises(snapshots.Damaged, match="no disk"):
        snapshots.take(home, "snap-1", disk.with_name("gone"))
    assert not list(home.snapshots.glob("*"))


def test_what_ec2_does_not_know_is_removed(home: Home, disk: Path) -> None:
    for name in ("snap-1", "snap-2"):
        snapshots.take(home, name, disk)
    assert snapshots.prune(home, ["snap-2"]) == ["snap-1"]
    assert [one.name for one in home.snapshots.iterdir()] == ["snap-2"]
