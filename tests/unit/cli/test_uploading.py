"""`import-notebooks` as a person meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from tests.unit.cli.conftest import Arw

KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LINE = "jupyter import-notebooks --source notebooks --destination s3://mine/notebooks/"


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    notebooks = tmp_path / "notebooks"
    (notebooks / ".ipynb_checkpoints").mkdir(parents=True)
    (notebooks / ".ipynb_checkpoints/a-checkpoint.ipynb").write_text("{}")
    (notebooks / "first steps.ipynb").write_text('{"cells": []}')
    cell = {"cell_type": "code", "source": [f"aws_secret_access_key = '{KEY}'"], "outputs": []}
    (notebooks / "leaky.ipynb").write_text(json.dumps({"cells": [cell]}))
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="mine")
        yield


def test_a_folder_is_uploaded_once_and_the_leaky_notebook_is_named(nobody: Arw) -> None:
    first = nobody(LINE)
    assert first.code == 0, first.err
    assert "2 files uploaded" in first.out
    assert "leaky.ipynb: cell 1 holds what looks like a credential" in first.err
    assert KEY not in first.out + first.err
    assert "stayed: .ipynb_checkpoints/" in first.out
    assert "2 files there already" in nobody(LINE).out


def test_json_holds_every_file_and_never_the_secret(nobody: Arw) -> None:
    ended = nobody(f"{LINE} --dry-run --output json")
    said = json.loads(ended.out)
    assert {one["name"]: one["state"] for one in said["files"]} == {
        "first steps.ipynb": "would be uploaded",
        "leaky.ipynb": "would be uploaded",
    }
    assert said["warnings"][0]["cell"] == 1
    assert KEY not in ended.out


def test_another_file_of_the_same_name_is_told_and_kept(nobody: Arw) -> None:
    boto3.client("s3").put_object(Bucket="mine", Key="notebooks/leaky.ipynb", Body=b"theirs")
    ended = nobody(LINE)
    assert ended.code == 1
    assert "leaky.ipynb: another file of this name is there; to put yours in its place: --replace" in ended.out
    assert nobody(f"{LINE} --replace").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--source nowhere --destination s3://mine/", "there is no folder nowhere"),
        ("--source notebooks/.ipynb_checkpoints --destination mine/x", "is no place in S3"),
        ("--source notebooks --destination s3://not-there-at-all/", "bucket not-there-at-all does not exist"),
    ],
)
def test_what_cannot_be_uploaded_ends_in_one_line(nobody: Arw, words: str, said: str) -> None:
    ended = nobody(f"jupyter import-notebooks {words}")
    assert ended.code == 1
    assert said in ended.err
    assert "Traceback" not in ended.err
