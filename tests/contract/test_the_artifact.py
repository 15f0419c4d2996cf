"""What Lambda gets: unpacked, started in a Python that knows nothing else, and looked through."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tools import package, zipped
from tools.unpacked import Unpacked, handlers, lay_out

IMPORT_ALL = """
import importlib, json, sys
for handler in {handlers!r}:
    module, _, name = handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), name)), handler
print(json.dumps(sorted(sys.modules)))
"""
ENVIRONMENT = {"AWS_DEFAULT_REGION": "us-east-1", "PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Unpacked:
    return lay_out(tmp_path_factory.mktemp("lambda"), built / "deployment.zip")


def started(unpacked: Unpacked, names: list[str]) -> set[str]:
    """Import handlers in a fresh interpreter; the modules it has then."""
    command = unpacked.python(IMPORT_ALL.format(handlers=names))
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_every_handler_but_the_apis_starts_without_app_py(unpacked: Unpacked, built: Path) -> None:
    names = [handler for handler in handlers(built / "template.json").values() if handler != "app.app"]
    assert "app" not in started(unpacked, names)


def test_the_api_starts(unpacked: Unpacked) -> None:
    assert "chalicelib.labs.api" in started(unpacked, ["app.app"])


def test_no_handler_loads_boto3_or_xray_when_it_is_imported(unpacked: Unpacked, built: Path) -> None:
    loaded = started(unpacked, list(handlers(built / "template.json").values()))
    assert not loaded & {"boto3", "aws_xray_sdk"}


def test_the_packs_are_inside(unpacked: Unpacked) -> None:
    here = {file.parent.name for file in (package.ROOT / "domain_packs").glob("*/pack.yaml")}
    assert {file.parent.name for file in (unpacked.task / "domain_packs").glob("*/pack.yaml")} == here


def test_the_sdk_is_not_inside(unpacked: Unpacked) -> None:
    assert not [name for name in ("boto3", "botocore", "s3transfer", "urllib3") if (unpacked.task / name).exists()]


def test_nothing_that_a_run_left_behind_is_inside(built: Path) -> None:
    with zipfile.ZipFile(built / "deployment.zip") as packed:
        names = packed.namelist()
    assert not [name for name in names if set(Path(name).parts) & {*package.LEFT_BEHIND} - {"__pycache__"}]
    assert len(names) == len(set(names))


def test_every_module_comes_compiled(built: Path) -> None:
    with zipfile.ZipFile(built / "deployment.zip") as packed:
        names = set(packed.namelist())
    modules = [PurePosixPath(name) for name in names if name.endswith(".py")]
    assert not [str(one) for one in modules if zipped.compiled_name(one) not in names]


def test_equal_contents_give_an_equal_file(built: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"
    zipped.tidy(built / "deployment.zip", again, tmp_path / "cache")
    assert again.read_bytes() == (built / "deployment.zip").read_bytes()


def test_a_package_is_current_while_its_sources_and_files_are_the_same(built: Path, tmp_path: Path) -> None:
    made_from = json.loads((built / "manifest.json").read_text())["fingerprint"]
    assert package.is_current(package.Job("dev", built), made_from)
    assert not package.is_current(package.Job("dev", built), "of other sources")
    (tmp_path / "manifest.json").write_text((built / "manifest.json").read_text())
    assert not package.is_current(package.Job("dev", tmp_path), made_from)


def test_a_stage_that_config_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no stage 'moon'"):
        package.build(package.Job("moon", tmp_path))


def test_the_gateway_has_every_route_of_the_document(template: dict[str, Any]) -> None:
    document = json.loads((package.ROOT / "chalicelib/runtime/openapi.json").read_text())
    gateway = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    promised = {(path, method) for path, one in document["paths"].items() for method in one if method in METHODS}
    served = {(path, method) for path, one in gateway.items() for method in one if method in METHODS}
    assert promised <= served


METHODS = {"get", "post", "put", "patch", "delete"}
