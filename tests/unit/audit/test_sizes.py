"""A fact that says what changed still costs what one cost before: two write units, at most 1 KB, where a budget counts."""

from __future__ import annotations

from typing import Any

from tests.unit.labs.conftest import ADA, Stage, place, stage


def size(item: dict[str, Any]) -> int:
    """An item's size as DynamoDB counts it: names and values in UTF-8; a number about half its digits, never more."""
    return sum(len(name.encode()) + len(str(next(iter(value.values()))).encode()) for name, value in item.items())


def test_the_facts_of_a_labs_life_stay_under_1_kb(stage: Stage) -> None:
    lab_id = stage.ready(name="Variant calling, autumn course")
    stage.as_(ADA).post(f"/labs/{lab_id}/users", {"email": "katherine.johnson@mathematics.university.edu", "role": "member"})
    stage.asked(lab_id, "scale", users=12)
    stage.asked(lab_id, "stop")
    stage.run()
    stage.deleted(lab_id)
    facts = {one["name"]["S"]: size(one) for one in stage.tables("facts") if one["sk"]["S"].startswith("FACT#")}
    assert {"LabRequested", "LabReady", "LabUserAdded", "LabScaled", "LabStopping", "LabDeleted"} <= set(facts)
    assert {name: bytes_ for name, bytes_ in facts.items() if bytes_ > 1024} == {}
    assert facts["LabRequested"] < 960, "room for a longer address and agent"


__all__ = ["place", "stage"]
