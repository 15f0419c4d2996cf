from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from aws_research_wizard.host import bake, bucket, debian, kernels, lessons, signing, wiping
from aws_research_wizard.host.bake import FAILED, Bake, Order
from aws_research_wizard.host.bucket import Bucket
from aws_research_wizard.host.control_plane import Away, Refused
from aws_research_wizard.host.environments import Maker
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.metadata import Credentials
from tests.fakes.world import World
from tests.unit.host.conftest import order_sheet

KEYS = Credentials("ASIATEST", "secret", "token")
LESSON = {"pack": "base", "file": "one.ipynb", "kernel": "base-python", "expect": "check: 1"}


def order(**changed: Any) -> dict[str, Any]:
    return {
        "version": 1, "bake_id": "bake-1", "pack": "base", "kernels": order_sheet()["kernels"], "lessons": [LESSON],
        "seconds": 600, **changed,
    }  # fmt: skip


class Shelf(Bucket):
    """A bucket in memory."""

    def __init__(self, **objects: Any) -> None:
        self.objects = {f"bakes/bake-1/{name}.json": json.dumps(value).encode() for name, value in objects.items()}

    def get(self, key: str) -> bytes:
        if key not in self.objects:
            raise Refused(404, "", f"GET {key} was answered 404")
        return self.objects[key]

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.objects["bakes/bake-1/report.json"]))


@pytest.fixture
def said() -> dict[str, Any]:
    """What every lesson answers, unless a test changes it."""
    return {"file": "one.ipynb", "kernel": "base-python", "cells": 3, "seconds": 0.1, "ok": True, "said": "check: 1"}


@pytest.fixture
def builder(machine: Machine, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]) -> Machine:
    """A machine on which installing is play: a folder with a file."""
    (machine.bundle / "packs").mkdir()
    (machine.bundle / "packs/lock.txt").write_text("numpy==2 --hash=sha256:0\n")
    (machine.bundle / "requirements-host.txt").write_text("jupyterhub==6 --hash=sha256:0\n")

    def install(self: Maker, made: Path, lock: Path) -> str:
        (made / "lib").mkdir(parents=True)
        (made / "lib/big").write_bytes(bytes(3_000_000))
        return "installed"

    monkeypatch.setattr(Maker, "_install", install)
    monkeypatch.setattr(Maker, "_pip", lambda *_: None)
    monkeypatch.setattr(Maker, "compile", lambda *_: None)
    monkeypatch.setattr(kernels, "register", lambda *_: None)
    monkeypatch.setattr(debian, "provide", lambda *_: debian.Tools())
    monkeypatch.setattr(Bake, "_taught", lambda _self, lesson: {**said, "file": lesson["file"]})
    return machine


def test_a_bake_tells_what_it_installed_and_ran(builder: Machine) -> None:
    shelf = Shelf(order=order())
    assert Bake(builder, "bake-1", shelf).run() == 0
    report = shelf.report
    assert (report["version"], report["bake_id"], report["ok"], report["cause"], report["step"]) == (1, "bake-1", True, "", "")
    (kernel,) = report["kernels"]
    assert (kernel["name"], kernel["megabytes"], len(kernel["lock_sha256"])) == ("base-python", 3, 64)
    assert [(one["file"], one["ok"], one["said"]) for one in report["lessons"]] == [("one.ipynb", True, "check: 1")]
    names = [step["name"] for step in report["steps"]]
    assert names == [
        "fetch bundle", "read order", "install hub", "install kernel base-python", "compile", "run one.ipynb", "wipe"
    ]  # fmt: skip
    assert report["log_tail"] == []


def test_a_lesson_that_fails_fails_the_bake_and_the_others_are_still_told(builder: Machine, said: dict[str, Any]) -> None:
    said |= {"ok": False, "said": "printed 'check: 2', not 'check: 1'"}
    shelf = Shelf(order=order(lessons=[LESSON, {**LESSON, "file": "two.ipynb"}]))
    assert Bake(builder, "bake-1", shelf).run() == FAILED
    report = shelf.report
    assert (report["ok"], report["step"]) == (False, "run one.ipynb")
    assert report["cause"] == "one.ipynb in base-python: printed 'check: 2', not 'check: 1'"
    assert len(report["lessons"]) == 2
    assert (builder.opt / "kernels/base-python").exists(), "nothing is wiped of a machine that people may look into"


@pytest.mark.parametrize(
    ("changed", "cause", "step"),
    [
        ({"version": 2}, "an order of version 2, not 1", "read order"),
        ({"kernels": []}, "an order without kernels", "read order"),
        ({"kernels": [{"name": "x", "lock": "nowhere.txt"}]}, "the bundle has no lock nowhere.txt", "install kernel x"),
        ({"kernels": [{"name": "x", "language": "cobol"}]}, "no way yet to install cobol kernels", "install kernel x"),
        ({"kernels": [{}]}, "cannot be followed", "read order"),
    ],
)
def test_an_order_that_cannot_be_followed_is_told(builder: Machine, changed: dict[str, Any], cause: str, step: str) -> None:
    shelf = Shelf(order=order(**changed))
    assert Bake(builder, "bake-1", shelf).run() == FAILED
    assert cause in shelf.report["cause"]
    assert shelf.report["step"] == step


