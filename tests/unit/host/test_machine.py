from __future__ import annotations

from pathlib import Path

import pytest

from aws_research_wizard.host.machine import Machine
from tests.unit.host.conftest import ENV


def test_machine_of_aws_lives_at_the_root() -> None:
    machine = Machine.from_env({**ENV, "AWR_BUNDLE_DIR": "/opt/wizard/bundle/x"})
    assert (machine.local, machine.opt, machine.storage) == (False, Path("/opt/wizard"), Path("/srv/lab"))
    assert (machine.ports.hub, machine.access_mode) == (8000, "tunnel")
    assert machine.log_group == "/aws-research-wizard-dev/labs"
    assert not machine.api_url.endswith("/")


def test_machine_of_a_laptop_touches_only_its_folder() -> None:
    env = {
        **ENV,
        "AWR_BUNDLE_DIR": "/m/b",
        "AWR_MACHINE_ROOT": "/m",
        "AWR_EFS_ROOT": "/efs",
        "AWR_PORTS": '{"hub": 1, "hub_api": 2, "proxy_api": 3}',
    }
    machine = Machine.from_env(env)
    assert (machine.local, machine.access_mode, machine.storage, machine.ports.hub) == (True, "local", Path("/efs"), 1)
    inside = (machine.opt, machine.state, machine.run, machine.logs, machine.etc, machine.hub_env, machine.jupyter)
    assert all(place.is_relative_to("/m") for place in inside)


def test_missing_variable_is_named() -> None:
    with pytest.raises(SystemExit, match="AWR_STAGE, AWR_BUNDLE_DIR"):
        Machine.from_env({key: value for key, value in ENV.items() if key != "AWR_STAGE"})


def test_uv_of_the_bundle_is_used_where_none_is_given(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/uv").touch()
    assert Machine.from_env({**ENV, "AWR_BUNDLE_DIR": str(tmp_path)}).uv == str(tmp_path / "bin/uv")
