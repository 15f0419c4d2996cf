"""How is one piece of work done without being in anyone's way? In a process of its own, after everybody else.

The agent starts it (`do`), gives it the piece on its standard input, and reads a line of JSON for each bit of news: `progress`,
`report` or `failed`. Keeps true: it has the lowest priority for processor and disk and is the first to go when memory runs out;
it ends when its agent does.
"""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import psutil

from aws_research_wizard.host import commands, guard
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.work import KINDS, Piece, Rhythm, Tell, WorkFailed

LOOK_SECONDS = 10.0


def do(piece: Piece, tell: Tell) -> Mapping[str, Any]:
    """Do a piece in a process of its own; return its report."""
    words = [sys.executable, "-P", "-m", "aws_research_wizard.host", "piece"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=commands.clean_env(), preexec_fn=guard.die_with_parent
    ) as process:
        try:
            assert process.stdin  # noqa: S101 (asked for above)
            assert process.stdout  # noqa: S101
            with suppress(BrokenPipeError), process.stdin as sheet:
                sheet.write(json.dumps({"kind": piece.kind, "order": dict(piece.order)}).encode())
            return _listen(process.stdout, Rhythm(tell))
        finally:
            _end(process)


def _listen(news: IO[bytes], rhythm: Rhythm) -> Mapping[str, Any]:
    """Return the report; raise WorkFailed with what went wrong."""
    with selectors.DefaultSelector() as ready:
        ready.register(news, selectors.EVENT_READ)
        while True:
            if not ready.select(LOOK_SECONDS):
                rhythm.hear(None)
                continue
            line = news.readline()
            said: dict[str, Any] = json.loads(line) if line else {"failed": "the process that did it ended without a word"}
            if "report" in said:
                return dict(said["report"])
            if "failed" in said:
                raise WorkFailed(str(said["failed"]))
            rhythm.hear(said["progress"])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    process.kill()


def main(machine: Machine) -> int:
    """Do the piece that stands on standard input (the side of the process)."""
    sheet, news = json.loads(sys.stdin.buffer.read()), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints, prints to the log
    _step_aside()
    print(json.dumps(_carried_out(machine, sheet, news)), file=news, flush=True)
    return 0


def _carried_out(machine: Machine, sheet: Mapping[str, Any], news: IO[str]) -> dict[str, Any]:
    module = KINDS.get(sheet["kind"], "")
    try:
        work = import_module(module) if module else None
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        work = None
    if work is None:
        return {"failed": f"this machine knows no work called {sheet['kind']}: it runs an older release"}
    try:
        return {
            "report": work.carry_out(
                machine, sheet["order"], lambda progress: print(json.dumps({"progress": progress}), file=news, flush=True)
            )
        }
    except WorkFailed as failure:
        return {"failed": str(failure)}
    except Exception as error:
        import traceback

        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


def _step_aside() -> None:
    """Take the last place in every queue."""
    os.nice(19)
    with suppress(OSError, psutil.Error):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800")
