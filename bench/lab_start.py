"""Request → first cell of a lab on the local cloud, beside a JupyterHub that somebody starts by hand with the same environments.

The peer has its two environments ready on disk before the clock starts: the same locked hub, the same locked
genomics kernel. Its clock covers what a person would do: start the hub, start a server, start the kernel, run a cell.
Ours covers the request at the command line, the whole control plane, the machine's boot with its environments made anew, the link
that the command shows, and the same server, kernel and cell.
"""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from bench.measure import by_turns
from tools.hub import Person, wait_for
from tools.smoke import CELL, KERNEL, person_by, said, wizard

ROOT = Path(__file__).resolve().parent.parent
BOUND = 1.5

CONFIG = """
import os
c.JupyterHub.ip = "127.0.0.1"
c.JupyterHub.port = int(os.environ["PORT_PUBLIC"])
c.JupyterHub.hub_port = int(os.environ["PORT_HUB"])
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['PORT_PROXY']}"
c.ConfigurableHTTPProxy.command = ["configurable-http-proxy"]
c.JupyterHub.spawner_class = "simple"
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {"JUPYTER_PATH": os.environ["KERNELS"]}
c.SimpleLocalProcessSpawner.home_dir_template = os.environ["HOMES"] + "/{username}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{"name": "bench", "api_token": os.environ["BENCH_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "bench",
        "services": ["bench"],
        "scopes": ["admin:users", "admin:servers", "access:servers", "list:users", "read:hub"],
    }
]
"""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ByHand:
    """The peer: environments made once, a hub started each turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub = self._venv("hub", ROOT / "requirements" / "host.txt")
        lock = next((ROOT / "domain_packs" / "genomics" / "locks").glob("python-py311-*.txt"))
        self.kernel = self._venv("kernel", lock)
        subprocess.run(
            [self.kernel / "bin" / "python", "-m", "ipykernel", "install", "--prefix", folder / "specs", "--name", KERNEL],
            check=True,
            capture_output=True,
        )

    def _venv(self, name: str, lock: Path) -> Path:
        home = self.folder / name
        subprocess.run(["uv", "venv", "-q", "-p", "/usr/bin/python3", home], check=True)
        subprocess.run(
            ["uv", "pip", "install", "-q", "--no-deps", "--require-hashes", "-p", home / "bin" / "python", "-r", lock], check=True
        )
        return home

    def first_cell(self) -> float:
        """Seconds from starting the hub to the first cell's output."""
        scratch = Path(tempfile.mkdtemp(dir=self.folder))
        (scratch / "jupyterhub_config.py").write_text(CONFIG)
        (scratch / "homes" / "ada").mkdir(parents=True)
        token, public = secrets.token_hex(16), free_port()
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "AWR_"))} | {
            "PATH": f"{self.hub}/bin:{os.environ['PATH']}",
            "PORT_PUBLIC": str(public),
            "PORT_HUB": str(free_port()),
            "PORT_PROXY": str(free_port()),
            "KERNELS": str(self.folder / "specs" / "share" / "jupyter"),
            "HOMES": str(scratch / "homes"),
            "BENCH_TOKEN": token,
        }
        began = time.perf_counter()
        log = (scratch / "hub.log").open("w")
        hub = subprocess.Popen(
            [self.hub / "bin" / "jupyterhub"], cwd=scratch, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            person = Person(f"http://127.0.0.1:{public}", "ada", token)
            wait_for("the hub started by hand", lambda: _answers(f"{person.hub}/"))
            person.http.post(f"{person.hub}/users/ada").raise_for_status()
            person.start_server()
            cell = person.run(person.start_kernel(KERNEL), CELL)
            if cell.error:
                raise RuntimeError(cell.error)
            seconds = time.perf_counter() - began
            person.http.delete(f"{person.hub}/users/ada/server")
            return seconds
        finally:
            os.killpg(hub.pid, signal.SIGTERM)
            hub.wait(timeout=30)
            log.close()


def _answers(url: str) -> bool | None:
    try:
        return True if httpx.get(url, timeout=5).status_code == 200 else None
    except httpx.TransportError:
        return None


class Card(NamedTuple):
    """What the end of quick-start shows."""

    lab_id: str
    link: str


def quick_start() -> Card:
    """A genomics lab, asked for as a person does who waits for its link."""
    shown = said("jupyter", "quick-start", "--domain", "genomics", "--team-size", "5", "--notebook-examples")
    lab, link = re.search(r"Lab (\S+) ready", shown), re.search(r"Open +(http\S+)", shown)
    if not lab or not link:
        raise RuntimeError(f"no link in: {shown}")
    return Card(lab[1], link[1])


def open_and_run(link: str) -> None:
    """Follow the link and see the first cell's output."""
    person = person_by(link)
    cell = person.run(person.start_kernel(KERNEL), CELL)
    if cell.error:
        raise RuntimeError(cell.error)


def lab_first_cell() -> float:
    """Seconds from the request of a genomics lab to the first cell's output; the lab is deleted after the clock stops."""
    began = time.perf_counter()
    card = quick_start()
    try:
        open_and_run(card.link)
        return time.perf_counter() - began
    finally:
        wizard("jupyter", "delete", card.lab_id, "--yes")


def run(turns: int = 5) -> dict[str, Any]:
    """The ratio with its spread; the local cloud must be up."""
    with tempfile.TemporaryDirectory(prefix="wizard-bench-") as folder:
        by_hand = ByHand(Path(folder))
        by_hand.first_cell()
        lab_first_cell()
        return by_turns(lab_first_cell, by_hand.first_cell, turns).as_json(BOUND)
