"""A team's own pack from its upload to the last lab that was made with it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from chalicelib.people.rules import Role
from chalicelib.runtime import aws
from tests.conftest import NOW
from tests.fakes.gateway import Answer
from tests.unit.labs.conftest import ADA, BOB, SETTINGS, Stage, mint

LOCK = "python-py311-x86_64.txt"
NAMES = ("ipykernel", "ipywidgets", "matplotlib", "numpy", "pandas", "scipy", "tidy")
TEXT = """\
name: my_group
title: My group
purpose: What we work with.
extends: base
kernels:
  python:
    display_name: My group (Python 3.11)
    packages: [tidy==2.1]
    system: [samtools]
"""


def lock(*more: str, names: tuple[str, ...] = NAMES) -> str:
    pins = [f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(name.encode()).hexdigest()}" for name in names]
    return "\n".join(["# solved 2026-11-29", *pins, *more, ""])


@pytest.fixture(scope="module")
def lead(place: Any) -> str:
    """Somebody leads the team, and there is a bucket for packs."""
    from chalicelib.people import service as people

    aws.client("s3").create_bucket(Bucket=SETTINGS["ARTIFACTS_BUCKET"])
    return mint(people, people.put_person("lead@university.edu", Role.LEAD, ("default",), NOW, "root@university.edu", "setup"))


@pytest.fixture
def team(stage: Stage, lead: str) -> Stage:
    stage.people["lead"] = lead
    return stage


def add(
    stage: Stage, text: str = TEXT, locked: str | None = None, who: str = "lead", name: str = "my_group", **more: Any
) -> Answer:
    """What `packs add` does."""
    contents = {"pack.yaml": text.encode(), LOCK: (lock() if locked is None else locked).encode()}
    files = [{"name": file, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()} for file, body in contents.items()]
    offers = stage.as_(who).post("/packs/uploads", {"files": files})
    if offers.status != 200:
        return offers
    for file in files:
        key = f"incoming/{file['sha256']}/{file['name']}"
        aws.client("s3").put_object(Bucket=SETTINGS["ARTIFACTS_BUCKET"], Key=key, Body=contents[file["name"]])
    named = [{"name": file["name"], "sha256": file["sha256"]} for file in files]
    return stage.as_(who).post("/packs", {"name": name, "files": named} | more)


def test_a_lab_is_made_with_the_teams_own_pack_and_keeps_its_version(team: Stage) -> None:
    first = add(team)
    assert first.status == 201, first.text
    listed = [one for one in team.as_(ADA).get("/packs").json["items"] if one["own"]]
    assert [(one["name"], one["own"]["version"], one["kernels"]) for one in listed] == [
        ("my_group", first.json["version"], ["My group (Python 3.11)"])
    ]
    lab_id = team.ready(domain="my_group")
    assert [one.name for one in team.lab(lab_id).kernels] == ["my_group-python"]
    assert add(team, TEXT + "    env: {A: b}\n").json["version"] != first.json["version"]
    orders = team.say(lab_id, "heartbeat", boot_id="b", uptime_s=5, storage_used_bytes=None, servers=[]).json
    [kernel] = orders["kernels"]
    assert kernel["lock_uri"] == f"s3://artifacts/packs/my_group/{first.json['version']}/{LOCK}"
    assert kernel["lock_sha256"] == hashlib.sha256(lock().encode()).hexdigest()
    assert kernel["env"] == {}
    kept = aws.client("s3").get_object(Bucket="artifacts", Key=kernel["lock_uri"].removeprefix("s3://artifacts/"))["Body"].read()
    assert kept == lock().encode()


def test_its_machine_may_read_that_lock_and_no_other(team: Stage) -> None:
    version = add(team).json["version"]
    lab_id = team.ready(domain="my_group")
    role = f"aws-research-wizard-test-lab-{lab_id}"
    policies = aws.client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    said = json.dumps([aws.client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in policies])
    assert said.count("/packs/") == 1
    assert f"artifacts/packs/my_group/{version}/{LOCK}" in said


def test_adding_the_same_files_again_changes_nothing(team: Stage) -> None:
    first, again = add(team), add(team)
    assert (again.status, again.json) == (first.status, first.json)
    told = [one for one in team.tables("facts") if one["name"]["S"] == "PackAdded"]
    assert len(told) == 1


def test_a_pack_that_a_lab_uses_stays_until_the_lab_is_gone(team: Stage) -> None:
    add(team)
    lab_id = team.ready(domain="my_group")
    refused = team.as_("lead").delete("/packs/my_group")
    assert refused.status == 409
    assert lab_id in refused.json["message"]
    team.deleted(lab_id, data="delete")
    assert team.as_("lead").delete("/packs/my_group").status == 204
    assert team.ask(domain="my_group").status == 404
    assert [one for one in team.as_(ADA).get("/packs").json["items"] if one["own"]] == []
    assert team.as_("lead").delete("/packs/my_group").status == 404


def test_a_removal_that_races_a_request_loses_or_the_request_does(team: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab is made between the look for users and the removal."""
    from chalicelib.packs import store

    add(team)
    real = store.users

    def users(name: str, most: int = 20) -> list[str]:
        found = real(name, most)
        team.requested(domain="my_group")
        return found

    monkeypatch.setattr(store, "users", users)
    assert team.as_("lead").delete("/packs/my_group").status == 409
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": TEXT.replace("extends: base", "extends: bass")}, "extends 'bass'"),
        ({"text": TEXT.replace("extends: base", "extends: my_group")}, "extends itself"),
        ({"text": TEXT.replace("extends: base", "extends: [base]")}, "is not shipped"),
        ({"text": "name: my_group\n  bad: ["}, "line 2"),
        ({"text": TEXT + "a: &x [1]\nb: *x\n"}, "alias"),
        ({"text": TEXT.replace("title: My group", "titel: My group")}, "titel|title"),
        ({"text": TEXT.replace("  python:", "  ../x:")}, "no kernel name"),
        ({"locked": lock("requests==2.0")}, "line 16: requests is pinned without a SHA-256"),
        ({"locked": lock("--index-url https://me:secret@pypi.example.org/simple")}, "line 16: '--index-url https://…@pypi"),
        ({"locked": lock("tool @ https://example.org/tool.whl")}, "line 16"),
        ({"locked": lock(names=NAMES[:-1])}, "tidy is asked for and not in the lock"),
        ({"locked": lock(names=NAMES[1:])}, "ipykernel is asked for|ipykernel is not in the lock"),
        ({"name": "genomics"}, "is a pack that is shipped"),
        ({"name": "../x"}, "is no name for a pack"),
        ({"name": "other"}, "in the folder 'other'"),
    ],
)
def test_what_is_no_pack_is_refused_in_one_line_and_leaves_nothing(team: Stage, change: dict[str, str], said: str) -> None:
    answer = add(team, **change)
    assert answer.status in (400, 422), answer.text
    assert any(part in answer.json["message"] for part in said.split("|")), answer.json
    assert "secret" not in answer.text
    assert [one for one in team.tables("labs") if one["pk"]["S"].startswith("PACK")] == []


