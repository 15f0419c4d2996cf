"""Which flows are explored? One row each: how the world stands before it, and what somebody then asks for."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import NamedTuple

from tests.fakes.sim import (
    bus,
    packs,
    work,  # noqa: F401 - what machines can do
)
from tests.fakes.sim.builder import spoil
from tests.fakes.sim.bus import Delivery
from tests.fakes.sim.town import ROOT, Town


class Flow(NamedTuple):
    """`before` gives a quiet world and its lab's id; `ask` queues the request that starts the flow.

    `timers`: the functions of which one run by a timer is struck twice, beside what mends labs. The flows that ask for nothing do
    so for all of them, in worlds at rest; in the others, a second fault lands in another delivery.
    """

    name: str
    before: Callable[[Town], str]
    ask: Callable[[Town, str], object]
    timers: Collection[str] = ()


def abandoned(town: Town) -> str:
    """A lab in which nobody has done anything for almost as long as the pack allows."""
    lab_id = ready(town)
    for key, one in town.machines.shelf.items():
        town.machines.shelf.put(key, {**one, "idle": True})
    while max((minutes for _, minutes in town._left()), default=0) > 5:
        town.tick()
    assert town.lab(lab_id)["phase"] == "READY", town.lab(lab_id)
    return lab_id


class Everything(set[str]):
    def __contains__(self, _name: object) -> bool:
        return True


def nothing(_town: Town) -> str:
    return ""


def ready(town: Town) -> str:
    lab_id = town.request(users=2)
    town.quiet()
    assert town.lab(lab_id)["phase"] == "READY", town.lab(lab_id)
    return lab_id


def stopped(town: Town) -> str:
    lab_id = ready(town)
    town.stop(lab_id)
    town.quiet()
    return lab_id


def timed(town: Town) -> str:
    """A lab whose people were told that its timetable stops it in a few minutes."""
    lab_id = ready(town)
    stop = town.now + timedelta(minutes=18)
    answer = town.call("PUT", f"/labs/{lab_id}/hours", {"stop": f"{stop:%H:%M}", "tz": "UTC"})
    assert answer.status == 200, answer.text
    for _ in range(2):
        town.tick()
    assert town.ask_hours(lab_id)["plan"]["told"], town.ask_hours(lab_id)
    return lab_id


def its_hour_comes(town: Town, _lab: str) -> None:
    town._pass(timedelta(minutes=10))


def backed_up(town: Town) -> str:
    lab_id = ready(town)
    town.backup(lab_id)
    town.quiet()
    return lab_id


def newest(town: Town, lab_id: str) -> str:
    """The lab's newest backup."""
    keys = [sk for (pk, sk), _ in town.cloud.shelf("table.labs").items() if pk == f"LAB#{lab_id}" and sk.startswith("BACKUP#")]
    return str(max(keys)).removeprefix("BACKUP#")


def bring_back(town: Town, lab_id: str) -> object:
    return town.ask("POST", f"/labs/{lab_id}/restores", {"backup_id": newest(town, lab_id), "paths": []})


def outdated(town: Town) -> str:
    """A lab whose machine says that it runs the release before."""
    lab_id = ready(town)
    for key, one in town.machines.shelf.items():
        town.machines.shelf.put(key, {**one, "release": "0"})
    town.quiet()
    town.tick()
    assert town.lab(lab_id)["release"] == "0", town.lab(lab_id)
    return lab_id


def full(town: Town) -> str:
    """A lab on whose machine no other kernel finds room."""
    lab_id = ready(town)
    for key, one in town.machines.shelf.items():
        town.machines.shelf.put(key, {**one, "misfit": True})
    return lab_id


def equipped(town: Town) -> str:
    """A lab with a second pack."""
    lab_id = ready(town)
    answer = town.call("POST", f"/labs/{lab_id}/packs", {"pack": "climate_modeling"})
    assert answer.status == 202, answer.text
    town.quiet()
    assert town.lab(lab_id)["packs"] == "climate_modeling", town.lab(lab_id)
    return lab_id


def sold_out(town: Town) -> str:
    """Nobody can have a machine, of whatever type."""
    town.cloud.sold_out = Everything()
    return ""


def damaged(town: Town) -> str:
    """A backup whose manifest is no longer the one that was written: the same lines in other bytes."""
    lab_id = backed_up(town)
    s3 = town.cloud.client("s3")
    bucket, key = next(one for one, _ in s3.at("objects").items() if one[1].endswith("/manifest.jsonl.gz"))
    lines = gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(lines, mtime=1))
    return lab_id


