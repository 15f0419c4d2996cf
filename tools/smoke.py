"""The main job, end to end, without a person: from quick-start to a cell, through stop, start and scale, to nothing left.

Drives the command line as a user would and the hub as a browser would, on a local cloud of its own, and writes what it saw to
`build/smoke.json`. Exit 0 only when every step did what it promises.

    python -m tools.smoke
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools import residue
from tools.hub import HubError, Person

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "build" / "smoke.json"
KERNEL = "genomics-python"
CELL = "from Bio.Seq import Seq; print(Seq('ATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAG').translate(to_stop=True))"
PROTEIN = "MAIVMGR"
KEPT = "smoke-keeps-this.txt"


class SmokeError(RuntimeError):
    """A step did not do what it promises."""


def said(*words: str, env: Mapping[str, str] | None = None) -> str:
    """What one command prints, or SmokeError with what it said."""
    command = [sys.executable, "-m", "aws_research_wizard.cli.main", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    if done.returncode:
        raise SmokeError(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def wizard(*words: str, env: Mapping[str, str] | None = None) -> Any:
    """One command with `--output json`; its answer."""
    answer = said(*words, "--output", "json", env=env)
    return json.loads(answer) if answer.strip() else None


def expect(what: str, held: bool) -> None:
    """Say what was looked at; stop at the first thing that does not hold."""
    print(f"  {'✔' if held else '✘'} {what}", flush=True)
    if not held:
        raise SmokeError(what)


def local_cloud() -> residue.Cloud:
    """The endpoints of the cloud that `local up` started."""
    endpoints = wizard("local", "status")["endpoints"]
    return residue.Cloud(endpoints["emulator"], endpoints["infra"])


def transitions(cloud: residue.Cloud, lab_id: str) -> int:
    """States entered by the lab's provisioning, from the execution's own history."""
    steps = cloud.client("stepfunctions")
    for machine in steps.list_state_machines()["stateMachines"]:
        if machine["name"].endswith("-provision_lab"):
            for execution in steps.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                if execution["name"].startswith(f"{lab_id}-"):
                    events = steps.get_execution_history(executionArn=execution["executionArn"], maxResults=1000)["events"]
                    return sum(event["type"].endswith("StateEntered") for event in events)
    raise SmokeError(f"no provisioning of {lab_id} was found")


def person_at(lab_id: str) -> Person:
    """Log in by the lab's link and bring the person's server up."""
    return person_by(wizard("jupyter", "open", lab_id, "--no-browser")["url"])


def person_by(link: str) -> Person:
    """Log in by this link and bring the person's server up."""
    person = Person.by_link(link)
    person.start_server()
    return person


def run(report: dict[str, Any]) -> None:
    """Every step in order; figures land in `report` as they are known."""
    began = time.monotonic()
    wizard("local", "up")
    cloud = local_cloud()
    requested = time.monotonic()
    lab = wizard("jupyter", "quick-start", "--domain", "genomics", "--team-size", "5", "--notebook-examples")
    ready = time.monotonic()
    lab_id, instances = lab["id"], {lab["instance_id"]}
    try:
        expect(f"{lab_id} is {lab['phase']}", lab["phase"] == "READY")
        person = person_at(lab_id)
        cell = person.run(person.start_kernel(KERNEL), CELL)
        first_cell = time.monotonic()
        report.update(
            lab=lab_id,
            request_to_ready_s=round(ready - requested, 2),
            ready_to_first_cell_s=round(first_cell - ready, 2),
            request_to_first_cell_s=round(first_cell - requested, 2),
            clone_to_first_cell_s=round(first_cell - began + setup_seconds(), 2),
            kernel=person.kernels().get(KERNEL),
            cell_output=cell.text.strip(),
            transitions=transitions(cloud, lab_id),
        )
        expect(f"a cell in {report['kernel']} printed {cell.text.strip()}", cell.text.strip() == PROTEIN and cell.error is None)
        expect(f"provisioning took {report['transitions']} transitions (at most 12)", report["transitions"] <= 12)
        examples_run(person)
        person.write(KEPT, "still here")
        stop_and_start(lab_id)
        instances |= scale(lab_id)
    finally:
        receipt = wizard("jupyter", "delete", lab_id, "--yes")
    report["receipt"] = receipt.get("receipt")
    report["residue"] = residue.of_lab(cloud, lab_id, instances)
    expect(f"nothing is left: {report['residue']}", report["residue"] == [])
    wizard("local", "down")


def examples_run(person: Person) -> None:
    """Each example notebook, cell by cell, in the kernel it names."""
    notebooks = {name: _kernel_of(person, name) for name in person.listing("examples") if name.endswith(".ipynb")}
    expect(f"examples: {', '.join(notebooks)}", len(notebooks) >= 3)
    expect("each is in a kernel of this lab", set(notebooks.values()) <= set(person.kernels()))
    for name, kernel in notebooks.items():
        cells = person.run_notebook(f"examples/{name}", person.start_kernel(kernel))
        expect(f"{name}: {len(cells)} cells ran: {cells[-1].error or cells[-1].text.strip()[-80:]}", cells[-1].error is None)


def _kernel_of(person: Person, name: str) -> str:
    return str(person.read(f"examples/{name}")["metadata"]["kernelspec"]["name"])


def stop_and_start(lab_id: str) -> None:
    """A stop and a start keep the files."""
    stopped = wizard("jupyter", "stop", lab_id)
    expect(f"stopped: {stopped['phase']}", stopped["phase"] == "STOPPED")
    started = wizard("jupyter", "start", lab_id)
    expect(f"started: {started['phase']}", started["phase"] == "READY")
    expect("the file is still there", person_at(lab_id).read(KEPT) == "still here")


def scale(lab_id: str) -> set[str]:
    """A larger machine and more people; the files stay. Returns the instances seen."""
    scaled = wizard("jupyter", "scale", lab_id, "--users", "20", "--instance-type", "r6i.4xlarge")
    expect(
        f"scaled to {scaled['instance_type']} for {scaled['users']}",
        (scaled["phase"], scaled["instance_type"], scaled["users"]) == ("READY", "r6i.4xlarge", 20),
    )
    expect("the file is still there", person_at(lab_id).read(KEPT) == "still here")
    return {scaled["instance_id"]}


def setup_seconds() -> float:
    """How long `make setup` took in this checkout, as it noted itself; 0 when it was done another way."""
    note = ROOT / ".venv" / ".ready"
    text = note.read_text().strip() if note.exists() else ""
    return float(text) if text else 0.0


def main() -> int:
    """Run on a cloud of its own unless AWR_HOME names one; write the report whatever happens."""
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="wizard-smoke-") as scratch:
        os.environ.setdefault("AWR_HOME", scratch)
        os.environ.setdefault("AWR_CONFIG", f"{scratch}/config.json")
        try:
            run(report)
        except (SmokeError, HubError) as error:
            report["error"] = str(error)
            print(f"smoke: {error}", file=sys.stderr)
        finally:
            REPORT.parent.mkdir(exist_ok=True)
            REPORT.write_text(json.dumps(report, indent=2) + "\n")
            subprocess.run([sys.executable, "-m", "aws_research_wizard.cli.main", "local", "reset", "--yes"], capture_output=True)
    print(json.dumps(report, indent=2))
    return 1 if "error" in report else 0


if __name__ == "__main__":
    sys.exit(main())
