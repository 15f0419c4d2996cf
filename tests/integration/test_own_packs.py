"""What people bring, for real: an environment becomes a pack whose lab runs it; notebooks go to a bucket and to a home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from aws_research_wizard.packs import locks
from tests.integration.local import Cloud
from tools.hub import Person

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]
BASE_LOCK = ROOT / "domain_packs/base/locks/python-py311-x86_64.txt"
EXTRA = "humanize==4.9.0"


@pytest.fixture(scope="module")
def brought(here: Cloud, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The pack that an import made: what base has (so little is fetched), one package more, and a line that cannot come along."""
    folder = tmp_path_factory.mktemp("brought")
    pins = [f"{name}=={version}" for name, version in locks.parse(BASE_LOCK.read_text()).pins.items()]
    (folder / "packages.txt").write_text("\r\n".join([*pins, EXTRA, "-e /home/ada/tool"]), "utf-16")
    (folder / "kernels.txt").write_text("Available kernels:\n  python3    /opt/share/jupyter/kernels/python3\n")
    lists = ("--packages", str(folder / "packages.txt"), "--kernels", str(folder / "kernels.txt"))
    made: dict[str, Any] = here.wizard("jupyter", "import-environment", *lists, "--domain", "brought", "--to", str(folder))
    return made


@pytest.fixture(scope="module")
def lab(here: Cloud, brought: dict[str, Any]) -> Iterator[str]:
    made = here.wizard("jupyter", "deploy", "--domain", "brought", "--users", "1")
    yield made["id"]
    here.wizard("jupyter", "delete", made["id"], "--yes")
    here.wizard("packs", "remove", "brought")


@pytest.fixture(scope="module")
def person(here: Cloud, lab: str) -> Iterator[Person]:
    found = Person.by_link(here.wizard("jupyter", "open", lab, "--no-browser")["url"])
    found.start_server()
    yield found
    found.http.close()


def test_a_lab_of_the_imported_environment_runs_what_was_listed(brought: dict[str, Any], person: Person) -> None:
    assert [one["text"] for one in brought["left"]] == ["-e /home/ada/tool"]
    assert "brought-python" in person.kernels()
    cell = person.run(person.start_kernel("brought-python"), "import humanize; print(humanize.__version__)")
    assert (cell.text.strip(), cell.error) == ("4.9.0", None)


def test_a_pack_that_a_lab_uses_stays(here: Cloud, lab: str) -> None:
    assert f"pack brought is used by {lab}" in here.wizard("packs", "remove", "brought", code=1)


def test_templates_come_into_ones_home_and_overwrite_nothing(here: Cloud, lab: str, person: Person) -> None:
    first = here.wizard("packs", "notebooks", "genomics", "--lab", lab, "--only", "two-populations.ipynb")
    assert [one["state"] for one in first["notebooks"]] == ["copied"]
    assert len(person.read("examples/two-populations.ipynb")["cells"]) > 3
    person.write("examples/two-populations.ipynb", json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    again = here.wizard("packs", "notebooks", "genomics", "--lab", lab, "--only", "two-populations.ipynb")
    assert [(one["name"], one["state"]) for one in again["notebooks"]] == [("two-populations-2.ipynb", "copied beside another")]
    assert person.read("examples/two-populations.ipynb")["cells"] == []


def test_notebooks_go_to_a_bucket_of_this_cloud_and_what_broke_off_goes_on(
    here: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    endpoint = here.home.endpoints()["emulator"]
    settings = {"ENDPOINT_URL_S3": endpoint, "ACCESS_KEY_ID": "me", "SECRET_ACCESS_KEY": "x", "DEFAULT_REGION": "us-east-1"}
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    s3 = boto3.client("s3")
    request.addfinalizer(s3.close)
    s3.create_bucket(Bucket="my-notebooks")
    large = bytes(range(256)) * 4096 * 33  # three parts
    (tmp_path / "été").mkdir()
    (tmp_path / "été/first steps.ipynb").write_text('{"cells": []}')
    (tmp_path / "large.bin").write_bytes(large)
    begun = s3.create_multipart_upload(Bucket="my-notebooks", Key="mine/large.bin", ChecksumAlgorithm="SHA256")["UploadId"]
    part = {"UploadId": begun, "PartNumber": 1, "Body": large[: 16 * 1024 * 1024], "ChecksumAlgorithm": "SHA256"}
    s3.upload_part(Bucket="my-notebooks", Key="mine/large.bin", **part)
    words = ("jupyter", "import-notebooks", "--source", str(tmp_path), "--destination", "s3://my-notebooks/mine/")
    assert {one["state"] for one in here.wizard(*words)["files"]} == {"uploaded"}
    assert s3.get_object(Bucket="my-notebooks", Key="mine/large.bin")["Body"].read() == large
    assert s3.list_multipart_uploads(Bucket="my-notebooks").get("Uploads", []) == []
    assert {one["state"] for one in here.wizard(*words)["files"]} == {"there already"}
