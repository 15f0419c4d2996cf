"""How does a record in EC2 become a running machine? Its user data runs as processes of this computer.

A machine is a folder (``root`` in it stands for ``/``), a few ports that stay the same over its life, and the processes that
carry its id in their environment. It is started in its own session, so it outlives the runner; it gets no credentials but
those of its own metadata service. Every shell-script part of its user data runs at each boot, in order, as cloud-init does
with ``scripts-user always``.
"""

from __future__ import annotations

import base64
import email
import email.policy
import gzip
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from aws_research_wizard.local import processes
from aws_research_wizard.local.home import REGION, Home, any_free_port, choose_ports, read_json, write_atomically

PORT_NAMES = ("hub", "hub_api", "proxy_api")
STOP_GRACE_SECONDS = 20.0
RESTART_SECONDS = 5
#: On AWS systemd starts a boot again that was killed or ended badly, but for 3: it has said why it cannot become a lab.
AS_SYSTEMD = """\
while :; do
  "{part}" && break
  code=$?
  echo "user data part {number} ended with $code"
  [ "$code" -eq 3 ] && break
  sleep {pause}
done
"""
PASSED_ON = ("LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "TERM")
PASSED_ON_PREFIXES = ("LC_", "UV_", "PIP_")


def scripts(user_data: bytes) -> list[str]:
    """The shell scripts in user data, in order: each ``text/x-shellscript`` part of a multipart, or the whole script."""
    if user_data[:2] == b"\x1f\x8b":
        user_data = gzip.decompress(user_data)
    if user_data.startswith(b"#!"):
        return [user_data.decode()]
    message = email.message_from_bytes(user_data, policy=email.policy.default)
    parts = [part for part in message.walk() if part.get_content_type() == "text/x-shellscript"]
    return [_text(part.get_payload(decode=True)) for part in parts]


def _text(payload: object) -> str:
    return payload.decode() if isinstance(payload, bytes) else str(payload)


@dataclass(frozen=True)
class Surroundings:
    """What every machine of this cloud is told about the outside."""

    home: Home
    emulator: str
    infra: str

    def environment(self, instance_id: str, root: Path, ports: Mapping[str, int], storage: str = "") -> dict[str, str]:
        """The whole environment of a machine's first process; nothing of ours leaks in but what is named here."""
        outside = {
            k: v
            for k, v in os.environ.items()
            if k in PASSED_ON or k.startswith(PASSED_ON_PREFIXES) or k.lower().endswith("_proxy")
        }
        return {
            **outside,
            **user_settings(),
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(root / "root"),
            "TMPDIR": str(root / "tmp"),
            processes.MACHINE_MARK: instance_id,
            "AWR_MACHINE_ROOT": str(root),
            "AWR_PORTS": json.dumps(dict(ports)),
            **({"AWR_EFS_ROOT": str(self.home.efs / storage)} if storage else {}),
            **finished_cache(self.home),
            "AWR_PYTHON": base_python(),
            "AWR_UV": find_uv(),
            "UV_CACHE_DIR": uv_cache(),
            "AWR_EXECUTE_API_ENDPOINT": self.emulator,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.emulator,
            **{f"AWS_ENDPOINT_URL_{service}": self.infra for service in ("EC2", "IAM", "STS", "EFS")},
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.infra}/_imds/{instance_id}",
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CONFIG_FILE": os.devnull,
            "NO_PROXY": ",".join(
                filter(None, [os.environ.get("NO_PROXY", os.environ.get("no_proxy", "")), "127.0.0.1,localhost"])
            ),
        }


def finished_cache(home: Home) -> dict[str, str]:
    """Where machines link finished environments from; ``AWR_CACHE=off`` lets each install its own, as a machine on AWS does."""
    return {} if os.environ.get("AWR_CACHE") == "off" else {"AWR_CACHE": str(home.cache)}


def user_settings() -> dict[str, str]:
    """Where pip and uv read this person's settings (their package index), since the machine has another home folder."""
    from platformdirs import user_config_path

    found = {"PIP_CONFIG_FILE": user_config_path("pip") / "pip.conf", "UV_CONFIG_FILE": user_config_path("uv") / "uv.toml"}
    return {name: str(path) for name, path in found.items() if name not in os.environ and path.exists()}


