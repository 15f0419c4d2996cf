"""Kernels that come beside people's work: what is lacking, what became of it, and what people find of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import examples, files, fitting, kernels
from aws_research_wizard.host import orders as wanted
from aws_research_wizard.host.fitting import Fitter
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel, Orders
from aws_research_wizard.host.work import Piece, WorkFailed
from tests.unit.host.conftest import order_sheet

OWN = order_sheet()["kernels"][0]
MORE = {**OWN, "name": "climate-python", "asked": "p-1", "required": False, "lock": "packs/climate.txt"}


class Bench:
    """A machine whose kernels are made by nobody: `fails` says of which names why."""

    def __init__(self, machine: Machine, boot: str = "boot-1") -> None:
        self.machine, self.tried, self.fails = machine, list[str](), dict[str, str]()
        self.steps: list[tuple[str, str, str]] = []
        self.fitter = Fitter(machine, boot, self.do, lambda name, state, _, detail: self.steps.append((name, state, detail)))

    def do(self, piece: Piece, _: Any) -> Mapping[str, Any]:
        name = str(piece.order["kernel"]["name"])
        self.tried.append(name)
        if name in self.fails:
            raise WorkFailed(self.fails[name])
        files.write(self.machine.jupyter / "share/jupyter/kernels" / name / "kernel.json", "{}")
        return {"how": "installed"}

    def order(self, *sheets: Mapping[str, Any], **more: Any) -> None:
        wanted.save(self.machine.state, Orders.parse(order_sheet(kernels=list(sheets), **more)))

    def fit(self) -> list[str]:
        """What was tried in one go."""
        self.tried.clear()
        self.fitter.fit()
        return list(self.tried)

    def states(self) -> dict[str, str]:
        return {one["name"]: one["state"] for one in self.fitter.told()}


@pytest.fixture
def bench(machine: Machine) -> Bench:
    """Its boot has made the lab's own kernel."""
    made = Bench(machine)
    made.do(Piece("", "kernel", {"kernel": OWN}), None)
    fitting.note(machine, Kernel.parse(OWN), "boot-1")
    kernels.note_release(machine)
    return made


def test_what_is_lacking_is_made_once_and_told(bench: Bench) -> None:
    bench.order(OWN, MORE)
    assert bench.fit() == ["climate-python"]
    assert bench.fit() == []
    assert bench.states() == {"base-python": "ready", "climate-python": "ready"}
    assert bench.steps == [("install kernel climate-python", "done", "installed")]


def test_nothing_is_done_while_the_boot_makes_the_labs_own(machine: Machine) -> None:
    bench = Bench(machine)
    bench.order(OWN, MORE)
    assert bench.fit() == []


def test_a_kernel_that_cannot_be_made_is_told_and_tried_again_only_when_asked_anew_or_at_the_next_boot(bench: Bench) -> None:
    bench.fails["climate-python"] = "no space left"
    bench.order(OWN, MORE)
    assert [bench.fit(), bench.fit()] == [["climate-python"], []]
    [told] = [one for one in bench.fitter.told() if one["name"] == "climate-python"]
    assert (told["state"], told["cause"], told["asked"]) == ("failed", "no space left", "p-1")
    bench.order(OWN, {**MORE, "asked": "p-2"})
    assert bench.fit() == ["climate-python"]
    later = Bench(bench.machine, "boot-2")
    assert later.fit() == ["climate-python"]
    assert later.states()["climate-python"] == "ready"


def test_a_full_disk_makes_nobody_try_over_and_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.fails["climate-python"] = "no space left"
    bench.order(OWN, MORE)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fitting.files, "write_json", full)
    assert [bench.fit(), bench.fit()] == [["climate-python"], []]
    assert bench.states()["climate-python"] == "failed"


def test_what_was_half_made_by_somebody_who_was_ended_is_removed_once_it_is_old(machine: Machine) -> None:
    left = machine.opt / "kernels/.climate-python.x1"
    files.write(left / "env/bin/python", "")
    made = left.stat().st_mtime
    fitting.clear_leftovers(machine, made + 60)
    assert left.exists()
    fitting.clear_leftovers(machine, made + fitting.LEFTOVER_SECONDS + 1)
    assert not left.exists()


def test_a_kernel_that_nobody_wants_loses_its_registration_and_nothing_else(bench: Bench) -> None:
    environment = bench.machine.opt / "kernels/climate-python/bin/python"
    files.write(environment, "people run this")
    bench.order(OWN, MORE)
    bench.fit()
    bench.order(OWN)
    bench.fit()
    assert kernels.registered(bench.machine) == ["base-python"]
    assert environment.exists()
    assert bench.states() == {"base-python": "ready"}


