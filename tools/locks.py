"""Which exact files make up each kernel, and are the locks still about what the packs ask for?

    python -m tools.locks genomics            solve again (keeps pins that still fit; --upgrade moves all of them)
    python -m tools.locks all --check         offline: every lock is about today's pack file and pins every package by hash

The same as `aws-research-wizard packs lock`, for all packs at once. What a lock is stands in aws_research_wizard/packs/locks.py;
the solvers, one a language, in solving.py beside it.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "vendor")]

from aws_research_wizard.packs import locking, shelf  # noqa: E402
from aws_research_wizard.packs.locks import PLATFORM, findings, fingerprint, parse  # noqa: E402
from aws_research_wizard.packs.production import near_miss  # noqa: E402
from aws_research_wizard.packs.solving import solve  # noqa: E402

__all__ = ["PLATFORM", "ROOT", "findings", "fingerprint", "main", "parse", "solve"]
PACKS = shelf.Shelf((ROOT / "domain_packs",))


def _check(file: Path) -> bool:
    wrong = []
    for kernel in locking.kernels_of(file):
        lock = locking.lock_file(kernel, file.parent)
        told = findings(kernel, lock.read_text() if lock.is_file() else None)
        wrong += [f"{lock.relative_to(ROOT)}: {said}" for said in told]
    for said in wrong:
        print(said, file=sys.stderr)
    return not wrong


def _solve(file: Path, upgrade: bool) -> bool:
    solved = list(locking.solve(file, upgrade, datetime.now(UTC).date()))
    locking.write(solved)
    for one in solved:
        print(f"{one.kernel.name}: {len(parse(one.new).pins)} packages")
    return True


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.locks", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pack", help="a pack's name, or all")
    parser.add_argument("--check", action="store_true", help="offline: say what is stale, change nothing")
    parser.add_argument("--upgrade", action="store_true", help="move every pin to the newest that fits")
    asked = parser.parse_args(words)
    names = PACKS.names() if asked.pack == "all" else (asked.pack,)
    if unknown := [name for name in names if not PACKS.find(name)]:
        parser.exit(1, f"unknown domain '{unknown[0]}'. {near_miss(unknown[0], PACKS.names())}\n")
    good = True
    for name in names:
        file = ROOT / "domain_packs" / name / shelf.PACK
        try:
            good = (_check(file) if asked.check else _solve(file, asked.upgrade)) and good
        except locking.LockRefused as error:
            print(f"{name}: {error.message}", file=sys.stderr)
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