def test_a_missing_order_is_told(builder: Machine) -> None:
    shelf = Shelf()
    assert Bake(builder, "bake-1", shelf).run() == FAILED
    assert "404" in shelf.report["cause"]


def test_a_bake_that_takes_too_long_is_ended_and_says_in_which_step(builder: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bake, "_taught", lambda *_: time.sleep(30))
    shelf = Shelf(order=order(seconds=0.5))
    assert Bake(builder, "bake-1", shelf).run() == FAILED
    assert (shelf.report["step"], "were left" in shelf.report["cause"]) == ("run one.ipynb", True)


def test_a_surprise_is_told_too(builder: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "install", mock.Mock(side_effect=ZeroDivisionError("x")))
    shelf = Shelf(order=order())
    assert Bake(builder, "bake-1", shelf).run() == FAILED
    assert shelf.report["cause"] == "ZeroDivisionError: x"


@pytest.mark.parametrize("ends", [0, RuntimeError("nothing works"), Away("no bucket")])
def test_the_machine_turns_itself_off_whatever_happens(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, ends: int | Exception
) -> None:
    words: list[list[str]] = []
    monkeypatch.setattr(bake.subprocess, "run", lambda said, **_: words.append(said))
    monkeypatch.setattr(Bake, "run", mock.Mock(side_effect=[ends]))
    monkeypatch.setenv("AWR_BAKE", "bake-1")
    on_aws = replace(machine, local=False)
    if isinstance(ends, Exception):
        with pytest.raises(type(ends)):
            bake.main(on_aws)
    else:
        assert bake.main(on_aws) == ends
    assert words == [["systemctl", "poweroff"]]


def test_a_report_that_is_not_taken_ends_nothing_but_itself(builder: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shelf, "put", mock.Mock(side_effect=Away("no bucket")))
    assert Bake(builder, "bake-1", Shelf(order=order())).run() == 0


def test_environments_are_compiled_before_they_are_copied(builder: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Path] = []
    monkeypatch.setattr(Maker, "compile", lambda _self, place: compiled.append(place))
    Bake(builder, "bake-1", Shelf(order=order())).run()
    assert compiled == [builder.hub_env, builder.opt / "kernels/base-python"]


def test_order_reads_kernels_as_a_lab_does() -> None:
    found = Order.parse(order())
    assert (found.kernels[0].name, found.kernels[0].lock, found.lessons[0]["expect"]) == (
        "base-python", "packs/lock.txt", "check: 1"
    )  # fmt: skip


# ---- what must not be in an image


