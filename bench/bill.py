"""How fast is a bill read? Ten million lines by lab, product and day, beside pandas as one writes it down, by turns in one run.

    python -m bench bill                      all of it
    python -m bench.bill --lines 1000000      fewer lines, by hand

Both read the same 30 files of an export as AWS writes it (CUR 2.0, parquet, the tags a map), each in a process of its own, and
must say the same sums. Ours is the engine and the SQL text of the control plane, down to a month's sums; pandas reads the columns
that it needs. Then one file of the 30 is another, and the month is brought up to date beside reading all of it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.measure import Ratio

LINES, FILES, TURNS = 10_000_000, 30, 3
TIMES_FASTER, MEMORY_GB, ONE_OF_ALL = 5.0, 0.5, 10.0
LABS, DAYS = 50, 31
ROWS = f"""
SELECT 'li' || i AS identity_line_item_id,
  TIMESTAMP '2026-10-01' AS bill_billing_period_start_date,
  TIMESTAMP '2026-10-01' + INTERVAL (HASH(i) % {DAYS * 24}) HOUR AS line_item_usage_start_date,
  CASE WHEN HASH(i + 1) % 1000 = 0 THEN 'Credit' WHEN HASH(i + 1) % 50 = 1 THEN 'Tax' ELSE 'Usage' END
    AS line_item_line_item_type,
  CASE HASH(i + 2) % 4 WHEN 0 THEN 'AmazonEFS' WHEN 1 THEN 'AmazonS3' ELSE 'AmazonEC2' END AS line_item_product_code,
  'i-' || (HASH(i + 3) % 900) AS line_item_resource_id,
  'USD' AS line_item_currency_code,
  (CAST(HASH(i + 4) % 2000000 AS DOUBLE) - 100) / 10000000 AS line_item_unblended_cost,
  CASE WHEN HASH(i + 5) % 5 = 0 THEN MAP {{'aws_created_by': 'root'}}
    ELSE MAP {{'user_aws_research_wizard_lab': 'lab-' || (HASH(i + 6) % {LABS}), 'user_aws_research_wizard_team': 'biology'}}
  END AS resource_tags
FROM range(CAST($first AS BIGINT), CAST($last AS BIGINT)) numbers(i)
"""

OURS = """
import json, resource, sys, time
from pathlib import Path
from chalicelib.bills import duckdb, months
from chalicelib.bills.rules import Container, Format
from chalicelib.bills.sql import Shape
files = {one: Path(one) for one in sys.argv[1:]}
began = time.perf_counter()
shape, whole = Shape(Format.CUR2, Container.PARQUET), months.empty("2026-10")
for name, summed in duckdb.sums_of(shape, files).items():
    whole = months.changed(whole, (), [(months.Piece(name, "", "", summed.lines, summed.malformed), summed)])
took = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_SELF)
peak, cpu = used.ru_maxrss / 1e6, used.ru_utime + used.ru_stime
total = float(whole.totals()["USD"])
print(json.dumps({"s": took, "gb": peak, "cpu_s": cpu, "lines": whole.lines, "total": total, "groups": len(whole.groups)}))
"""

PEER = """
import json, resource, sys, time
began = time.perf_counter()
import pandas
names = ["line_item_usage_start_date", "line_item_line_item_type", "line_item_product_code", "line_item_currency_code",
         "line_item_unblended_cost", "resource_tags"]
lines = pandas.concat([pandas.read_parquet(one, columns=names) for one in sys.argv[1:]])
lines["lab"] = lines["resource_tags"].map(lambda tags: dict(tags).get("user_aws_research_wizard_lab", ""))
lines["day"] = lines["line_item_usage_start_date"].dt.date
keys = ["lab", "line_item_product_code", "day", "line_item_line_item_type", "line_item_currency_code"]
sums = lines.groupby(keys)["line_item_unblended_cost"].agg(["sum", "count"])
took = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_SELF)
peak, cpu = used.ru_maxrss / 1e6, used.ru_utime + used.ru_stime
total = float(sums["sum"].sum())
print(json.dumps({"s": took, "gb": peak, "cpu_s": cpu, "lines": int(sums["count"].sum()), "total": total, "groups": len(sums)}))
"""

ONE = """
import json, sys, time
from pathlib import Path
from chalicelib.bills import duckdb, months
from chalicelib.bills.rules import Container, Format
from chalicelib.bills.sql import Shape
folder, other, *names = sys.argv[1:]
shape = Shape(Format.CUR2, Container.PARQUET)
def read(names):
    found = duckdb.sums_of(shape, {name: Path(name) for name in names}).items()
    return [(months.Piece(name, "", "", one.lines, one.malformed), one) for name, one in found]
