"""Is this Python environment in place? Made by uv from a lock with hashes, once, and recognised at the next boot.

Keeps true: an environment is complete or is not there (its fingerprint is written last); nothing is installed whose hash
the lock does not name. Where a cache is given (on a laptop), a finished environment is linked from it: the same bytes on
disk, no second installation, no second compilation.
"""

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aws_research_wizard.host import commands, files
from aws_research_wizard.host.steps import CommandFailed

FINGERPRINT, COMPILED = ".wizard-fingerprint", ".wizard-compiled"


@dataclass(frozen=True)
class Maker:
    """What environments are made with: uv, the Python to build on, a cache of finished ones (or None), and the log."""

    uv: str
    python: str
    cache: Path | None
    log: Path

    def make(self, place: Path, lock: Path, wheels: Sequence[Path] = ()) -> str:
        """Make sure that `place` is the environment of `lock`, with `wheels` on top; return how: kept, linked or installed."""
        mark = self.mark(lock, *wheels)
        if self.is_of(place, lock, *wheels):
            return "kept"
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as beside:
            made = Path(beside) / "env"
            how = self._install(made, lock) if self.cache is None else self._link(made, lock)
            if wheels:
                self._pip(made, "--no-deps", *map(str, wheels))
            (made / FINGERPRINT).write_text(mark)
            made.replace(place)
        return how

    def is_of(self, place: Path, lock: Path, *wheels: Path) -> bool:
        """Say whether `place` is the complete environment of `lock` with `wheels`."""
        mark = place / FINGERPRINT
        return mark.exists() and mark.read_text() == self.mark(lock, *wheels)

    def polish(self, place: Path, lock: Path) -> None:
        """Compile an environment, so that later starts are quicker (people cannot write to it: theirs never would be)."""
        if self.cache is None:
            self._compile(place)
            return
        finished = self._finished(lock)
        if not finished.exists() or (finished / COMPILED).exists():
            return
        with tempfile.TemporaryDirectory(dir=finished.parent, prefix=f".{finished.name}.") as beside:
            made, old = Path(beside) / "env", Path(beside) / "old"
            _copy(finished, made)
            self._compile(made)
            with _alone(finished):
                finished.rename(old)
                made.rename(finished)

    def _link(self, made: Path, lock: Path) -> str:
        """Link the finished environment of `lock`, which is installed first when there is none."""
        finished, how = self._finished(lock), "linked"
        finished.parent.mkdir(parents=True, exist_ok=True)
        with _alone(finished):
            if not finished.exists():
                how = "installed"
                with tempfile.TemporaryDirectory(dir=finished.parent, prefix=f".{finished.name}.") as beside:
                    self._install(Path(beside) / "env", lock)
                    (Path(beside) / "env").rename(finished)
            _copy(finished, made)
        return how

    def _install(self, made: Path, lock: Path) -> str:
        commands.run([self.uv, "venv", "--quiet", "--relocatable", "--python", self.python, str(made)], self.log)
        self._pip(made, "--no-deps", "--require-hashes", "-r", str(lock))
        return "installed"

    def _pip(self, made: Path, *words: str) -> None:
        commands.run([self.uv, "pip", "install", "--python", str(made / "bin/python"), *words], self.log)

    def compile(self, place: Path) -> None:
        """Compile what is not compiled yet in an environment, with all processors: nobody is served here yet."""
        if not (place / "bin/python").exists():
            return  # of another language
        words = [str(place / "bin/python"), "-m", "compileall", "-q", "-j", "0", str(place / "lib")]
        subprocess.run(words, check=False, capture_output=True, env=commands.clean_env())
        files.write(place / COMPILED, "")

    def _compile(self, made: Path) -> None:
        if not (made / COMPILED).exists():
            words = ["nice", "-n", "19", str(made / "bin/python"), "-m", "compileall", "-q", str(made / "lib")]
            subprocess.run(words, check=False, capture_output=True, env=commands.clean_env())
            (made / COMPILED).touch()

    def _finished(self, lock: Path) -> Path:
        return Path(self.cache or "") / "environments" / self.mark(lock)[:20]

    def mark(self, *files: Path) -> str:
        """Return what an environment depends on, as one hash."""
        seen = hashlib.sha256(f"1 {self.python}".encode())
        for file in files:
            seen.update(file.read_bytes())
        return seen.hexdigest()


def _copy(source: Path, target: Path) -> None:
    """Link every file of `source` below `target`."""
    try:
        files.link_tree(source, target)
    except OSError as error:
        raise CommandFailed(f"the environment could not be linked: {error}", []) from error


@contextmanager
def _alone(finished: Path) -> Iterator[None]:
    """Let only one process of this host make or move the same environment."""
    with finished.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
