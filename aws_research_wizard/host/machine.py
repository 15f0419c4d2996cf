"""Where am I? Every path, port and name of this machine, read once from the environment that the boot script gives.

Keeps true: the machine of a laptop and the machine of AWS differ in values only. `root` stands for `/`, `local` says that we
must not touch the host's own accounts, mounts and packages.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MARKER = "AWR_INSTANCE_ID"
"""Environment variable that every process of this machine inherits: by it they are found and ended."""


@dataclass(frozen=True)
class Ports:
    """TCP ports, all on 127.0.0.1: `hub` is the door people use (the proxy), the others are internal."""

    hub: int = 8000
    hub_api: int = 8081
    proxy_api: int = 8001


@dataclass(frozen=True)
class Machine:
    """The machine as its boot script describes it."""

    root: Path
    local: bool
    lab_id: str
    stage: str
    region: str
    api_url: str
    bundle: Path
    file_system_id: str
    access_mode: str
    ports: Ports
    uv: str
    python: str
    cache: Path | None
    efs_root: Path | None
    execute_api: str | None
    instance_id: str
    boot_script_seconds: float
    software: Path | None = None
    specs: Path | None = None

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Machine":
        """Read the machine from its environment; a missing variable is named."""
        missing = [
            name for name in ("AWR_LAB_ID", "AWR_STAGE", "AWR_REGION", "AWR_API_URL", "AWR_BUNDLE_DIR") if not env.get(name)
        ]
        if missing:
            raise SystemExit(f"the boot script did not give {', '.join(missing)}")
        root, bundle = env.get("AWR_MACHINE_ROOT", ""), Path(env["AWR_BUNDLE_DIR"])
        return cls(
            root=Path(root or "/"),
            local=bool(root),
            lab_id=env["AWR_LAB_ID"],
            stage=env["AWR_STAGE"],
            region=env["AWR_REGION"],
            api_url=env["AWR_API_URL"].rstrip("/"),
            bundle=bundle,
            file_system_id=env.get("AWR_FILE_SYSTEM_ID", ""),
            access_mode=env.get("AWR_ACCESS_MODE", "") or ("local" if root else "tunnel"),
            ports=Ports(**json.loads(env.get("AWR_PORTS") or "{}")),
            uv=env.get("AWR_UV") or _found(bundle / "bin" / "uv"),
            python=env.get("AWR_PYTHON", "") or "/usr/bin/python3",
            cache=Path(env["AWR_CACHE"]) if env.get("AWR_CACHE") else None,
            efs_root=Path(env["AWR_EFS_ROOT"]) if env.get("AWR_EFS_ROOT") else None,
            execute_api=env.get("AWR_EXECUTE_API_ENDPOINT") or None,
            instance_id=env.get(MARKER, ""),
            boot_script_seconds=float(env.get("AWR_BOOT_SECONDS") or 0),
            software=Path(env["AWR_SOFTWARE"]) if env.get("AWR_SOFTWARE") else None,
            specs=Path(env["AWR_SPECS"]) if env.get("AWR_SPECS") else None,
        )

    @property
    def prefix(self) -> str:
        """The stage's name before every resource, as in `aws-research-wizard-dev`."""
        return f"aws-research-wizard-{self.stage}"

    @property
    def opt(self) -> Path:
        """Installed software: may be thrown away and made again."""
        return self.software or self.root / "opt/wizard"

    @property
    def release(self) -> str:
        """The release whose code this is: its bundle's name without the word before it."""
        return self.bundle.name.removeprefix("bundle-")

    @property
    def state(self) -> Path:
        """What must survive a stop and a start: identity, orders, the hub's database."""
        return self.root / "var/lib/wizard"

    @property
    def told(self) -> Path:
        """What everybody on the machine may read: a notice, the price, who had a server when."""
        return self.state / "told"

    @property
    def run(self) -> Path:
        """What belongs to this boot alone."""
        return self.root / "run/wizard"

    @property
    def logs(self) -> Path:
        """Log files of every part."""
        return self.root / "var/log/wizard"

    @property
    def etc(self) -> Path:
        """Rendered configuration, to be read by people who look into the machine."""
        return self.root / "etc/wizard"

    @property
    def hub_env(self) -> Path:
        """The environment of JupyterHub, JupyterLab, the proxy and the agent: each release has its own."""
        return self.opt / "hubs" / self.release

    @property
    def jupyter(self) -> Path:
        """The prefix under which kernel specifications are registered (one, so that a new kernel needs no restart)."""
        return self.specs or self.opt / "jupyter"

    @property
    def kernel_specs(self) -> Path:
        """Where each kernel's specification lies."""
        return self.jupyter / "share/jupyter/kernels"

    @property
    def storage(self) -> Path:
        """The lab's file system: homes and the shared directory."""
        return self.efs_root or self.root / "srv/lab"

    @property
    def data(self) -> Path:
        """Below which buckets are mounted."""
        return self.root / "srv/data"

    def lessons(self, pack: str) -> Path:
        """Where the notebooks of a pack are that ships with this release."""
        return self.bundle / "domain_packs" / pack / "notebooks"

    @property
    def log_group(self) -> str:
        """CloudWatch Logs group of all labs of the stage; the stream is the lab's id."""
        return f"/{self.prefix}/labs"


def _found(shipped: Path) -> str:
    return str(shipped) if shipped.exists() else shutil.which("uv") or "uv"
