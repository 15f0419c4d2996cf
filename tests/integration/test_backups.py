"""Backups on the real local cloud: real files back in three versions, byte for byte, and a drill that does not lie."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.local.home import ACCOUNT
from tests.integration.local import Cloud
from tools.hub import Person

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
HOME = "homes/admin@localhost"


def s3(cloud: Cloud) -> Any:
    import boto3

    where = cloud.home.endpoints()["emulator"]
    return boto3.client(  # type: ignore[call-overload]
        "s3", endpoint_url=where, region_name="us-east-1", aws_access_key_id=ACCOUNT, aws_secret_access_key="x"
    )


def objects(cloud: Cloud, lab_id: str) -> dict[str, int]:
    client = s3(cloud)
    (bucket,) = (one["Name"] for one in client.list_buckets()["Buckets"] if "-backups-" in one["Name"])
    found = client.list_objects_v2(Bucket=bucket, Prefix=f"labs/{lab_id}/chunks/")["Contents"]
    return {one["Key"]: one["Size"] for one in found} | {bucket: -1}


def spoil(cloud: Cloud, lab_id: str) -> str:
    """Turn one bit of the largest chunk."""
    found = objects(cloud, lab_id)
    bucket = min(found, key=lambda key: found[key])
    key = max(found, key=lambda key: found[key])
    body = bytearray(s3(cloud).get_object(Bucket=bucket, Key=key)["Body"].read())
    body[len(body) // 2] ^= 1
    s3(cloud).put_object(Bucket=bucket, Key=key, Body=bytes(body))
    return key


def work_under_way(cloud: Cloud, lab_id: str) -> None:
    """Somebody has a notebook open, whose kernel writes a file when it ends."""
    person = Person.by_link(cloud.wizard("jupyter", "open", lab_id, "--no-browser")["url"])
    person.start_server()
    book = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    person.http.put(f"{person.server}/api/contents/open.ipynb", json={"type": "notebook", "content": book}).raise_for_status()
    asked = {"path": "open.ipynb", "name": "", "type": "notebook", "kernel": {"name": "base-python"}}
    kernel = person.http.post(f"{person.server}/api/sessions", json=asked).raise_for_status().json()["kernel"]["id"]
    person.run(kernel, "import atexit; atexit.register(lambda: open('at_exit.txt', 'w').write('written at the end'))")
    person.http.close()


def still_there(cloud: Cloud, lab_id: str) -> list[Any]:
    """What the kernel wrote at its end, and how many checkpoints the notebook has."""
    person = Person.by_link(cloud.wizard("jupyter", "open", lab_id, "--no-browser")["url"])
    person.start_server()
    kept = person.http.get(f"{person.server}/api/contents/open.ipynb/checkpoints").raise_for_status().json()
    written = person.read("at_exit.txt")
    person.http.close()
    return [written, len(kept)]


def test_three_versions_come_back_and_a_drill_tells_the_truth(here: Cloud) -> None:
    lab = here.wizard("jupyter", "deploy", "--domain", "base")
    lab_id = lab["id"]
    (storage,) = (one for one in (here.home.root / "efs").iterdir() if one.name == lab["storage"]["file_system_id"])
    home = storage / HOME
    home.mkdir(exist_ok=True)
    data = secrets.token_bytes(500_000)
    (home / "data.bin").write_bytes(data)
    versions, made = [secrets.token_bytes(3000 + number) for number in range(3)], []
    for text in versions:
        (home / "a.ipynb").write_bytes(text)
        made.append(here.wizard("jupyter", "backup", lab_id))
    assert [one["state"] for one in made] == ["FINISHED"] * 3
    assert made[2]["new_bytes"] == len(versions[2])

    for backup, text in zip(made, versions, strict=True):
        done = here.wizard("jupyter", "restore", lab_id, "--from", backup["id"], "--path", "a.ipynb")
        (put,) = done["restored"]
        assert (storage / Path(put["to"])).read_bytes() == text
    assert (home / "a.ipynb").read_bytes() == versions[2]

    passed = here.wizard("jupyter", "drills", lab_id, "--now")
    assert (passed["state"], passed["failed_count"], passed["backup_id"]) == ("PASSED", 0, made[2]["id"])

    key = spoil(here, lab_id)
    said = " ".join(here.wizard("jupyter", "drills", lab_id, "--now", code=1).split())
    assert f"{HOME}/data.bin: {key} is not what its name says" in said
    facts = [one["name"] for one in here.wizard("jupyter", "events", lab_id)]
    assert (facts.count("BackupDrillPassed"), facts.count("BackupDrillFailed")) == (1, 1)

    here.wizard("jupyter", "backup", lab_id)  # reads everything anew, and what was spoiled is good again
    assert here.wizard("jupyter", "drills", lab_id, "--now")["state"] == "PASSED"

    work_under_way(here, lab_id)
    stopped = here.wizard("jupyter", "stop", lab_id, "--backup")
    assert stopped["phase"] == "STOPPED"
    names = [one["name"] for one in here.wizard("jupyter", "events", lab_id)]
    assert names.count("WorkSaved") == 1
    assert (home / "at_exit.txt").read_text() == "written at the end"
    assert here.wizard("jupyter", "start", lab_id)["phase"] == "READY"
    assert still_there(here, lab_id) == ["written at the end", 1]
    newest = here.wizard("jupyter", "backups", lab_id, "newest")
    assert (newest["state"], newest["then"]) == ("FINISHED", "stop")
    here.wizard("jupyter", "delete", lab_id, "--yes")
    (left,) = [one for one in here.wizard("jupyter", "backups") if one["lab_id"] == lab_id]
    assert (left["lab_id"], left["phase"], left["backups"]) == (lab_id, "DELETED", 5)
