"""make soak SECONDS=600 SEED=…: random histories of the whole town, on all cores. Every failure prints a seed that replays.

python -m tools.soak [--seconds S] [--seed N] [--steps N] [--workers N]
python -m tools.soak --replay SEED          the histories of one seed; the one that breaks is made short
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import warnings
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

from rich.console import Console

from tests.sweep import cores
from tests.sweep.soak import Count, batch, seeds

HISTORIES = 10  # of one seed: few enough to be replayed in a minute


def main() -> int:
    options = _options()
    if options.replay is not None:
        told = one_seed(options.replay, options.steps, shorten=True)
        print(told.broken[0] if told.broken else f"seed {options.replay}: nothing is broken")
        return 1 if told.broken else 0
    return _soaked(options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description="Random histories of the whole town.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None, help="default: one that nobody used before")
    parser.add_argument("--steps", type=int, default=40, help="in one history")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--replay", type=int, metavar="SEED", help="repeat the histories of one seed")
    return parser.parse_args()


def one_seed(by: int, steps: int, *, shorten: bool = False) -> Count:
    """The histories of one seed; what is broken, with the steps that lead to it, is in `broken`."""
    warnings.simplefilter("ignore")
    counted = Count()
    try:
        batch(by, HISTORIES, steps, counted, shorten=shorten)
    except Exception as error:
        counted.broken.append("\n".join([str(error), *getattr(error, "__notes__", [])]))
    return counted


def _soaked(options: argparse.Namespace) -> int:
    console, first = Console(highlight=False), options.seed if options.seed is not None else secrets.randbelow(2**31)
    console.print(f"soak: seed {first}, {options.seconds:.0f} s, {options.workers} processes")
    began, numbers, total, running = time.perf_counter(), seeds(first), Count(), dict[Future[Count], int]()
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        while True:
            while time.perf_counter() - began < options.seconds and len(running) < options.workers and not total.broken:
                number = next(numbers)
                running[pool.submit(one_seed, number, options.steps)] = number
            if not running:
                break
            for one in wait(running, return_when=FIRST_COMPLETED).done:
                _add(console, total, one.result(), running.pop(one))
    took = time.perf_counter() - began
    console.print(
        f"{total.histories:,} histories · {total.steps:,} steps · {total.units:,} deliveries · {total.labs:,} labs · "
        f"{total.faults:,} faults · {total.histories / took:.1f} histories and {total.units / took:,.0f} deliveries a second · "
        f"{took:.0f} s · violations {len(total.broken)} · seed {first}"
    )
    return 1 if total.broken else 0


def _add(console: Console, total: Count, done: Count, number: int) -> None:
    for name in ("histories", "steps", "units", "labs", "faults"):
        setattr(total, name, getattr(total, name) + getattr(done, name))
    for said in done.broken:
        console.print(f"[red]broken[/red] with seed {number}; make soak REPLAY={number} makes it short\n{said}", soft_wrap=True)
        total.broken.append(said)


if __name__ == "__main__":
    sys.exit(main())