def test_orders_that_changed_meanwhile_are_followed_before_anything_else_is_made(bench: Bench) -> None:
    second = {**MORE, "name": "ocean-python"}
    bench.order(OWN, MORE, second)
    make = bench.fitter.do

    def do(piece: Piece, tell: Any) -> Mapping[str, Any]:
        bench.order(OWN)
        return make(piece, tell)

    bench.fitter.do = do
    assert bench.fit() == ["climate-python"]
    assert kernels.registered(bench.machine) == ["base-python"]


def test_another_release_makes_every_kernel_anew_and_tells_of_its_lock(bench: Bench, tmp_path: Path) -> None:
    bench.order(OWN, MORE)
    bench.fit()
    place = tmp_path / "bundle-next"
    files.write(
        place / "packs/climate.txt", "# solved 2026-11-23 for python 3.11 on x86, asked 00\nxarray==1 \\\n    --hash=sha256:00\n"
    )
    later = Bench(replace(bench.machine, bundle=place))
    assert later.fit() == ["base-python", "climate-python"]
    [told] = [one for one in later.fitter.told() if one["name"] == "climate-python"]
    assert (told["solved"], told["pins"], len(told["lock"])) == ("2026-11-23", 1, 64)


def test_a_release_without_the_pack_says_so(machine: Machine) -> None:
    with pytest.raises(
        WorkFailed, match=r"which this lab runs, does not have packs/climate.txt: bring the lab to the newest release"
    ):
        fitting.carry_out(machine, {"kernel": MORE}, lambda _: None)


# ---- notebooks ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def notebooks(machine: Machine) -> Path:
    place = machine.bundle / "domain_packs/climate/notebooks"
    files.write(place / "one.ipynb", "{}")
    files.write(place / "data/rain.csv", "1")
    return place


def homes(machine: Machine, *names: str) -> list[Path]:
    made = [machine.storage / "homes" / name for name in names]
    for home in made:
        home.mkdir(parents=True)
    return made


def active(*packs: str, **more: Any) -> Orders:
    return Orders.parse(order_sheet(packs=["base", *packs], **more))


@pytest.mark.usefixtures("notebooks")
def test_notebooks_of_a_pack_come_into_every_home_in_a_folder_of_their_own(machine: Machine) -> None:
    ada, bob = homes(machine, "ada@example.org", "bob@example.org")
    examples.offer(machine, active("climate"))
    assert (ada / "examples/climate/one.ipynb").read_text() == "{}"
    assert (bob / "examples/climate/data/rain.csv").read_text() == "1"
    assert [one.name for one in examples.root(machine).iterdir()] == ["climate"]
    examples.offer(machine, active())
    assert (ada / "examples/climate/one.ipynb").exists(), "what people have stays theirs"
    assert list(examples.root(machine).iterdir()) == []


@pytest.mark.usefixtures("notebooks")
def test_what_a_person_has_is_never_written_over_nor_written_through(machine: Machine, tmp_path: Path) -> None:
    ada, eve = homes(machine, "ada@example.org", "eve@example.org")
    files.write(ada / "examples/climate/one.ipynb", "mine")
    (tmp_path / "secret").mkdir()
    (eve / "examples").symlink_to(tmp_path / "secret")
    examples.offer(machine, active("climate"))
    assert (ada / "examples/climate/one.ipynb").read_text() == "mine"
    assert (ada / "examples/climate/data/rain.csv").exists()
    assert list((tmp_path / "secret").iterdir()) == []


def test_a_kernel_that_comes_later_brings_its_notebooks_and_nothing_that_a_person_removed(bench: Bench) -> None:
    machine, kernel = bench.machine, '{"metadata": {"kernelspec": {"name": "%s"}}}'
    own = machine.bundle / "domain_packs/base/notebooks"
    files.write(own / "in-python.ipynb", kernel % OWN["name"])
    files.write(own / "in-r.ipynb", kernel % "base-r")
    [ada] = homes(machine, "ada@example.org")
    bench.order(OWN)
    bench.fit()
    assert [one.name for one in (ada / "examples").iterdir()] == ["in-python.ipynb"]
    (ada / "examples/in-python.ipynb").unlink()
    bench.order(OWN, {**MORE, "name": "base-r", "language": "r"})
    bench.fit()
    assert [one.name for one in (ada / "examples").iterdir()] == ["in-r.ipynb"]


@pytest.mark.usefixtures("notebooks")
def test_nobody_gets_notebooks_where_none_are_wanted(machine: Machine) -> None:
    [ada] = homes(machine, "ada@example.org")
    examples.offer(machine, active("climate", examples=False))
    assert not (ada / "examples").exists()


def test_a_name_that_leads_elsewhere_is_no_pack(machine: Machine) -> None:
    assert Orders.parse(order_sheet(packs=["base", "../../etc", "climate_modeling"])).packs == ("base", "climate_modeling")
    assert json.dumps(order_sheet())
