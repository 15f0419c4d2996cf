"""How is the hub set up, and is it up? Renders its configuration, makes its secrets once, asks whether it answers.

Keeps true: configuration is made anew from the orders at every boot, secrets are made once and kept 0600, and nothing
secret stands in a configuration file, an environment or an argv.
"""

import json
import re
import secrets
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from importlib.resources import files as resources
from pathlib import Path
from string import Template

from aws_research_wizard.host import culling, examples, files
from aws_research_wizard.host.machine import MARKER, Machine
from aws_research_wizard.host.orders import Orders
from aws_research_wizard.host.steps import CommandFailed

SERVER = {
    "ServerApp": {"jpserver_extensions": {"aws_research_wizard.host.lab_page": True}},
    "MappingKernelManager": {"shutdown_wait_time": 20.0},
    "KernelManager": {"shutdown_wait_time": 20.0},  # what a kernel does at its end (atexit) may take a while
    "KernelSpecManager": {"ensure_native_kernel": False},  # only the pack's kernels are offered, not JupyterLab's own Python
    "LanguageServerManager": {"autodetect": False},  # looking for them takes a second of every start
    "LabApp": {"news_url": None, "check_for_updates_class": "jupyterlab.NeverCheckForUpdate", "extension_manager": "readonly"},
}
"""Settings of everybody's server: what is installed is the lab's matter, so nobody is asked to update it."""
PAGE = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
"""JupyterLab's page: nobody is asked at their first visit whether they want news of Jupyter."""


def configure(machine: Machine, orders: Orders) -> None:
    """Write everything that the supervisor and the hub read."""
    hub_dir = machine.state / "hub"
    for folder in (hub_dir, machine.run / "servers", machine.logs / "servers", machine.etc):
        folder.mkdir(parents=True, exist_ok=True)
    machine.told.mkdir(parents=True, exist_ok=True)
    machine.told.chmod(0o755)
    for private in (hub_dir, machine.logs):
        private.chmod(0o700)
    for name in ("proxy_token", "agent_token"):
        _secret(hub_dir / name)
    values = _values(machine, orders)
    front = _render("supervisord-caddy.conf.template", values) if orders.host else ""
    files.write(machine.etc / "jupyterhub_config.py", _render("jupyterhub_config.py.template", values))
    files.write(machine.etc / "supervisord.conf", _render("supervisord.conf.template", {**values, "front": front}))
    files.write(machine.etc / "idle_culler_config.py", _render("idle_culler_config.py.template", values))
    files.write(machine.etc / "part", _render("part.template", values))
    files.write_json(machine.etc / "jupyter/jupyter_server_config.json", SERVER, files.PUBLIC)
    files.write_json(machine.etc / "jupyter/labconfig/page_config.json", PAGE, files.PUBLIC)
    if orders.host:
        files.write(machine.etc / "Caddyfile", _render("Caddyfile.template", values))


def take_back_own_kernel(machine: Machine) -> None:
    """Unregister the kernel that JupyterLab's own environment brings: it is no place to work in."""
    shutil.rmtree(machine.hub_env / "share/jupyter/kernels", ignore_errors=True)


def address(machine: Machine, orders: Orders) -> str:
    """Return where people reach the hub: its HTTPS name, or the loopback door that a tunnel leads to."""
    return f"https://{orders.host}" if orders.host else f"http://127.0.0.1:{machine.ports.hub}"


def answers(port: int, timeout: float = 2) -> bool:
    """Say whether the hub answers at a port."""
    try:
        with _DIRECT.open(f"http://127.0.0.1:{port}/hub/api", timeout=timeout) as answer:
            return "version" in json.loads(answer.read())
    except (OSError, ValueError, HTTPException):
        return False


def wait(machine: Machine, seconds: float, alive: Callable[[], bool]) -> bool:
    """Wait until the hub answers, itself and then through the proxy as people reach it; False when it has not in time."""
    end = time.monotonic() + seconds
    for port in (machine.ports.hub_api, machine.ports.hub):
        while not answers(port):
            if time.monotonic() > end or not alive():
                return False
            time.sleep(0.05)
    return True


def why_not(machine: Machine) -> CommandFailed:
    """Return why the hub does not answer, from the last words of its parts."""
    for name in ("proxy.log", "hub.log", "supervisord.log"):
        log = machine.logs / name
        lines = log.read_text(errors="replace").splitlines()[-25:] if log.exists() else []
        cause = next((line.strip() for line in reversed(lines) if _CAUSE.match(line.strip())), "")
        if cause:
            return CommandFailed(f"{log.stem}: {cause}", lines)
    return CommandFailed("the hub did not answer in time", lines)


def _values(machine: Machine, orders: Orders) -> dict[str, str]:
    python, lessons = machine.hub_env / "bin/python", machine.lessons(orders.domain)
    code = {
        "storage": str(machine.storage),
        "examples": str(lessons) if orders.examples and lessons.is_dir() else "",
        "more_examples": str(examples.root(machine)),
        "kernels": str(machine.kernel_specs),
        "runtime": str(machine.run / "servers"),
        "accounts": not machine.local,
        "singleuser": [str(python), "-P", "-m", "aws_research_wizard.host.singleuser"],
        "arguments": ["--allow-root"] if machine.local else [],
        "environment": {
            MARKER: machine.instance_id,
            "JUPYTER_CONFIG_PATH": str(machine.etc / "jupyter"),
            "JUPYTER_PATH": str(machine.jupyter / "share/jupyter"),
            "JUPYTER_PREFER_ENV_PATH": "0",
            "JUPYTERHUB_ACTIVITY_INTERVAL": "0",
            "AWR_TOLD": str(machine.told),
            "AWR_LAB_ID": machine.lab_id,
        },
        "public_url": f"https://{orders.host}/" if orders.host else "",
        "templates": str(_templates(machine)),
    }
    plain = {
        "python_word": repr(str(python)),
        "cull_every": str(culling.every(orders.cull_s)),
        "cull_after": str(round(orders.cull_s)),
        "lab_id": machine.lab_id,
        "capacity": str(orders.capacity),
        "host": orders.host or "",
        "python": str(python),
        "caddy": str(machine.hub_env / "bin/caddyserver"),
        "etc": str(machine.etc),
        "opt": str(machine.opt),
        "run": str(machine.run),
        **{f"port_{name}": str(port) for name, port in vars(machine.ports).items()},
    }
    return {
        **plain,
        **{name: repr(value) for name, value in code.items()},
        "state": str(machine.state),
        "logs": str(machine.logs),
    }


def _templates(machine: Machine) -> Path:
    """Return the templates as the hub's environment holds them (this process may run from an archive)."""
    return machine.hub_env / "lib/python3.11/site-packages/aws_research_wizard/host/templates"


def _render(name: str, values: dict[str, str]) -> str:
    return Template(resources("aws_research_wizard.host").joinpath("templates", name).read_text()).substitute(values)


def _secret(path: Path) -> None:
    if not path.exists():
        files.write(path, secrets.token_hex(32), files.PRIVATE)


_CAUSE = re.compile(r"[A-Za-z_.]*(Error|Exception)\b.*: ")
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
