"""Another field's kernel in a lab where people work, on the real local cloud: it runs a cell for one, the others notice nothing.

The lab is a real one: a hub, two people's servers, their kernels; the kernel that comes is installed by the machine's agent.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from aws_research_wizard.client import profiles
from aws_research_wizard.client.calls import Calls
from tests.integration.local import Cloud
from tools.hub import Cell, HubError, Person, wait_for

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
OWN, NEW, FIELD = "genomics-python", "climate_modeling-python", "climate_modeling"
BOB = "bob@university.edu"
LONG = """
import os, pathlib, time
pathlib.Path("begun").write_text("")
for line in range(10_000):
    if os.path.exists("enough"):
        break
    print(line, os.getpid(), flush=True)
    time.sleep(0.2)
print("ended", line)
"""
WARMING = """
import numpy as np, xarray as xr
years = xr.DataArray(np.arange(2000, 2020), dims="year")
print("trend", round(float((14 + 0.02 * (years - 2000)).diff("year").mean()), 3))
"""


def second(lab_id: str) -> Person:
    """Another person, who is let into the lab."""
    known = profiles.current()
    with Calls(known.url, known.token) as admin:
        admin.put_person({"email": BOB, "role": "member", "teams": ["default"]})
        admin.add_user(lab_id, BOB, "member")
        token = admin.create_token({"label": "test"}, person=BOB)["token"]
    with Calls(known.url, token) as bob:
        return wait_for("the second person at the hub", lambda: _signed_in(bob, lab_id))


def _signed_in(calls: Calls, lab_id: str) -> Person | None:
    """The machine hears of new people with its next beat."""
    try:
        return Person.by_link(calls.login(lab_id)["url"])
    except HubError:
        return None


@contextmanager
def at_work(person: Person, kernel: str) -> Iterator[Future[Cell]]:
    """A cell that goes on until somebody says that it is enough."""
    with ThreadPoolExecutor(1) as aside:
        cell = aside.submit(person.run, kernel, LONG, 300)
        try:
            wait_for("the long cell", lambda: True if "begun" in person.listing("") else None)
            yield cell
        finally:
            person.write("enough", "")


def born(person: Person) -> Any:
    """When somebody's server started."""
    return person.http.get(f"{person.server}/api/status").raise_for_status().json()["started"]


def test_a_second_field_comes_while_somebody_computes_and_goes_again(here: Cloud) -> None:
    lab_id = here.wizard("jupyter", "deploy", "--domain", "genomics", "--users", "2")["id"]
    ada = Person.by_link(here.wizard("jupyter", "open", lab_id, "--no-browser")["url"])
    bob = second(lab_id)
    for person in (ada, bob):
        person.start_server()
    started = born(ada), born(bob)
    kernel = ada.start_kernel(OWN)
    assert set(bob.kernels()) == {OWN}
    named = {bob.read(f"examples/{one}")["metadata"]["kernelspec"]["name"] for one in bob.listing("examples")}
    assert named == {OWN}, "no lesson in R where there is no R"

    with at_work(ada, kernel) as cell:
        lab = here.wizard("jupyter", "activate", lab_id, "--domain", FIELD)
        made = {one["name"]: one for one in lab["kernels"]}
        assert (made[NEW]["state"], made[NEW]["pack"]) == ("ready", FIELD)
        assert set(bob.kernels()) == {OWN, NEW}
        assert bob.run(bob.start_kernel(NEW), WARMING).text.split() == ["trend", "0.02"]
        assert {"climate_modeling"} <= set(bob.listing("examples"))
        assert not cell.done(), "the long cell goes on"

    lines = cell.result(60).text.split("\n")
    numbers, pids = zip(*(line.split() for line in lines[:-2]), strict=True)
    assert list(map(int, numbers)) == list(range(len(numbers))), "no line of the other person's cell is missing"
    assert len(set(pids)) == 1, "it ran in one process all along"
    assert lines[-2] == f"ended {len(numbers)}"
    assert (born(ada), born(bob)) == started, "nobody's server started anew"

    status = here.wizard("jupyter", "status", lab_id)
    assert [(one["name"], one["state"]) for one in status["packs"]] == [("genomics", "ready"), (FIELD, "ready")]
    for one in status["kernels"]:
        assert (len(one["lock"]), one["pins"] > 10, one["solved"] > "2026") == (64, True, True), "a lab records the lock it runs"

    theirs = bob.start_kernel(NEW)
    here.wizard("jupyter", "deactivate", lab_id, "--domain", FIELD)
    wait_for("the kernel to be taken back", lambda: True if set(bob.kernels()) == {OWN} else None)
    assert bob.run(theirs, "print(6 * 7)").text.strip() == "42", "a kernel that runs goes on"
    told = [one["name"] for one in here.wizard("jupyter", "events", lab_id) if one["name"].startswith(("Pack", "Kernel"))]
    assert told == ["PackActivated", "KernelReady", "PackDeactivated"]
    for person in (ada, bob):
        person.http.close()
    here.wizard("jupyter", "delete", lab_id, "--yes")
