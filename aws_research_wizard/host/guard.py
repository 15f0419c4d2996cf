"""What protects this machine? Notebook users cannot reach its credentials, and no part outlives its parent by accident."""

import ctypes
import signal

from aws_research_wizard.host import commands, debian
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.steps import CommandFailed

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def block_metadata(machine: Machine) -> None:
    """Let only root speak to the instance metadata service (and only on a machine that is ours alone)."""
    if machine.local:
        return
    rule = ["OUTPUT", "-d", "169.254.169.254", "-m", "owner", "!", "--uid-owner", "0", "-j", "REJECT"]
    log = machine.logs / "boot.log"
    debian.require("iptables", "iptables", log)
    try:
        commands.run(["iptables", "-w", "-C", *rule], log)
    except CommandFailed:
        commands.run(["iptables", "-w", "-I", *rule], log)


def die_with_parent() -> None:
    """Ask the kernel to end the calling process when its parent ends (to be run between fork and exec)."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
