"""What must not be in an image? Everything that says which machine this was, who was on it, and what it was told.

Keeps true: what a lab would make anew is removed, what a lab would install anew stays; on a laptop nothing outside the machine's
own folder is touched.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from aws_research_wizard.host.machine import Machine

OF_AWS = (
    "etc/ssh/ssh_host_*",
    "var/lib/cloud/*",
    "var/lib/dhcp/*",
    "var/lib/systemd/random-seed",
    "var/lib/amazon/ssm/*",
    "var/lib/apt/lists/*",
    "var/cache/apt/archives/*.deb",
    "var/log/**/*",
    "var/tmp/*",
    "tmp/*",
    "root/.ssh",
    "root/.cache",
    "root/.*_history",
    "home/*/.ssh",
    "home/*/.cache",
    "home/*/.*_history",
)
"""Below /: who may enter, what the network and cloud-init remember (so that user data runs anew), logs, caches."""
EMPTIED = ("etc/machine-id",)
"""Must be there, and be empty, for a machine to be given a new one."""


def wipe(machine: Machine) -> str:
    """Remove it; return in a few words how much that was."""
    gone = 0
    for place in (*_ours(machine), *(() if machine.local else _systems(machine.root))):
        gone += _remove(place)
    if not machine.local:
        for name in EMPTIED:
            (machine.root / name).write_text("")
    return f"{gone} places emptied"


def _ours(machine: Machine) -> Iterator[Path]:
    """What this machine wrote of itself: identity, orders, the hub's state, logs, configuration, and which release it chose."""
    yield from (machine.state, machine.run, machine.logs, machine.etc)
    yield from (machine.opt / "current", machine.opt / "asked", machine.jupyter / ".coming")
    if machine.local:
        yield from (machine.root / "root", machine.root / "tmp")


def _systems(root: Path) -> Iterator[Path]:
    for pattern in OF_AWS:
        yield from root.glob(pattern)


def _remove(place: Path) -> int:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
        return 1
    existed = place.is_symlink() or place.exists()
    place.unlink(missing_ok=True)
    return int(existed)
