"""Which writes were answered since the last full save? A file of them, one line per request.

A request's writes are one line, written in one call before the answer is sent: after ``kill -9`` either all of a transaction
is there or nothing of it. Each line has a number; a full save carries the number it includes, so a line is never applied
twice. A full save opens a new file first and removes the older ones last.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Lines of entries (JSON values) under ``folder``; entries gather in memory until ``flush``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.number = 0
        self.size = 0
        self._waiting: list[str] = []
        self._lock = threading.Lock()
        self._file: int | None = None

    def add(self, *entry: Any) -> None:
        """Take down one entry as it is now."""
        text = json.dumps(entry, separators=(",", ":"))
        with self._lock:
            self._waiting.append(text)

    def flush(self) -> None:
        """Write the waiting entries as one line; a second call has nothing to do."""
        with self._lock:
            if not self._waiting:
                return
            entries, self._waiting = self._waiting, []
            self.number += 1
            line = f'{{"n":{self.number},"w":[{",".join(entries)}]}}\n'.encode()
            if self._file is None:
                self._open()
            os.write(self._file or 0, line)
            self.size += len(line)

    def _open(self) -> None:
        path = self.folder / f"{self.number:012d}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def turn(self) -> int:
        """Begin a new file; returns the number of the last line in the old ones. Call only with nothing waiting."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file, self.size = None, 0
            return self.number

    def drop(self, up_to: int) -> None:
        """Remove the files all of whose lines are at most ``up_to`` (files begin with their first number)."""
        files = sorted(self.folder.glob("*.jsonl"))
        lasts = [int(following.stem) - 1 for following in files[1:]] + [self.number]
        for path, last in zip(files, lasts, strict=False):
            if last <= up_to:
                path.unlink(missing_ok=True)

    def read(self, after: int) -> Iterator[list[list[Any]]]:
        """The entries of each line numbered above ``after``, in order; a torn last line counts as never answered."""
        self.number = max(self.number, after)
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in path.read_bytes().splitlines():
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                self.number = max(self.number, int(found["n"]))
                if int(found["n"]) > after:
                    yield found["w"]
