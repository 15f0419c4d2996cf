"""Which flow of the sweep strikes which entry of the control plane? One row for each; an entry without one fails the suite.

A flow that is born gets a row in tests/fakes/sim/flows.py, the end that it is to come to here, and its entries their rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

STORIES = Path(__file__).resolve().parents[2] / "state_machines"
LIFE = ("provision", "stop", "start", "scale", "teardown")
WORK = ("backup", "restore", "drill", "damaged", "upgrade")
BAKES = ("bake", "bake that fails", "in use", "rebake")
PACKS = ("activate", "misfit", "deactivate")
OWN_PACKS = ("bring", "change", "take away")
UPKEEP = ("prune", "weekly", "audit", "tables", "migrate", "aggregate", "prices")
ENDS: Mapping[str, tuple[str, ...]] = {  # the phase in which a flow ends when at most one thing goes wrong
    "provision": ("READY",),
    "undone": ("FAILED",),
    "stop": ("STOPPED",),
    "idle": ("STOPPED",),
    "hours": ("STOPPED",),
    "start": ("READY",),
    "scale": ("READY",),
    "teardown": ("DELETED",),
    "sleep": ("STOPPED",),
    "baked": ("READY",),
    "bake": ("READY", "RETIRED"),
    "bake that fails": ("READY", "FAILED"),
    "in use": ("READY", "RETIRED"),
    "rebake": ("READY",),
    **dict.fromkeys((*WORK, *PACKS, *OWN_PACKS, *UPKEEP, "rest"), ("READY",)),
}
MACHINES: Mapping[str, tuple[str, ...]] = {
    "provision_lab": ("provision", "undone"),
    "stop_lab": ("stop", "idle", "hours"),
    "start_lab": ("start",),
    "scale_lab": ("scale",),
    "teardown_lab": ("teardown",),
    "backup_lab": ("backup",),
    "restore_lab": ("restore",),
    "drill_backup": ("drill", "damaged", "weekly"),
    "upgrade_lab": ("upgrade",),
    "bake_image": BAKES,
}
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    # tasks
    "resolve_environment": ("provision",),
    "prepare_storage": ("provision",),
    "launch_machine": ("provision",),
    "await_machine": LIFE,
    "open_lab": ("provision", "start", "scale"),
    "undo_lab": ("undone",),
    "fail_lab": ("undone",),
    "save_work": ("stop", "scale"),
    "stop_machine": ("stop", "scale"),
    "park_lab": ("stop",),
    "start_machine": ("start", "scale"),
    "resize_machine": ("scale",),
    "remove_machine": ("teardown",),
    "remove_resources": ("teardown",),
    "close_lab": ("teardown",),
    "assign_work": ("backup", "restore", "upgrade"),
    "begin_backup": ("backup",),
    "check_backup": ("backup",),
    "copy_backup": ("backup",),
    "finish_backup": ("backup",),
    "fail_backup": ("backup",),
    "begin_restore": ("restore",),
    "bring_over": ("restore",),
    "finish_restore": ("restore",),
    "fail_restore": ("restore",),
    "drill_part": ("drill",),
    "finish_drill": ("drill",),
    "fail_drill": ("damaged",),
    "renew_rights": ("upgrade",),
    "finish_upgrade": ("upgrade",),
    "fail_upgrade": ("upgrade",),
    "migrate_tables": ("migrate",),
    "launch_builder": BAKES,
    "await_builder": BAKES,
    "create_image": ("bake", "rebake"),
    "await_image": ("bake", "rebake"),
    "register_image": ("bake", "rebake"),
    "copy_image": ("bake", "rebake"),
    "retire_images": ("bake", "in use"),
    "undo_bake": ("bake that fails",),
    "fail_bake": ("bake that fails",),
    # reactions and the outbox
    "image_state_changed": ("bake", "in use"),
    "machine_state_changed": (*LIFE, "bake", "bake that fails"),
    "workflow_ended": ("provision",),
    "backup_broke_off": ("backup",),
    "watch_labs": ("provision", "stop", "idle"),
    "publish_facts": (*LIFE, *WORK),
    "record_facts": (*LIFE, *WORK),
    "meter_facts": LIFE,
    # schedules
    "aggregate_costs": ("aggregate",),
    "refresh_prices": ("prices",),
    "reconcile_labs": (*LIFE, *WORK),
    "reconcile_account": (*LIFE, *WORK),
    "nightly_backups": (*LIFE, *WORK),
    "sweep_idle": ("idle",),
    "run_hours": ("hours",),
    "sweep_hours": ("hours",),
    "follow_packs": PACKS,
    "follow_labs": ("provision", "start", "teardown"),
    "prune_backups": ("prune",),
    "drill_backups": ("weekly",),
    "check_audit": ("audit",),
    "back_up_tables": ("tables",),
    "rebake_images": ("rebake",),
}
NOT_SWEPT: Mapping[str, str] = {  # and why not
    "ingest_bill": "reads exports that this world does not have; tests/unit/bills/test_faults.py strikes every call it makes",
    "bootstrap_admin": "an operator's own call, answered or repeated by that operator; it makes one transaction",
    "rebuild_stage": "an operator's own call in an empty region, one step at a time; rehearsed on two emulated regions",
}


def entries() -> Iterator[str]:
    """Every function that is not an HTTP route: tasks, reactions, schedules, consumers of streams."""
    import app

    packaged: Any = app.app
    yield from (one.name for one in (*packaged.pure_lambda_functions, *packaged.event_sources))


def machines() -> list[str]:
    """Every state machine."""
    return sorted(file.name.removesuffix(".asl.json") for file in STORIES.glob("*.asl.json"))


def missing() -> list[str]:
    """What has no row, in words."""
    said = [f"state machine {name} has no flow in the sweep" for name in machines() if not MACHINES.get(name)]
    known = {*FUNCTIONS, *NOT_SWEPT}
    return said + [f"function {name} has no row in the sweep" for name in sorted(set(entries()) - known)]


def stale() -> list[str]:
    """Rows of what is no more."""
    from tests.fakes.sim.flows import FLOWS

    said = [f"row {name}: there is no such function" for name in sorted({*FUNCTIONS, *NOT_SWEPT} - set(entries()))]
    said += [f"row {name}: there is no such state machine" for name in sorted(set(MACHINES) - set(machines()))]
    for name, flows in {**MACHINES, **FUNCTIONS}.items():
        said += [f"row {name}: there is no flow {flow}" for flow in flows if flow not in FLOWS]
    return said + [f"flow {flow} has no end in ENDS" for flow in FLOWS if flow not in ENDS]


def unstruck(struck: Mapping[str, set[str]]) -> list[str]:
    """Rows that promise what the sweep did not do; `struck` is flow → the functions that were struck in it."""
    rows = ((name, flow) for name, flows in FUNCTIONS.items() for flow in flows if flow in struck)
    return [f"{name} was never struck in {flow}" for name, flow in rows if name not in struck[flow]]
