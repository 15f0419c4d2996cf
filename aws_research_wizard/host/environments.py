"""Is this Python environment in place? Made by uv from a lock with hashes, once, and recognised at the next boot.

Keeps true: an environment is complete or is not there (its fingerprint is written last); nothing is installed whose hash the
lock does not name. Where a cache is given (a laptop; a baked image has the environments in place anyway), a finished environment is
linked from it: the same bytes, no second installation and no second compilation.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host import commands

FINGERPRINT = ".wizard-fingerprint"


@dataclass(frozen=True)
class Maker:
    """What environments are made with: uv, the Python to build on, a cache of finished ones (or None), and the log."""

    uv: str
    python: str
    cache: Path | None
    log: Path

    def make(self, place: Path, lock: Path, wheels: Sequence[Path] = (), also: str = "") -> str:
        """Make sure that `place` is the environment that `lock` (and `wheels`) describe; return how: kept, linked or installed."""
        mark = self.fingerprint(lock, wheels, also)
        if (place / FINGERPRINT).exists() and (place / FINGERPRINT).read_text() == mark:
            return "kept"
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        if self.cache is None:
            self._install(place, lock, wheels, mark)
            return "installed"
        return self._link(self.cache / "environments" / mark[:20], place, lock, wheels, mark)

    def fingerprint(self, lock: Path, wheels: Sequence[Path], also: str) -> str:
        """Return what the environment depends on, as one hash."""
        seen = hashlib.sha256(f"1 {self.python} {also}".encode())
        for file in (lock, *wheels):
            seen.update(file.read_bytes())
        return seen.hexdigest()

    def _link(self, finished: Path, place: Path, lock: Path, wheels: Sequence[Path], mark: str) -> str:
        finished.parent.mkdir(parents=True, exist_ok=True)
        with _alone(finished.with_suffix(".lock")):
            how = "linked" if (finished / FINGERPRINT).exists() else "installed"
            if how == "installed":
                shutil.rmtree(finished, ignore_errors=True)
                self._install(finished, lock, wheels, mark)
        subprocess.run(["cp", "-al", str(finished), str(place)], check=True)
        return how

    def _install(self, place: Path, lock: Path, wheels: Sequence[Path], mark: str) -> None:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as beside:
            made = Path(beside) / "env"
            into = ["--python", str(made / "bin/python")]
            commands.run([self.uv, "venv", "--quiet", "--relocatable", "--python", self.python, str(made)], self.log)
            commands.run([self.uv, "pip", "install", *into, "--require-hashes", "--no-deps", "-r", str(lock)], self.log)
            if wheels:
                commands.run([self.uv, "pip", "install", *into, "--no-deps", *map(str, wheels)], self.log)
            (made / FINGERPRINT).write_text(mark)
            os.replace(made, place)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Let only one process of the host make the same environment."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
