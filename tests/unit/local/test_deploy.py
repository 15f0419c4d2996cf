"""The package on its way into the emulated cloud."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aws_research_wizard.local import deploy


def package(folder: Path) -> deploy.Package:
    template = {
        "Resources": {
            "F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "./deployment.zip"}},
            "T": {"Type": "AWS::DynamoDB::Table", "Properties": {}},
        }
    }
    (folder / "template.json").write_text(json.dumps(template))
    (folder / "manifest.json").write_text(json.dumps({"fingerprint": "f1", "files": {}}))
    return deploy.Package(folder)


def test_functions_take_their_code_from_our_bucket(tmp_path: Path) -> None:
    template = package(tmp_path).template("local/x.zip")
    assert template["Resources"]["F"]["Properties"]["CodeUri"] == f"s3://{deploy.CODE_BUCKET}/local/x.zip"
    assert template["Resources"]["T"]["Properties"] == {}


def test_a_missing_package_is_told_with_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(deploy.DeployFailed) as failed:
        _ = deploy.Package(tmp_path).fingerprint
    assert "make package" in failed.value.hint


def test_a_package_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWR_PACKAGE", str(package(tmp_path).folder))
    assert deploy.build_package().fingerprint == "f1"


def test_an_installed_package_says_what_it_lacks_and_two_ways_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWR_PACKAGE", raising=False)
    monkeypatch.setattr(deploy, "__file__", str(tmp_path / "site-packages/aws_research_wizard/local/deploy.py"))
    with pytest.raises(deploy.DeployFailed) as failed:
        deploy.build_package()
    assert "not part of what pip installs" in failed.value.message
    assert "git clone" in failed.value.hint
    assert "export AWR_PACKAGE=" in failed.value.hint


def test_the_api_is_reached_by_address_not_by_a_name_only_aws_resolves() -> None:
    outputs = {"ApiUrl": "https://ab12.execute-api.us-east-1.amazonaws.com/api"}
    assert deploy.api_url("http://127.0.0.1:1", outputs) == "http://127.0.0.1:1/restapis/ab12/api/_user_request_"


def test_a_warming_event_has_the_shape_of_every_kind_of_event() -> None:
    event = deploy.timer_event(warm=True)
    assert event["detail"] == {"warm": True}
    assert {"version", "account", "region", "time", "id", "resources", "source", "detail-type"} <= set(event)
    assert deploy.timer_event()["detail"] == {}
