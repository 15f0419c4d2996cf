"""Where do homes and the shared directory live? On the lab's file system, which outlives every machine.

Keeps true: nothing is started before the file system is there, so no home is ever written to the machine's own disk by mistake.
"""

import errno
from pathlib import Path

from aws_research_wizard.host import commands, debian
from aws_research_wizard.host.machine import Machine

OPTIONS = "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,_netdev"
"""As EFS's guide recommends for clients without its helper: https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-nfs-mount-settings.html"""


def prepare(machine: Machine) -> str:
    """Mount the lab's file system (or use the directory that stands for it); return a word about it."""
    how = "directory" if machine.local else _mount(machine)
    for folder, mode in (("homes", 0o711), ("shared", 0o1777), (".wizard", 0o700)):
        (machine.storage / folder).mkdir(parents=True, exist_ok=True)
        _set_mode(machine.storage / folder, mode)
    return how


def _mount(machine: Machine) -> str:
    place = machine.storage
    place.mkdir(parents=True, exist_ok=True)
    if not machine.file_system_id:
        return "no file system given: homes are on the machine's own disk"
    if place.is_mount():
        return "mounted already"
    log = machine.logs / "boot.log"
    debian.require("mount.nfs4", "nfs-common", log)
    source = f"{machine.file_system_id}.efs.{machine.region}.amazonaws.com:/"
    commands.run(["mount", "-t", "nfs4", "-o", OPTIONS, source, str(place)], log, timeout=180)
    return f"mounted {machine.file_system_id}"


def _set_mode(folder: Path, mode: int) -> None:
    """Set a folder's mode, unless it has it: a storage that can only be read is not written to for nothing."""
    if folder.stat().st_mode & 0o7777 == mode:
        return
    try:
        folder.chmod(mode)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EACCES, errno.EROFS):
            raise
