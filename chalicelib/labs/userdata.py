"""What does a lab's machine read when it boots? The script of all machines, filled with what this lab is."""

from __future__ import annotations

from chalicelib.labs import naming
from chalicelib.labs.rules import Lab
from chalicelib.runtime import bootscript
from chalicelib.runtime.settings import Settings


def compose(lab: Lab, known: Settings, release: str = "") -> str:
    """The user data of a lab's machine, as text; `release` left out is the newest."""
    key = naming.bundle_key(release) if release else known.need("bundle_key")
    return bootscript.compose(known, lab.id, key, file_system_id=lab.file_system_id)