def keep(name, document):
    Path(folder, name).write_text(json.dumps(document))
def kept(name):
    return json.loads(Path(folder, name).read_text())
began = time.perf_counter()
every = read(names)
for piece, found in every:
    keep(Path(piece.uri).name + ".json", months.as_document(found))
keep("month.json", months.changed(months.empty("2026-10"), (), every).document())
all_of_them = time.perf_counter() - began
began = time.perf_counter()
before = months.bill(kept("month.json"))
old = next(one for one in before.pieces if one.uri == names[-1])
gone = months.file_sum(kept(Path(names[-1]).name + ".json"))
[(piece, found)] = read([other])
keep(Path(other).name + ".json", months.as_document(found))
after = months.changed(before, [(old, gone)], [(piece, found)])
keep("month.json", after.document())
one = time.perf_counter() - began
anew = months.changed(months.empty("2026-10"), (), [*every[:-1], (piece, found)])
assert dict(anew.groups) == dict(after.groups), "bringing up to date must be the same as reading anew"
print(json.dumps({"every": all_of_them, "one": one}))
"""


def export(folder: Path, lines: int) -> list[Path]:
    """The month, in 30 files, and one more that is to take the place of the last."""
    import duckdb

    size = lines // FILES
    files = [folder / f"bill-{number:05d}.snappy.parquet" for number in range(1, FILES + 2)]
    with duckdb.connect() as session:
        for number, file in enumerate(files):
            rows = ROWS.replace("$first", str(number * size)).replace("$last", str((number + 1) * size))
            session.execute(f"COPY ({rows}) TO '{file}' (FORMAT parquet, COMPRESSION snappy)")
    return files


def measured(script: str, *words: str | Path) -> dict[str, Any]:
    """What a fresh process printed of itself."""
    done = subprocess.run([sys.executable, "-c", script, *map(str, words)], check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def beside(files: list[Path], turns: int) -> dict[str, Any]:
    """Ours and pandas by turns; both must say the same."""
    ours: list[dict[str, Any]] = []
    peer: list[dict[str, Any]] = []
    for turn in range(turns):
        for script, found in ((OURS, ours), (PEER, peer)) if turn % 2 else ((PEER, peer), (OURS, ours)):
            found.append(measured(script, *files))
            print(f"  {'ours' if found is ours else 'pandas'}: {found[-1]}", file=sys.stderr, flush=True)
    mine, theirs = ours[0], peer[0]
    assert mine["lines"] == theirs["lines"]
    assert abs(mine["total"] - theirs["total"]) < 0.01, (mine, theirs)
    ratio = Ratio(tuple(one["s"] for one in ours), tuple(one["s"] for one in peer)).as_json(1 / TIMES_FASTER)
    peak = max(one["gb"] for one in ours)
    return {
        "lines_by_lab_product_and_day": ratio | {"lines": mine["lines"], "groups": mine["groups"]},
        "cpu_of_it": Ratio(tuple(one["cpu_s"] for one in ours), tuple(one["cpu_s"] for one in peer)).as_json(),
        "peak_memory": {
            "value": f"{peak:.2f} GB",
            "bound": f"{MEMORY_GB} GB (pandas {max(one['gb'] for one in peer):.1f})",
            "held": peak <= MEMORY_GB,
        },
    }


def one_of_all(files: list[Path], turns: int) -> dict[str, Any]:
    """A month of which one file of 30 changed, beside all of it."""
    with tempfile.TemporaryDirectory() as folder:
        times = [measured(ONE, folder, files[-1], *files[:-1]) for _ in range(turns)]
    ratio = Ratio(tuple(one["one"] for one in times), tuple(one["every"] for one in times))
    return {"one_file_of_30": ratio.as_json(1 / ONE_OF_ALL)}


def run(lines: int = LINES, turns: int = TURNS) -> dict[str, Any]:
    """Both, on files made for it."""
    with tempfile.TemporaryDirectory(prefix="wizard-bill-") as folder:
        began = time.perf_counter()
        files = export(Path(folder), lines)
        print(f"  {lines} lines in {FILES} files, made in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        return {**beside(files[:-1], turns), **one_of_all(files, turns)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--turns", type=int, default=TURNS)
    asked = parser.parse_args()
    print(json.dumps(run(asked.lines, asked.turns), indent=2))
