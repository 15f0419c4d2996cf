"""A small pack in a folder, good in every way, to bend in tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from aws_research_wizard.packs import linting, locks
from aws_research_wizard.packs.findings import Finding
from aws_research_wizard.packs.linting import Report
from chalicelib.packs import reading

TODAY = date(2026, 11, 29)
TEXT = """\
name: rivers
title: Rivers
purpose: |
  Water that runs, measured and modelled.
  Brings what the other pages do not.

kernels:
  python:
    display_name: Rivers (Python 3.11)
    version: "3.11"
    packages: [ipykernel, numpy]
    resources: {cpus: 1, memory_gb: 2}

examples:
  - file: one.ipynb
    title: One
    kernel: python
    expect: "check: 1 of 1"
  - file: two.ipynb
    title: Two
    kernel: python
    expect: "check: 2 of 2"

datasets:
  - name: genomes
    registry: 1000-genomes
    title: Of people
    bucket: 1000genomes
    region: us-east-1
    access: public
    licence: Available without embargo

instances:
  team:
    small: [m6i.xlarge, m5.xlarge]
    medium: [m6i.4xlarge, m5.4xlarge]
    large: [m6i.8xlarge, m5.8xlarge]
  job:
    gpu: [g5.xlarge, g4dn.xlarge]

idle:
  auto_shutdown: 60
  thresholds: {cpu_percent: 5, gpu_percent: 5, network_kb_per_second: 50}
"""
HASH = "0" * 64


def write(folder: Path, text: str = TEXT, lock: Callable[[str], str] = str) -> Path:
    """The pack in its folder, with a lock solved for `TEXT` (changed by `lock`) and its two notebooks."""
    home = folder / "rivers"
    for part in ("locks", "notebooks"):
        (home / part).mkdir(parents=True, exist_ok=True)
    (home / "pack.yaml").write_text(text, "utf-8")
    (home / "locks" / "python-py311-x86_64.txt").write_text(lock(_lock()))
    for name, line in (("one", "check: 1 of 1"), ("two", "check: 2 of 2")):
        (home / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook(f"print({line!r})"), indent=1))
    return home / "pack.yaml"


def notebook(last: str, kernel: str = "rivers-python", **more: Any) -> dict[str, Any]:
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# A title"]},
        {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": None, "outputs": [], "source": last, **more},
    ]
    spec = {"display_name": "Rivers (Python 3.11)", "language": "python", "name": kernel}
    return {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}


def _lock() -> str:
    from aws_research_wizard.packs import documents

    document, _ = documents.parse(TEXT.encode(), "rivers")
    assert document
    kernel = reading.resolve([("rivers", document.values)]).kernels[0]
    pins = "".join(f"{pin} \\\n    --hash=sha256:{HASH}\n" for pin in ("ipykernel==7.1.0", "numpy==2.4.6"))
    return f"{locks.first_line(kernel, date(2026, 11, 23))}{pins}"


def report(file: Path) -> Report:
    return linting.one(file, "us-east-1", TODAY)


def found(file: Path) -> tuple[Finding, ...]:
    return report(file).findings
