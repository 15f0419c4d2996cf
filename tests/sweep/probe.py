"""One look for a planted bug: exit 1, and say what broke, at the first broken law.

python -m tests.sweep.probe flow|pairs NAME · soak SEED
"""

from __future__ import annotations

import sys
import warnings


class Found(Exception):  # noqa: N818 - it is what was looked for
    """A law is broken."""


def look(kind: str, what: str) -> None:
    """Found at the first broken law."""
    if kind == "soak":
        from tests.sweep.soak import batch

        batch(int(what), 10, 40)
        return
    from tests.fakes.sim.faults import KINDS
    from tests.fakes.sim.flows import FLOWS
    from tests.fakes.sim.town import simulated
    from tests.sweep.faults import Sweeper

    class First(Sweeper):
        def _wrong(self, what: str) -> None:
            raise Found(what)

    with simulated() as town:
        First(town, FLOWS[what], 2 if kind == "pairs" else 1, KINDS).run()


def main() -> int:
    warnings.simplefilter("ignore")
    try:
        look(*sys.argv[1:3])
    except Exception as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        print(f"broken: {first}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
