"""Every single fault, and every pair of faults, at every call of every flow; on all cores, one flow a process.

A single fault must be got over: the flow ends as it would have, unless the fault was a person's own word (`deleted`). Pairs, too,
must leave everything in order, in whatever phase the lab then rests.
"""

from __future__ import annotations

import gc
import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.fakes.sim import explore, pack_laws
from tests.fakes.sim.cloud import Kept
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.explore import Explorer, Result, Violation
from tests.fakes.sim.faults import KINDS, Plan
from tests.fakes.sim.flows import FLOWS, Flow
from tests.fakes.sim.invariants import check
from tests.fakes.sim.town import Town, Unit, simulated
from tests.sweep.rows import BAKES, ENDS

REPORT = Path(__file__).resolve().parents[2] / "build" / "faults.json"


@dataclass
class Swept:
    """What one flow's sweep did. `struck` counts the deliveries of each function that were struck."""

    result: Result
    seed: int
    struck: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        return self.result.flow

    @property
    def per_second(self) -> float:
        return self.result.histories / self.result.seconds if self.result.seconds else 0.0


class Sweeper(Explorer):
    """An explorer that knows how its flow is to end, and which functions it struck."""

    def __init__(self, town: Town, flow: Flow, faults: int, kinds: tuple[str, ...]) -> None:
        super().__init__(town, flow, faults, self.judged, kinds)
        self.struck: Counter[str] = Counter()
        self._invoked: list[str] = []
        invoke = town.invoke

        def noted(function: str, event: Any) -> Any:
            self._invoked.append(function)
            return invoke(function, event)

        town.invoke = noted  # type: ignore[method-assign]

    def judged(self, town: Town, quiet: bool) -> list[str]:
        wrong = check(town, quiet)
        if quiet and self.result.faults == 1:
            wrong += self._not_got_over()
        return wrong

    def _not_got_over(self) -> Iterator[str]:
        wanted = ENDS[self.flow.name]
        for lab_id in self.town.labs():
            lab = self.town.lab(lab_id)
            refused = lab["generation"] == self.generation  # the request itself, by somebody who saw the past
            if self.flow.name in BAKES:
                wanted = ("READY",)
            if lab["phase"] not in (*wanted, "DELETED") and not refused:
                yield f"got-over: one fault, and lab {lab_id} is {lab['phase']} ({lab.get('cause', 'no cause')}), not {wanted[0]}"
        for bake_id, bake in self.town.bakes().items():
            if self.flow.name in BAKES and bake["state"] not in ENDS[self.flow.name]:
                yield f"got-over: one fault, and {bake_id} is {bake['state']} ({bake.get('cause', 'no cause')})"
        yield from pack_laws.not_got_over(self.flow.name, Evidence(self.town))

    def run(self) -> Result:
        before, self.generation = self.flow.before, ""

        def remembered(town: Town) -> str:
            lab_id = before(town)
            self.generation = town.lab(lab_id)["generation"] if lab_id else ""
            return lab_id

        self.flow = self.flow._replace(before=remembered)
        return super().run()

    def _deliver(self, state: Kept, unit: Unit, plan: Plan, kind: str) -> None:
        self._invoked.clear()
        super()._deliver(state, unit, plan, kind)
        if plan or kind:
            self.struck.update(dict.fromkeys(self._invoked, 1))


def sweep(name: str, faults: int, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> Swept:
    """One flow, here."""
    with simulated(seed) as town:
        sweeper = Sweeper(town, FLOWS[name], faults, kinds)
        return Swept(sweeper.run(), seed, sweeper.struck)


def sweep_all(names: Iterable[str], faults: int, seed: int, workers: int) -> Iterator[Swept]:
    """All flows on all cores, each as it is done; the longest begins first."""
    ordered = sorted(names, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))
    with ThreadPoolExecutor(workers) as pool:
        done = [pool.submit(_apart, name, faults, seed) for name in ordered]
        for one in as_completed(done):
            yield one.result()


def _apart(name: str, faults: int, seed: int) -> Swept:
    """One flow in a process that ends with it: what a flow remembers goes back at once, and nobody has to clear it away."""
    server = get_context("forkserver")
    server.set_forkserver_preload(["app", __name__])
    with ProcessPoolExecutor(1, mp_context=server) as process:
        return process.submit(_uncollected, name, faults, seed).result()


def _uncollected(name: str, faults: int, seed: int) -> Swept:
    gc.disable()
    warnings.simplefilter("ignore")  # of the libraries' own, in thousands
    return sweep(name, faults, seed)


LONGEST = (  # by the deliveries that their pairs execute; what is not named is short
    *("baked", "provision", "idle", "undone", "scale", "in use", "hours", "start", "bake", "teardown", "stop"),
    *("upgrade", "rebake", "backup", "bake that fails", "misfit", "restore", "deactivate", "tables", "weekly", "drill"),
)


def replay(path: str, see: Callable[[str, list[str]], None]) -> None:
    """Repeat the history of a violation, telling after each step what is broken."""
    explore.replay(path, lambda town, step: see(step, check(town, town.at_rest())))


def written(swept: Iterable[Swept], seed: int, seconds: float) -> dict[str, Any]:
    """What build/faults.json says."""
    rows = [_row(one) for one in swept]
    report = {
        "seed": seed,
        "seconds": round(seconds, 1),
        "calls": sum(row["calls"] for row in rows),
        "histories": sum(row["histories"] for row in rows),
        "violations": sum(len(row["violations"]) for row in rows),
        "flows": rows,
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=1))
    return report


def _row(one: Swept) -> dict[str, Any]:
    result = one.result
    plain = asdict(result) | {"violations": [_told(each) for each in result.violations], "functions": dict(one.struck)}
    return plain | {"ends": dict(result.ends), "struck": dict(result.struck), "per_second": round(one.per_second)}


def _told(violation: Violation) -> dict[str, str]:
    return {"law": violation.what.partition(":")[0], "what": violation.what, "replay": violation.path}
