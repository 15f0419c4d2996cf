"""What people install can simulate: the wheel carries the production rules, and nothing else of the control plane."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CARRIED = {
    "chalicelib/__init__.py",
    "chalicelib/idle/__init__.py",
    "chalicelib/idle/grounds.py",
    "chalicelib/idle/rules.py",
    "chalicelib/idle/signs.py",
    "chalicelib/kernels/__init__.py",
    "chalicelib/kernels/rules.py",
    "chalicelib/limits/__init__.py",
    "chalicelib/limits/rules.py",
    "chalicelib/limits/instances.json",
    "chalicelib/limits/prices.json",
    "chalicelib/packs/__init__.py",
    "chalicelib/packs/reading.py",
    "chalicelib/packs/rules.py",
    "chalicelib/runtime/__init__.py",
    "chalicelib/runtime/errors.py",
}
PLAY = """
import sys
sys.path.insert(0, sys.argv[1])
import chalicelib
assert chalicelib.__file__.startswith(sys.argv[1]), chalicelib.__file__
from aws_research_wizard.simulate import production
from aws_research_wizard.cli.main import run
assert production.idle.__file__.startswith(sys.argv[1])
sys.exit(run(["simulate", "--labs", "2", "--days", "2"]))
"""


def test_the_wheel_simulates_with_the_rules_it_carries(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        wheel.extractall(tmp_path / "installed")
    assert {name for name in names if name.startswith("chalicelib/")} == CARRIED
    assert "aws_research_wizard/simulate/trace.schema.json" in names
    assert {"domain_packs/_schema.json", "domain_packs/base/pack.yaml"} <= names
    assert "domain_packs/genomics/notebooks/reads-to-variants.ipynb" in names  # what `packs notebooks` copies
    ended = subprocess.run(
        [sys.executable, "-c", PLAY, str(tmp_path / "installed")], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("POLICY")
