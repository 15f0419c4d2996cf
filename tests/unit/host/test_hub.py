from __future__ import annotations

import configparser
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aws_research_wizard.host import hub
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Orders
from tests.unit.host.conftest import order_sheet


class Config(SimpleNamespace):
    """What JupyterHub's get_config() gives: names that are made when they are set."""

    def __getattr__(self, name: str) -> Any:
        made = Config()
        setattr(self, name, made)
        return made


def configured(machine: Machine, **changed: Any) -> Config:
    """The hub's configuration, written and then run."""
    hub.configure(machine, Orders.parse(order_sheet(**changed)))
    config = Config()
    text = (machine.etc / "jupyterhub_config.py").read_text()
    exec(compile(text, "jupyterhub_config.py", "exec"), {"get_config": lambda: config})
    return config


def test_hub_is_configured_from_orders(machine: Machine) -> None:
    (machine.bundle / "domain_packs/base/notebooks").mkdir(parents=True)
    config = configured(machine, capacity=7)
    assert config.JupyterHub.active_server_limit == 7
    assert config.JupyterHub.cleanup_servers is False
    assert config.ConfigurableHTTPProxy.should_start is False
    assert config.LabSpawner.storage == str(machine.storage)
    assert config.LabSpawner.examples.endswith("domain_packs/base/notebooks")
    assert config.LabSpawner.kernels == str(machine.kernel_specs)
    assert config.LabSpawner.accounts is False
    assert config.Spawner.environment["AWR_INSTANCE_ID"] == machine.instance_id
    assert config.JupyterHub.template_vars["announcement"](None) == ""


def test_examples_are_left_out_when_not_wanted(machine: Machine) -> None:
    (machine.bundle / "domain_packs/base/notebooks").mkdir(parents=True)
    assert configured(machine, examples=False).LabSpawner.examples == ""


def test_people_have_accounts_on_aws_only(machine: Machine) -> None:
    config = configured(replace(machine, local=False))
    assert config.LabSpawner.accounts is True
    assert "--allow-root" not in config.Spawner.args


def test_lead_may_not_reach_into_servers(machine: Machine) -> None:
    [lead, agent, culler] = configured(machine).JupyterHub.load_roles
    assert not [scope for scope in lead["scopes"] if scope.startswith(("access:", "admin:", "tokens", "shares"))]
    assert agent["services"] == ["agent"]
    assert not [scope for scope in culler["scopes"] if scope.startswith(("access:", "admin:", "tokens"))]


def test_hub_starts_what_ends_servers_that_nobody_uses(machine: Machine) -> None:
    config = configured(machine, idle={"auto_shutdown": 30, "minute_seconds": 1})
    [service] = [one for one in config.JupyterHub.services if one["name"] == "idle-culler"]
    assert service["command"][-1] == f"--config={machine.etc}/idle_culler_config.py"
    text = (machine.etc / "idle_culler_config.py").read_text()
    assert "c.IdleCuller.cull_every = 5\n" in text
    assert "c.IdleCuller.timeout = 30\n" in text
    assert config.Spawner.environment["JUPYTERHUB_ACTIVITY_INTERVAL"] == "0", "a tab's polling is not told to the hub"


def test_no_secret_stands_in_a_configuration(machine: Machine) -> None:
    config = configured(machine)
    secrets = [config.ConfigurableHTTPProxy.auth_token, config.JupyterHub.services[0]["api_token"]]
    for file in (file for file in machine.etc.rglob("*") if file.is_file()):
        assert not [secret for secret in secrets if secret in file.read_text()]
    for name in ("proxy_token", "agent_token"):
        assert (machine.state / "hub" / name).stat().st_mode & 0o777 == 0o600
    again = configured(machine)
    assert again.ConfigurableHTTPProxy.auth_token == secrets[0], "made once, so that a running proxy is still obeyed"


def test_supervisor_keeps_proxy_hub_and_agent(machine: Machine) -> None:
    configured(machine)
    parsed = configparser.RawConfigParser()
    parsed.read(machine.etc / "supervisord.conf")
    assert set(parsed.sections()) == {"supervisord", "program:proxy", "program:hub", "program:agent"}
    for part in ("proxy", "hub", "agent"):
        assert parsed[f"program:{part}"]["killasgroup"] == "true"
    assert not (machine.etc / "Caddyfile").exists()


def test_domain_adds_an_https_front(machine: Machine) -> None:
    orders = {"access": {"mode": "domain", "host": "base-k3x9.labs.example.org"}}
    assert configured(machine, **orders).JupyterHub.public_url == "https://base-k3x9.labs.example.org/"
    assert "[program:caddy]" in (machine.etc / "supervisord.conf").read_text()
    assert re.search(r"^base-k3x9\.labs\.example\.org \{$", (machine.etc / "Caddyfile").read_text(), re.MULTILINE)
    assert hub.address(machine, Orders.parse(order_sheet(**orders))) == "https://base-k3x9.labs.example.org"
    assert hub.address(machine, Orders.parse(order_sheet())) == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("logs", "cause"),
    [
        ({"proxy.log": "OSError: [Errno 98] Address already in use\n"}, "proxy: OSError: [Errno 98] Address already in use"),
        ({"proxy.log": "", "hub.log": "Traceback\n    ValueError: bad\n\n"}, "hub: ValueError: bad"),
        ({}, "the hub did not answer in time"),
    ],
)
def test_hub_that_does_not_come_up_is_explained(machine: Machine, logs: dict[str, str], cause: str) -> None:
    machine.logs.mkdir(parents=True)
    for name, text in logs.items():
        Path(machine.logs, name).write_text(text)
    assert hub.why_not(machine).cause == cause


def test_hub_that_ended_is_not_waited_for(machine: Machine) -> None:
    assert hub.wait(machine, 30, lambda: False) is False