def baked(town: Town) -> str:
    """Two good images of genomics, and a lab that lives on the first."""
    town.bake()
    town.quiet()
    lab_id = ready(town)
    town.bake()
    town.quiet()
    assert [one["state"] for one in town.bakes().values()] == ["READY", "READY"], town.bakes()
    return lab_id


def twice_baked(town: Town) -> str:
    """Two good images that nobody lives on: a third bake retires the first."""
    for _ in range(2):
        town.bake()
        town.quiet()
    return ""


def spoiled(town: Town) -> str:
    """A good image; and from now on a lesson of the pack fails."""
    town.bake()
    town.quiet()
    spoil(town.cloud, "genomics", "lesson")
    return ""


def once_baked(town: Town) -> str:
    town.bake()
    town.quiet()
    return ""


def bake(town: Town, _lab: str) -> object:
    return town.ask("POST", "/images", {"pack": "genomics"}, who=ROOT)


def fired(function: str) -> Callable[[Town, str], object]:
    """A timer goes off, or an operator calls."""
    return lambda town, _lab: bus.queue(town.cloud, Delivery(function, town._timer(function)))


ROWS = (
    Flow("provision", nothing, lambda town, _: town.ask("POST", "/labs", {"domain": "genomics", "users": 2})),
    Flow("undone", sold_out, lambda town, _: town.ask("POST", "/labs", {"domain": "genomics", "users": 2})),
    Flow("hours", timed, its_hour_comes),
    Flow("stop", ready, lambda town, lab: town.ask("POST", f"/labs/{lab}/stop")),
    Flow("idle", abandoned, lambda _town, _lab: None),
    Flow("start", stopped, lambda town, lab: town.ask("POST", f"/labs/{lab}/start")),
    Flow("scale", ready, lambda town, lab: town.ask("POST", f"/labs/{lab}/scale", {"instance_type": "r6i.4xlarge"})),
    Flow("backup", ready, lambda town, lab: town.ask("POST", f"/labs/{lab}/backups", {})),
    Flow("restore", backed_up, bring_back),
    Flow("drill", backed_up, lambda town, lab: town.ask("POST", f"/labs/{lab}/drills")),
    Flow("damaged", damaged, lambda town, lab: town.ask("POST", f"/labs/{lab}/drills")),
    Flow("upgrade", outdated, lambda town, lab: town.ask("POST", f"/labs/{lab}/upgrade")),
    Flow("activate", ready, lambda town, lab: town.ask("POST", f"/labs/{lab}/packs", {"pack": "climate_modeling"})),
    Flow("misfit", full, lambda town, lab: town.ask("POST", f"/labs/{lab}/packs", {"pack": "climate_modeling"})),
    Flow("deactivate", equipped, lambda town, lab: town.ask("DELETE", f"/labs/{lab}/packs/climate_modeling")),
    Flow("bring", packs.nothing_but_files, packs.bring),
    Flow("change", packs.in_use, packs.change),
    Flow("take away", packs.added, packs.take_away),
    Flow("prune", backed_up, fired("prune_backups"), ("prune_backups",)),
    Flow("weekly", backed_up, fired("drill_backups"), ("drill_backups",)),
    Flow("audit", ready, fired("check_audit"), ("check_audit",)),
    Flow("tables", ready, fired("back_up_tables"), ("back_up_tables",)),
    Flow("aggregate", ready, fired("aggregate_costs")),
    Flow("prices", ready, fired("refresh_prices")),
    Flow("migrate", ready, fired("migrate_tables"), ("migrate_tables",)),
    Flow("rest", backed_up, lambda _town, _lab: None, Everything()),
    Flow("sleep", stopped, lambda _town, _lab: None, Everything()),
    Flow("bake", twice_baked, bake),
    Flow("bake that fails", spoiled, bake),
    Flow("baked", once_baked, lambda town, _: town.ask("POST", "/labs", {"domain": "genomics", "users": 2})),
    Flow("in use", baked, bake),
    Flow("rebake", once_baked, fired("rebake_images"), ("rebake_images",)),
    Flow("teardown", ready, lambda town, lab: town.ask("DELETE", f"/labs/{lab}?data=delete")),
)
FLOWS: Mapping[str, Flow] = {flow.name: flow for flow in ROWS}
