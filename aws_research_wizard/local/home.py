"""Where does the local cloud keep its things, and on which ports does it listen?

One folder (``AWR_HOME``, else the user's data folder) holds everything: ports and choices in ``state.json``, the saved
services, the machines, the shared file systems. Ports are chosen once and kept; a port someone else took meanwhile is chosen
anew. Kept true: ``state.json`` is replaced atomically, so a killed process never leaves half a file.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.client.errors import WizardError

#: The region that the local cloud stands for. One process speaks of one region; a second cloud beside it may be another one.
REGION = os.environ.get("AWR_REGION") or "us-east-1"
ACCOUNT = "000000000000"
LOOPBACK = "127.0.0.1"
IMAGE_ID = "ami-0deb1a12000000001"
IMAGE_PARAMETER = "/aws/service/debian/release/12/latest/amd64"
PREFERRED_PORTS = {"emulator": 4566, "infra": 4567}


def default_home() -> Path:
    """The folder of the local cloud: ``AWR_HOME`` or the user's data folder."""
    if chosen := os.environ.get("AWR_HOME"):
        return Path(chosen).expanduser().resolve()
    from platformdirs import user_data_path

    return user_data_path("aws-research-wizard") / "local"


def write_atomically(path: Path, text: str) -> None:
    """Replace a file as a whole; a reader sees the old or the new text, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.write_text(text)
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when there is none or it cannot be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def is_free(port: int) -> bool:
    """Can a server listen on this port of the loopback interface now?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free_port(taken: set[int]) -> int:
    """A port nobody listens on, outside ``taken``."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def choose_ports(wanted: dict[str, int], kept: dict[str, int], free: Callable[[int], bool] = is_free) -> dict[str, int]:
    """One port per name: the kept one, else the preferred one, else any free one."""
    chosen: dict[str, int] = {}
    for name, preferred in wanted.items():
        taken = set(chosen.values())
        candidates = [port for port in (kept.get(name), preferred) if port and port not in taken]
        chosen[name] = next((port for port in candidates if free(port)), 0) or any_free_port(taken)
    return chosen


class Busy(WizardError):  # noqa: N818 - named for what happened
    """Another command is changing this local cloud and did not finish in time."""


@dataclass(frozen=True)
class Home:
    """The folder of one local cloud and the names inside it."""

    root: Path

    @classmethod
    def at(cls, root: Path | None = None) -> Home:
        """The home at ``root`` (default: ``default_home()``), as an absolute path."""
        return cls((root or default_home()).expanduser().resolve())

    @property
    def state_file(self) -> Path:
        return self.root / "state.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        return self.root / "processes"

    @property
    def services(self) -> Path:
        return self.root / "services"

    @property
    def infra_file(self) -> Path:
        return self.root / "infra.pickle"

    @property
    def machines(self) -> Path:
        return self.root / "machines"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def efs(self) -> Path:
        return self.root / "efs"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def machine(self, instance_id: str) -> Path:
        """The folder of one machine; ``root`` in it stands for the machine's own ``/``."""
        return self.machines / instance_id

    def state(self) -> dict[str, Any]:
        """What the cloud remembers between commands."""
        return read_json(self.state_file)

    def remember(self, **changes: Any) -> dict[str, Any]:
        """Merge ``changes`` into the state and write it."""
        merged = {**self.state(), **changes}
        write_atomically(self.state_file, json.dumps(merged, indent=1, sort_keys=True) + "\n")
        return merged

    def ports(self) -> dict[str, int]:
        """The ports chosen so far, by process name."""
        return {str(name): int(port) for name, port in self.state().get("ports", {}).items()}

    def endpoints(self) -> dict[str, str]:
        """The base address of each server, by process name."""
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self.ports().items()}

    @contextmanager
    def locked(self, wait_seconds: float = 120.0) -> Iterator[None]:
        """Hold the home for one command; a second one waits, then raises ``Busy``."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as handle:
            deadline = time.monotonic() + wait_seconds
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise Busy(f"another command is changing {self.root}", "wait for it, or end it") from None
                    time.sleep(0.1)
            yield
