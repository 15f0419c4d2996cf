"""Where can the machine's words be read when the machine is gone? In CloudWatch Logs: the stage's group, the lab's stream.

Best effort: a log that cannot be shipped is tried again, and never in anyone's way. Keeps true: a line is sent once, also
after the agent's restart (how far each file was read is kept), and a rotated file is read from its beginning.
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

from aws_research_wizard.host import files
from aws_research_wizard.host.machine import Machine

EVERY_SECONDS = 5.0
MOST_LINES, MOST_BYTES = 500, 200_000


class Reader:
    """The lines that were added to the log files since the last time."""

    def __init__(self, folder: Path, memory: Path) -> None:
        self._folder, self._memory = folder, memory
        self._read: dict[str, list[int]] = files.read_json(memory) or {}

    def new_lines(self) -> list[str]:
        """Return the next lines as `file: line`, at most a batch."""
        lines: list[str] = []
        for file in sorted(self._folder.glob("*.log")):
            lines += self._of(file, MOST_LINES - len(lines))
        return lines

    def keep(self) -> None:
        """Remember that the lines returned were delivered."""
        files.write_json(self._memory, self._read)

    def forget(self) -> None:
        """Go back to what was last kept: the lines returned were not delivered."""
        self._read = files.read_json(self._memory) or {}

    def _of(self, file: Path, room: int) -> list[str]:
        seen = file.stat()
        inode, offset = self._read.get(file.name, [seen.st_ino, 0])
        if inode != seen.st_ino or seen.st_size < offset:
            offset = 0
        if room <= 0 or seen.st_size == offset:
            return []
        with file.open("rb") as source:
            source.seek(offset)
            whole = source.read(MOST_BYTES).rpartition(b"\n")[0].split(b"\n")[:room]
        if whole == [b""]:
            return []
        self._read[file.name] = [seen.st_ino, offset + sum(len(line) + 1 for line in whole)]
        return [f"{file.stem}: {line.decode(errors='replace')[:4000]}" for line in whole if line.strip()]


def ship(machine: Machine, stop: threading.Event) -> None:
    """Send new lines until `stop`."""
    reader, client, complained = Reader(machine.logs, machine.state / "shipped.json"), _client(machine), ""
    while not stop.wait(EVERY_SECONDS):
        try:
            while lines := reader.new_lines():
                _put(client, machine, lines)
                reader.keep()
        except Exception as error:
            reader.forget()
            if (said := f"{type(error).__name__}: {error}") != complained:
                print(f"[agent] logs are not shipped: {said}", file=sys.stderr, flush=True)
                complained = said


def _client(machine: Machine) -> Any:
    import boto3
    from botocore.config import Config

    quick = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 2})
    return boto3.client("logs", region_name=machine.region, config=quick)


def _put(client: Any, machine: Machine, lines: list[str]) -> None:
    place = {"logGroupName": machine.log_group, "logStreamName": machine.lab_id}
    moment = int(time.time() * 1000)
    events = [{"timestamp": moment, "message": line} for line in lines]
    try:
        client.put_log_events(**place, logEvents=events)
    except client.exceptions.ResourceNotFoundException:
        client.create_log_stream(**place)
        client.put_log_events(**place, logEvents=events)