def test_what_a_machine_was_is_wiped_and_what_it_installed_stays(machine: Machine) -> None:
    gone = [
        machine.state / "identity.json", machine.state / "orders.json", machine.state / "hub/jupyterhub.sqlite",
        machine.logs / "boot.log", machine.run / "kernels-of", machine.etc / "jupyterhub_config.py", machine.opt / "asked",
        machine.root / "tmp/x", machine.root / "root/.bash_history",
    ]  # fmt: skip
    kept = [machine.opt / "hubs/abc/bin/python", machine.opt / "kernels/one/lib/x.py", machine.opt / "bundle/bundle-abc/x.whl"]
    kept += [machine.jupyter / "share/jupyter/kernels/one/kernel.json", machine.opt / "cache/debian/x/usr/bin/samtools"]
    for path in (*gone, *kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (machine.opt / "current").symlink_to("bundle/bundle-abc")
    wiping.wipe(machine)
    assert [path for path in gone if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []
    assert not (machine.opt / "current").is_symlink()


def test_on_aws_nothing_says_who_may_enter_or_who_it_was(machine: Machine, tmp_path: Path) -> None:
    root = tmp_path / "disk"
    names = (
        "etc/ssh/ssh_host_ed25519_key", "root/.ssh/authorized_keys", "home/admin/.ssh/authorized_keys",
        "home/admin/.bash_history",
        "var/lib/cloud/instance/user-data.txt", "var/log/cloud-init.log", "var/log/journal/x/system.journal", "tmp/x",
        "root/.cache/uv/x", "var/lib/amazon/ssm/Vault/key",
    )  # fmt: skip
    for name in (*names, "etc/machine-id", "etc/ssh/sshd_config", "usr/bin/bwa"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    wiping.wipe(replace(machine, root=root, local=False))
    assert [name for name in names if (root / name).exists()] == []
    assert (root / "etc/machine-id").read_text() == ""
    assert (root / "etc/ssh/sshd_config").exists()
    assert (root / "usr/bin/bwa").exists()


# ---- the bucket


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    played = World(order_sheet())
    monkeypatch.setenv("AWS_ENDPOINT_URL", played.url)
    yield played
    played.close()


def test_objects_are_written_and_read_with_the_instance_role(world: World) -> None:
    kept = Bucket("artifacts", "us-east-1", lambda: KEYS)
    kept.put("bakes/b/report.json", b"{}")
    assert world.objects == {"bakes/b/report.json": b"{}"}
    assert kept.get("bakes/b/report.json") == b"{}"
    with pytest.raises(Refused, match="404"):
        kept.get("bakes/b/other.json")


def test_a_role_that_is_not_known_yet_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aws_research_wizard.host.control_plane.delays", lambda: repeat(0.01))
    world.objects["x"] = b"here"
    late = mock.Mock(side_effect=[OSError("404: not yet"), KeyError("AccessKeyId"), KEYS])
    assert Bucket("artifacts", "us-east-1", late).get("x") == b"here"
    with pytest.raises(Away, match="gave up"):
        Bucket("artifacts", "us-east-1", mock.Mock(side_effect=OSError("never")), patience=0.1).get("x")


def test_what_is_written_is_signed_as_the_aws_sdk_signs() -> None:
    when, body = datetime(2026, 11, 23, 9, 0, tzinfo=UTC), b'{"ok": true}'
    request = AWSRequest("PUT", "https://b.s3.eu-central-1.amazonaws.com/bakes/x/report.json", data=body)
    with mock.patch("botocore.auth.get_current_datetime", return_value=when.replace(tzinfo=None)):
        auth.S3SigV4Auth(BotoCredentials("ASIATEST", "secret", "token"), "s3", "eu-central-1").add_auth(request)
    sent = {name: value for name, value in request.headers.items() if name.startswith("X-Amz")}
    headers = {"Host": "b.s3.eu-central-1.amazonaws.com", **sent}
    place = ("PUT", "/bakes/x/report.json")
    assert signing.authorization(KEYS, place, headers, body, "eu-central-1", "s3") == request.headers["Authorization"]
    assert bucket.PATIENCE_SECONDS > 60


# ---- lessons


def lesson(folder: Path, *sources: str, expect: str = "check: 1") -> lessons.Lesson:
    import nbformat

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in sources])
    nbformat.write(notebook, folder / "one.ipynb")
    return lessons.Lesson(str(folder / "one.ipynb"), "python3", "", expect, 60)


@pytest.mark.parametrize(
    ("cells", "ok", "said"),
    [
        (("x = 1", "print('check:', x)"), True, "check: 1"),
        (("print('check: 2')",), False, "printed 'check: 2', not 'check: 1'"),
        (("open('left.txt', 'w').close()", "print('check: 1')"), False, "left left.txt behind"),
        (("1 / 0",), False, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_lesson_keeps_its_promise_or_says_why_not(tmp_path: Path, cells: tuple[str, ...], ok: bool, said: str) -> None:
    taught = lessons.teach(lesson(tmp_path, *cells))
    assert (taught.file, taught.ok) == ("one.ipynb", ok)
    assert said in taught.said


def test_a_lesson_that_is_not_there_is_told_and_nothing_is_raised(tmp_path: Path) -> None:
    taught = lessons.teach(lessons.Lesson(str(tmp_path / "no.ipynb"), "python3", "", ""))
    assert (taught.ok, taught.cells, "no.ipynb" in taught.said) == (False, 0, True)


# ---- the script that starts it


def test_boot_script_ends_a_bake_with_the_machine_and_never_begins_it_again(tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[3] / "chalicelib/runtime/boot.sh").read_text()
    for name in ("LAB_ID", "STAGE", "REGION", "API_URL", "BUNDLE", "FILE_SYSTEM_ID", "ACCESS_MODE", "BAKE"):
        text = text.replace(f"__{name}__", {"BAKE": "bake-1", "BUNDLE": "s3://artifacts/host/bundle-abc.tar.gz"}.get(name, "x"))
    (tmp_path / "python").write_text('#!/bin/sh\n[ "$1" = - ] && exit 1\nexit 0\n')
    (tmp_path / "python").chmod(0o755)
    env = {"PATH": os.environ["PATH"], "AWR_MACHINE_ROOT": str(tmp_path), "AWR_PYTHON": str(tmp_path / "python")}
    assert subprocess.run(["bash", "-c", text], env=env, check=False).returncode == 3, "a bundle that is not to be had"
    here = tmp_path / "opt/wizard/bundle/bundle-abc"
    (here / ".complete").touch()
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@ $AWR_BAKE $AWR_ARTIFACTS" >> "$0.said"\nkill -9 $$\n')
    assert subprocess.run(["bash", "-c", text], env=env, check=False).returncode == 3
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@ $AWR_BAKE $AWR_ARTIFACTS" >> "$0.said"\n')
    assert subprocess.run(["bash", "-c", text], env=env, check=False).returncode == 0
    assert "-P -m aws_research_wizard.host bake bake-1 artifacts" in (tmp_path / "python.said").read_text()
