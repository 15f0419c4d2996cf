"""What was a kernel made from? What its lock says of itself: its hash, the day it was solved, how many packages it pins."""

import hashlib
import re
from pathlib import Path
from typing import Any

_SOLVED = re.compile(r"^\W*solved (\d{4}-\d\d-\d\d)\b", re.MULTILINE)
_PIN = re.compile(r"^(?:[A-Za-z0-9][A-Za-z0-9.+_-]*(?:\[[^\]]*\])?==?[A-Za-z0-9]|\[\[deps\.)", re.MULTILINE)
"""A line that pins a package: of pip, of Debian, of Julia."""


def told(lock: Path) -> dict[str, Any]:
    """Return `lock` (SHA-256 of the file), `solved` (the day; blank when it does not say) and `pins`; nothing without a lock."""
    try:
        data = lock.read_bytes()
    except OSError:
        return {}
    text = data.decode(errors="replace")
    day = _SOLVED.search(text[:2000])
    return {"lock": hashlib.sha256(data).hexdigest(), "solved": day[1] if day else "", "pins": len(_PIN.findall(text))}
