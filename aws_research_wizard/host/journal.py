"""What was already read, in case a backup is ended and begun again? Best effort: a full disk only costs the time to read anew."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from aws_research_wizard.host.manifest import Entry


class Journal:
    """The lines of the files that one backup has read."""

    def __init__(self, state: Path, backup_id: str) -> None:
        self._folder = state / "backups"
        self._old, self._new = self._folder / f"{backup_id}.jsonl", self._folder / f"{backup_id}.new"
        self._file: Any = None

    def __enter__(self) -> "Journal":
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            for other in set(self._folder.iterdir()) - {self._old, self._new}:
                other.unlink()
            if self._new.exists() and (not self._old.exists() or self._new.stat().st_size > self._old.stat().st_size):
                self._new.replace(self._old)
            self._file = self._new.open("w", buffering=1)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            with suppress(OSError):
                self._file.close()

    def entries(self) -> Iterator[Entry]:
        """Yield what was read before; a torn last line is left out."""
        with suppress(OSError, ValueError, KeyError), self._old.open() as file:
            for line in file:
                yield Entry.parse(json.loads(line))

    def note(self, entry: Entry) -> None:
        """Write down that a file was read."""
        if self._file:
            try:
                self._file.write(json.dumps(entry.line()) + "\n")
            except OSError:
                self._file = None

    def remove(self) -> None:
        """Forget it: the backup is there."""
        for file in (self._old, self._new):
            with suppress(OSError):
                file.unlink()
