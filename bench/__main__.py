"""Every figure in one run: `make bench`. Writes `build/bench.json`, prints a table, and exits 1 when a bound does not hold.

python -m bench                     all of them
python -m bench command_line …      only these
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import baked_start, bill, capacity, cold_start, command_line, idle_sweep, lab_start, package_size
from tools.smoke import wizard

REPORT = Path(__file__).resolve().parent.parent / "build" / "bench.json"


def _capacity() -> dict[str, Any]:
    config = json.loads(Path(os.environ["AWR_CONFIG"]).read_text())
    return capacity.run(wizard("local", "status")["endpoints"]["emulator"], config["profiles"][config["current"]]["token"])


#: Those that need the local cloud come last, and the quietest first.
FIGURES: dict[str, Callable[[], dict[str, Any]]] = {
    "package_size": package_size.run,
    "bill": bill.run,
    "cold_start": cold_start.run,
    "idle_sweep": idle_sweep.run,
    "command_line": command_line.run,
    "lab_start": lab_start.run,
    "baked_start": baked_start.run,
    "capacity": _capacity,
}
IN_THE_CLOUD = {"command_line", "lab_start", "capacity"}


def rows(report: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every figure that says whether it held, with its place in the report."""
    if "held" in report:
        yield path, report
        return
    for name, value in report.items():
        if isinstance(value, dict):
            yield from rows(value, f"{path} · {name}" if path else name)


def show(report: dict[str, Any]) -> bool:
    """Print the table; True when every bound held."""
    table = Table("figure", "ours", "peer or bound", "ratio (min-max)", "held")
    held = True
    for name, row in rows(report):
        held &= bool(row["held"])
        ours = (
            f"{row['ours_s']:.3f} s"
            if "ours_s" in row
            else str(row.get("value", f"{row.get('reads')} r / {row.get('writes')} w"))
        )
        peer = f"{row['peer_s']:.3f} s" if "peer_s" in row else str(row.get("bound", row.get("budget", "")))
        ratio = f"{row['ratio']:.2f} ({row['ratio_min']:.2f}-{row['ratio_max']:.2f})" if "ratio" in row else ""
        table.add_row(name, ours, peer, ratio, "yes" if row["held"] else "NO")
    Console().print(table)
    return held


def main() -> int:
    """Measure what was asked for, on a local cloud of its own."""
    asked = [name for name in FIGURES if name in sys.argv[1:] or len(sys.argv) == 1]
    report: dict[str, Any] = {
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()}
    }
    with tempfile.TemporaryDirectory(prefix="wizard-bench-") as home:
        os.environ |= {"AWR_HOME": home, "AWR_CONFIG": f"{home}/config.json"}
        try:
            if IN_THE_CLOUD.intersection(asked):
                wizard("local", "up")
            for name in asked:
                print(f"measuring {name} …", file=sys.stderr, flush=True)
                report[name] = FIGURES[name]()
                REPORT.parent.mkdir(exist_ok=True)
                REPORT.write_text(json.dumps(report, indent=2) + "\n")
        finally:
            if IN_THE_CLOUD.intersection(asked):
                wizard("local", "reset", "--yes")
    return 0 if show(report) else 1


if __name__ == "__main__":
    sys.exit(main())