def uv_cache() -> str:
    """One package cache for all machines: the person's own, so that what was fetched once is linked, not fetched again."""
    if chosen := os.environ.get("UV_CACHE_DIR"):
        return chosen
    from platformdirs import user_cache_path

    base = os.environ.get("XDG_CACHE_HOME")
    return str(Path(base) / "uv" if base else Path.home() / ".cache" / "uv" if sys.platform != "win32" else user_cache_path("uv"))


def base_python() -> str:
    """The Python that machines build their environments on: the one under our own virtual environment."""
    return str(Path(sys.executable).resolve())


def find_uv() -> str:
    """The uv program: beside this Python, else on PATH; ``uv`` when there is none (doctor says so)."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv") or "uv"


@dataclass(frozen=True)
class Machine:
    """One instance as processes and a folder."""

    instance_id: str
    around: Surroundings

    @property
    def folder(self) -> Path:
        return self.around.home.machine(self.instance_id)

    @property
    def record(self) -> Path:
        return self.folder / "machine.json"

    @property
    def finished(self) -> Path:
        """There once its user data has run to its end."""
        return self.folder / "finished"

    def ports(self) -> dict[str, int]:
        """The machine's ports: those it had, unless somebody else listens there now."""
        kept = {str(name): int(port) for name, port in read_json(self.record).get("ports", {}).items()}
        return choose_ports(dict.fromkeys(PORT_NAMES, any_free_port(self._others())), kept)

    def _others(self) -> set[int]:
        records = self.around.home.machines.glob("*/machine.json")
        return {int(port) for record in records if record != self.record for port in read_json(record).get("ports", {}).values()}

    def boot(self, user_data: str, storage: str = "") -> None:
        """Run the user data (base64) as the machine's first process, its file system at hand; returns once it is started."""
        self.stop(0.0)  # what an earlier run left behind, if its first process was killed
        root, ports = self.folder / "root", self.ports()
        self.finished.unlink(missing_ok=True)
        for name in ("root", "tmp"):
            (root / name).mkdir(parents=True, exist_ok=True)
        env = self.around.environment(self.instance_id, root, ports, storage)
        run = ["/bin/sh", str(self._boot_script(user_data))]
        known = processes.launch(run, log=self.folder / "console.log", env=env, cwd=root)
        fresh = {"ports": ports, "pid": known.pid, "started": known.started, "booted_at": time.time()}
        write_atomically(self.record, json.dumps(fresh, indent=1))

    def _boot_script(self, user_data: str) -> Path:
        boot = self.folder / "boot"
        shutil.rmtree(boot, ignore_errors=True)
        boot.mkdir(parents=True)
        calls = []
        for number, text in enumerate(scripts(base64.b64decode(user_data)), 1):
            part = boot / f"part-{number:03d}"
            part.write_text(text)
            part.chmod(0o700)
            calls.append(AS_SYSTEMD.format(part=part, number=number, pause=RESTART_SECONDS))
        script = boot / "run"
        last = f'echo "user data has run"\n: > "{self.finished}"\n'
        script.write_text(f'echo "machine {self.instance_id} boots"\n' + "".join(calls) + last)
        return script

    def processes(self) -> list[psutil.Process]:
        """Every living process of this machine, also those that left its session."""
        return processes.marked(processes.MACHINE_MARK, self.instance_id)

    def alive(self) -> bool:
        """Does the machine run? Its first process stands for an operating system's: killed, it takes the machine with it; once
        it has ended by itself, the machine runs as long as anything that it started."""
        noted = read_json(self.record)
        first = processes.Known(int(noted["pid"]), float(noted["started"])) if "pid" in noted else None
        if first is not None and first.alive() is not None:
            return True
        return self.finished.exists() and bool(self.processes())

    def stop(self, grace_seconds: float = STOP_GRACE_SECONDS) -> None:
        """Ask all processes to end, as an operating system does when it halts; kill what is left; returns when none is."""
        processes.end(self.processes(), grace_seconds)
        while left := self.processes():
            processes.end(left, 1.0)

    def forget(self) -> None:
        """Put the machine's folder away at once and remove it behind our back (it holds tens of thousands of links).

        Shared file systems are elsewhere and stay.
        """
        away = self.around.home.root / "tmp" / f"gone-{self.instance_id}-{time.time_ns()}"
        away.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.folder.replace(away)
        except FileNotFoundError:
            return
        remove = partial(subprocess.run, ["rm", "-rf", str(away)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        threading.Thread(target=remove, name="remove", daemon=True).start()
