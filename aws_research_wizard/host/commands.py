"""How is a program run so that its failure reads like a sentence?

Keeps true: the program sees a clean environment, its output goes to a log file, and of a failure the telling line is
found.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from aws_research_wizard.host.steps import CommandFailed

FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "JUPYTER_PATH", "JUPYTER_CONFIG_DIR")
_TELLING = re.compile(r"(^\s*\u00d7|error|failed|cannot|unable|mismatch|not found|no space|No solution)", re.IGNORECASE)
_NOISE = re.compile(r"\x1b\[[0-9;]*m")


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without what belongs to another Python, plus `extra`."""
    kept = {key: value for key, value in os.environ.items() if key not in FOREIGN}
    return {**kept, **(extra or {})}


def run(words: Sequence[str], log: Path, extra: Mapping[str, str] | None = None, timeout: float = 1800) -> str:
    """Run a program, append what it prints to `log`, return it; raise CommandFailed with its telling line."""
    try:
        done = subprocess.run(
            list(words), env=clean_env(extra), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise CommandFailed(f"{words[0]} is not installed", []) from None
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{Path(words[0]).name} took longer than {timeout:.0f} s", _lines(str(error.output or ""))) from None
    with suppress(OSError):  # a full disk keeps no log, and stops nothing else
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as file:
            file.write(f"$ {' '.join(words)}\n{done.stdout}")
    if done.returncode:
        raise CommandFailed(
            telling(done.stdout) or f"{Path(words[0]).name} ended with {done.returncode}", _lines(done.stdout)[-20:]
        )
    return done.stdout


def telling(output: str) -> str:
    """Return the shortest honest account of a failure: the first line that says so and what follows, in 240 characters."""
    lines = _lines(output)
    first = next((number for number, line in enumerate(lines) if _TELLING.search(line)), None)
    if first is None:
        return lines[-1][:240] if lines else ""
    words = " ".join(line.strip().lstrip("\u00d7╰─▶│├ ").strip() for line in lines[first : first + 4])
    return words if len(words) <= 240 else words[:237] + "…"


def _lines(output: str) -> list[str]:
    return [line.rstrip() for line in _NOISE.sub("", output).splitlines() if line.strip()]
