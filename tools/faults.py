"""make faults: every single fault and every pair of faults, at every call of every flow. Writes build/faults.json.

python -m tools.faults [--singles] [--flow NAME] [--seed N] [--workers N]
python -m tools.faults --replay 'PATH'      the history of one violation, step by step (a PATH is printed with it)
python -m tools.faults --rows               has every entry of the control plane its row in the sweep? (fast)
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings

from rich.console import Console
from rich.table import Table

from tests.fakes.sim.faults import KINDS
from tests.sweep import cores, rows
from tests.sweep.faults import REPORT, Swept, replay, sweep_all, written


def main() -> int:
    options = _options()
    warnings.simplefilter("ignore")  # of the libraries' own, in thousands
    if options.rows:
        return _rows()
    if options.replay:
        return _replayed(options.replay)
    from tests.fakes.sim.flows import FLOWS

    names = options.flow or list(FLOWS)
    unknown = sorted(set(names) - set(FLOWS))
    if unknown:
        print(f"there is no flow {unknown[0]}; there are {', '.join(FLOWS)}", file=sys.stderr)
        return 2
    return _swept(names, 1 if options.singles else 2, options.seed, options.workers)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description="Every fault, and every pair of faults, at every call.")
    parser.add_argument("--singles", action="store_true", help="single faults only")
    parser.add_argument("--flow", action="append", help="only this flow (may be given again)")
    parser.add_argument("--seed", type=int, default=0, help="of ids and tokens")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--replay", metavar="PATH", help="repeat the history of a violation")
    parser.add_argument("--rows", action="store_true", help="only look whether every entry has its row")
    return parser.parse_args()


def _swept(names: list[str], faults: int, seed: int, workers: int) -> int:
    console, began, done = _console(), time.perf_counter(), list[Swept]()
    what = "singles" if faults == 1 else "singles and pairs"
    console.print(f"{what} of {len(names)} flows, seed {seed}, {workers} processes")
    for one in sweep_all(names, faults, seed, workers):
        console.print(f"  {one.name}: {one.result.histories:,} histories in {one.result.seconds:.0f} s", style="dim")
        done.append(one)
    took = time.perf_counter() - began
    done.sort(key=lambda one: names.index(one.name))
    report = written(done, seed, took)
    console.print(_table(done, took))
    console.print(_kinds(done))
    for one in done:
        for violation in one.result.violations:
            console.print(f"[red]{violation.what}[/red]\n  make faults REPLAY='{violation.path}'", soft_wrap=True)
    unstruck = rows.unstruck({one.name: set(one.struck) for one in done}) if faults > 1 else []
    for said in unstruck:
        console.print(f"[red]{said}[/red]")
    console.print(f"written to {REPORT.relative_to(REPORT.parents[1])}")
    return 1 if report["violations"] or unstruck else 0


def _table(done: list[Swept], took: float) -> Table:
    table = Table(title="Faults at every call", caption=f"{took:.0f} s in all; seed {done[0].seed if done else 0}")
    for name in ("flow", "calls", "kinds", "histories", "executed", "states", "s", "per second", "violations", "ends"):
        table.add_column(name, justify="left" if name in ("flow", "ends") else "right")
    for one in done:
        result = one.result
        ends = " · ".join(phase for phase, _ in result.ends.most_common())
        numbers = (result.calls, len(result.struck), result.histories, result.units, result.states)
        tail = (f"{result.seconds:.0f}", f"{one.per_second:,.0f}", str(len(result.violations)), ends)
        table.add_row(one.name, *(f"{number:,}" for number in numbers), *tail)
    total = sum(one.result.histories for one in done)
    executed = sum(one.result.units for one in done)
    wrong = sum(len(one.result.violations) for one in done)
    speed = f"{total / took:,.0f}" if took else ""
    calls = sum(one.result.calls for one in done)
    table.add_row("all", f"{calls:,}", "", f"{total:,}", f"{executed:,}", "", f"{took:.0f}", speed, str(wrong), "", style="bold")
    return table


def _kinds(done: list[Swept]) -> Table:
    """How often a delivery was struck in each way."""
    table = Table(title="Deliveries struck, by kind of fault")
    table.add_column("flow")
    kinds = [kind for kind in KINDS if any(one.result.struck.get(kind) for one in done)]
    for kind in kinds:
        table.add_column(kind.replace("_", " "), justify="right")
    for one in done:
        table.add_row(one.name, *(f"{one.result.struck.get(kind, 0):,}" for kind in kinds))
    return table


def _console() -> Console:
    """Wide enough for the tables, also where there is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=140)


def _replayed(path: str) -> int:
    broken = []

    def see(step: str, wrong: list[str]) -> None:
        print(step)
        for one in wrong:
            print(f"    {one}")
            broken.append(one)

    replay(path, see)
    return 1 if broken else 0


def _rows() -> int:
    said = [*rows.missing(), *rows.stale()]
    print("\n".join(said) or "every entry has its row in the sweep", file=sys.stderr if said else sys.stdout)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
