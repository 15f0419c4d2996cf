"""What does the control plane want of this machine? Its orders, as values.

Keeps true: orders are kept on disk whole, so the machine serves on (and boots again) while the control plane is away; words it
does not know are carried, not refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aws_research_wizard.host import files

ROLES = ("lead", "member", "viewer")


@dataclass(frozen=True)
class Kernel:
    """One kernel to install: where its lock is (in the bundle, or at `lock_uri`), what it needs; `resources`: for comfort.

    `asked` is the activation that it is ordered for; a boot waits for those that are `required`.
    """

    name: str
    display_name: str
    language: str
    version: str
    lock: str
    system_packages: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, int] = field(default_factory=dict)
    lock_uri: str = ""
    lock_sha256: str = ""
    asked: str = ""
    required: bool = True

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Kernel":
        """Read one entry of `kernels`."""
        return cls(
            name=str(raw["name"]),
            display_name=str(raw.get("display_name") or raw["name"]),
            language=str(raw.get("language") or "python").lower(),
            version=str(raw.get("version") or "3.11"),
            lock=str(raw.get("lock") or ""),
            system_packages=tuple(raw.get("system_packages") or ()),
            env={str(key): str(value) for key, value in (raw.get("env") or {}).items()},
            resources={str(key): int(value) for key, value in (raw.get("resources") or {}).items()},
            lock_uri=str(raw.get("lock_uri") or ""),
            lock_sha256=str(raw.get("lock_sha256") or ""),
            asked=str(raw.get("asked") or ""),
            required=bool(raw.get("required", True)),
        )


@dataclass(frozen=True)
class Orders:
    """The wanted state of the machine. `people` maps e-mail to role in the lab; sizes are GB; `raw` is what was sent.

    `packs`: those that are active, the lab's own first. `cull_s`: how long nobody used a server before it ends (0: never).
    """

    domain: str
    packs: tuple[str, ...]
    phase: str
    capacity: int
    quota_gb: int
    owner: str
    people: Mapping[str, str]
    kernels: tuple[Kernel, ...]
    examples: bool
    host: str | None
    heartbeat_seconds: float
    notice: Mapping[str, Any] | None
    price: Mapping[str, str] | None
    cull_s: float
    cost_tracking: bool
    raw: Mapping[str, Any]

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> "Orders":
        """Read orders as the API gives them."""
        idle = raw.get("idle") or {}
        return cls(
            domain=str(raw.get("domain") or "base"),
            packs=tuple(str(name) for name in raw.get("packs") or () if str(name).replace("_", "").replace("-", "").isalnum()),
            phase=str(raw.get("phase") or ""),
            capacity=int(raw.get("capacity") or 1),
            quota_gb=int(raw.get("shared_storage_gb") or 0),
            owner=str(raw.get("owner") or "").lower(),
            people={str(user["email"]).lower(): str(user["role"]) for user in raw.get("users") or ()},
            kernels=tuple(Kernel.parse(kernel) for kernel in raw.get("kernels") or ()),
            examples=bool(raw.get("examples", True)),
            host=(raw.get("access") or {}).get("host") or None,
            heartbeat_seconds=float(raw.get("heartbeat_seconds") or 30),
            notice=raw.get("notice") or None,
            price=raw.get("price") or None,
            cull_s=float(idle.get("auto_shutdown") or 0) * float(idle.get("minute_seconds") or 60),
            cost_tracking=bool(raw.get("cost_tracking", True)),
            raw=raw,
        )


def path(state: Path) -> Path:
    """Where the last orders are kept."""
    return state / "orders.json"


def load(state: Path) -> Orders | None:
    """Return the last orders, or None before the first."""
    raw = files.read_json(path(state))
    return Orders.parse(raw) if raw else None


def save(state: Path, orders: Orders) -> None:
    """Keep orders for the hub, the agent and the next boot."""
    files.write_json(path(state), dict(orders.raw))
