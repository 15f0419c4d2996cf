"""Is a generated page what it would be today? Write it, or say that it is stale."""

from __future__ import annotations

import sys
from pathlib import Path


def keep(page: Path, fresh: str) -> int:
    """Write `fresh`; with `--check` among the words of the command write nothing, and return 1 when the page is another."""
    if "--check" not in sys.argv:
        page.write_text(fresh)
        return 0
    if not page.exists() or page.read_text() != fresh:
        print(f"{page.name} is stale: run `make generate`", file=sys.stderr)
        return 1
    return 0
