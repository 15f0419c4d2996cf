"""How does a server start for somebody whose home is full? Away from home: whatever it must write, it writes into the machine.

Keeps true: the person's files stay where they are, in reach of their file browser and terminal, and deleting one frees its room
at once; nothing of rescue mode outlives it: with room again, the next start is an ordinary one.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_research_wizard.host.room import LEAST_BYTES, WORDS, Lack, Owner, scratch

MEMORY = Path("/dev/shm")  # noqa: S108 (the one place with room when the machine's disk has none)
VARIABLE = "AWR_RESCUE"
FOLDERS = ("config", "data", "runtime", "cache", "state", "ipython", "tmp")


@dataclass(frozen=True)
class Rescue:
    """A start in rescue mode: `corner` is its folder, `place` what lacks room (home, storage or machine)."""

    corner: Path
    home: Path
    shared: Path
    lack: Lack
    place: str

    @property
    def notice(self) -> str:
        """Return the sentence that people read."""
        subject = {"home": "your home", "storage": "the lab's storage", "machine": "the machine's own disk"}[self.place]
        return f"Rescue mode: {subject} {WORDS[self.lack]}."

    def environment(self) -> dict[str, str]:
        """Return the variables that keep a server from writing at home."""
        at = {name: str(self.corner / name) for name in FOLDERS}
        told = {"notice": self.notice, "lack": self.lack, "home": str(self.home), "shared": str(self.shared)}
        return {
            "JUPYTER_CONFIG_DIR": at["config"],
            "JUPYTER_DATA_DIR": at["data"],
            "JUPYTER_RUNTIME_DIR": at["runtime"],
            "IPYTHONDIR": at["ipython"],
            "MPLCONFIGDIR": at["config"],
            "XDG_CACHE_HOME": at["cache"],
            "XDG_CONFIG_HOME": at["config"],
            "XDG_DATA_HOME": at["data"],
            "XDG_STATE_HOME": at["state"],
            "TMPDIR": at["tmp"],
            "PYTHONDONTWRITEBYTECODE": "1",
            "JUPYTERHUB_DEFAULT_URL": "/rescue",
            VARIABLE: json.dumps({**told, "scratch": str(scratch())}),
            **({} if self.home.is_dir() else {"HOME": str(self.corner)}),
        }

    def settings(self) -> dict[str, Any]:
        """Return the server's settings."""
        shell = ["/bin/bash", "--rcfile", str(self.corner / "bashrc")]
        return {
            "ServerApp": {
                "jpserver_extensions": {"aws_research_wizard.host.rescue_page": True},
                "terminado_settings": {"shell_command": shell},
            },
            "FileContentsManager": {"delete_to_trash": False, "always_delete_dir": True},
            "LabApp": {"app_name": self.notice.rstrip(".")},
        }

    def prepare(self, owner: Owner) -> None:
        """Make the corner, afresh, for its owner."""
        shutil.rmtree(self.corner, ignore_errors=True)
        for name in FOLDERS:
            (self.corner / name).mkdir(parents=True)
        (self.corner / "config/jupyter_server_config.json").write_text(json.dumps(self.settings()))
        (self.corner / "bashrc").write_text(BASHRC.format(notice=self.notice))
        for path in (self.corner, *self.corner.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
            if owner:
                os.chown(path, *owner)


BASHRC = """[ -f ~/.bashrc ] && . ~/.bashrc
unset HISTFILE
echo '{notice} What is large: du -xah ~ | sort -h | tail -40    Remove with rm; then leave rescue mode on its page.'
"""


def corner(runtime: Path, name: str) -> Path:
    """Return where a server may write: its folder of this boot, or the machine's memory when that is full too."""
    for place in (runtime, MEMORY):
        try:
            place.mkdir(parents=True, exist_ok=True)
            seen = os.statvfs(place)
        except OSError:
            continue
        if seen.f_bavail * seen.f_frsize >= LEAST_BYTES and not seen.f_flag & os.ST_RDONLY:
            return place / (name if place == runtime else f"wizard-{os.getuid()}-{name}")
    return runtime / name