def test_only_whoever_leads_the_team_may_add_or_remove(team: Stage) -> None:
    assert add(team, who=BOB).status == 403
    assert add(team, team="physics").status == 403
    add(team)
    assert team.as_(BOB).delete("/packs/my_group").status == 403
    assert add(team, TEXT + "\n# of the admin\n", who="root").json["team"] == "default"


def test_a_file_that_was_not_uploaded_is_asked_for(team: Stage) -> None:
    files = [{"name": "pack.yaml", "sha256": "0" * 64}]
    answer = team.as_("lead").post("/packs", {"name": "my_group", "files": files})
    assert answer.status == 409
    assert "has not been uploaded" in answer.json["message"]


def test_a_teams_own_pack_is_activated_in_its_version_and_held_until_it_is_taken_out(team: Stage) -> None:
    from chalicelib.labs import activating

    first = add(team).json["version"]
    lab_id = team.ready()
    assert team.as_(ADA).post(f"/labs/{lab_id}/packs", {"pack": "my_group"}).status == 202
    assert team.lab(lab_id).packs == (f"my_group@{first}",)
    add(team, TEXT + "    env: {A: b}\n")
    orders = team.say(lab_id, "heartbeat", boot_id="b", uptime_s=5, storage_used_bytes=None, servers=[]).json
    [kernel] = [one for one in orders["kernels"] if one["pack"] == "my_group"]
    assert kernel["lock_uri"] == f"s3://artifacts/packs/my_group/{first}/{LOCK}", "in the version that was activated"
    activating.renew_rights(lab_id)
    role = team.account.real("iam").get_role_policy(RoleName=f"aws-research-wizard-test-lab-{lab_id}", PolicyName="lab")
    assert f"/packs/my_group/{first}/{LOCK}" in json.dumps(role["PolicyDocument"])
    assert team.as_("lead").delete("/packs/my_group").status == 409
    assert team.as_(ADA).delete(f"/labs/{lab_id}/packs/my_group").status == 202
    assert team.as_("lead").delete("/packs/my_group").status == 204


@pytest.mark.parametrize("how", ["fails", "goes"])
def test_a_lab_whose_activation_fails_or_that_goes_holds_a_teams_own_pack_no_longer(team: Stage, how: str) -> None:
    add(team)
    lab_id = team.ready()
    team.as_(ADA).post(f"/labs/{lab_id}/packs", {"pack": "my_group"})
    assert team.as_("lead").delete("/packs/my_group").status == 409
    if how == "goes":
        team.deleted(lab_id, data="delete")
    else:
        beat: dict[str, Any] = {"boot_id": "b", "uptime_s": 5, "servers": []}
        orders = team.say(lab_id, "heartbeat", **beat, seq=1).json
        [kernel] = [one for one in orders["kernels"] if one["pack"] == "my_group"]
        said = {"name": kernel["name"], "asked": kernel["asked"], "state": "failed", "cause": "no build"}
        team.say(lab_id, "heartbeat", **beat, seq=2, kernels=[said])
        assert team.lab(lab_id).packs == ()
    assert team.as_("lead").delete("/packs/my_group").status == 204
