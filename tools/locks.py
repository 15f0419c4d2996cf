"""Which exact files make up each kernel, and are the locks still about what the packs ask for?

    python -m tools.locks genomics            solve again (keeps pins that still fit; --upgrade moves all of them)
    python -m tools.locks all --check         offline: every lock is about today's pack file and pins every package by hash

What a lock is stands in aws_research_wizard/packs/locks.py; the solvers, one a language, in solving.py beside it.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "vendor")]

from aws_research_wizard.packs.locks import PLATFORM, findings, fingerprint, parse  # noqa: E402
from aws_research_wizard.packs.solving import SOLVERS, Unsolvable, solve  # noqa: E402
from chalicelib.kernels.rules import lock_path  # noqa: E402
from chalicelib.packs import service, yaml_files  # noqa: E402
from chalicelib.packs.rules import Kernel  # noqa: E402
from chalicelib.runtime.errors import AppError  # noqa: E402

__all__ = ["PLATFORM", "ROOT", "findings", "fingerprint", "main", "own_kernels", "parse", "solve"]


def own_kernels(pack: str) -> list[Kernel]:
    """The kernels whose lock stands in this pack's own folder and whose language we can solve."""
    return [one for one in service.resolve(pack).kernels if one.pack == pack and one.language in SOLVERS]


def _text(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


def _check(kernel: Kernel) -> bool:
    wrong = findings(kernel, _text(ROOT / lock_path(kernel)))
    for said in wrong:
        print(f"{lock_path(kernel)}: {said}", file=sys.stderr)
    return not wrong


def _solve(kernel: Kernel, upgrade: bool) -> bool:
    path = ROOT / lock_path(kernel)
    old = _text(path)
    try:
        text = solve(kernel, old, upgrade, datetime.now(UTC).date())
    except Unsolvable as error:
        print(f"{kernel.name} has no solution:\n{error}", file=sys.stderr)
        return False
    if old is None or text.splitlines()[1:] != old.splitlines()[1:] or findings(kernel, old):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    print(f"{kernel.name}: {len(parse(path.read_text()).pins)} packages")
    return True


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.locks", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pack", help="a pack's name, or all")
    parser.add_argument("--check", action="store_true", help="offline: say what is stale, change nothing")
    parser.add_argument("--upgrade", action="store_true", help="move every pin to the newest that fits")
    asked = parser.parse_args(words)
    try:
        names = yaml_files.names() if asked.pack == "all" else (asked.pack,)
        kernels = [kernel for name in names for kernel in own_kernels(name)]
    except AppError as error:
        parser.exit(1, f"{error.message}. {error.hint}\n")
    good = [_check(one) if asked.check else _solve(one, asked.upgrade) for one in kernels]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
