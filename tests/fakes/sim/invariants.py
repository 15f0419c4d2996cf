"""What must hold in the simulated world, after every step and once all has come to rest?

`check(town, quiet)` gives every law that is broken, as sentences a person can act on. A law looks at what AWS and the tables
have, never at how it came about, so it holds for every flow; each idea has its file of laws beside this one, `LAWS` is their
list, and docs/reference/planted-bugs.md names them.
"""

from __future__ import annotations

from typing import Any

from tests.fakes.sim import (  # noqa: F401 - each registers its laws
    bake_laws,
    fact_laws,
    file_laws,
    limit_laws,
    machine_laws,
    pack_laws,
    part_laws,
    rest_laws,
)
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.laws import LAWS


def check(town: Any, quiet: bool) -> list[str]:
    """What is broken, one sentence each: `law: what is wrong`."""
    seen = Evidence(town)
    return [f"{one.name}: {said}" for one in LAWS.values() if quiet or one.always for said in one.look(seen)]
