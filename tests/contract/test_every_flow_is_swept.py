"""Has everything that can break its place in the fault sweep? State machines, tasks, reactions, schedules, streams' consumers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sweep import rows


def test_every_entry_of_the_control_plane_has_its_row() -> None:
    assert rows.missing() == []


def test_no_row_is_left_over() -> None:
    assert rows.stale() == []


def test_what_is_not_swept_says_why() -> None:
    assert all(len(why) > 20 for why in rows.NOT_SWEPT.values())


def test_an_entry_without_a_row_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FUNCTIONS", {name: flows for name, flows in rows.FUNCTIONS.items() if name != "open_lab"})
    assert rows.missing() == ["function open_lab has no row in the sweep"]


def test_a_state_machine_without_a_flow_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known: dict[str, Any] = {name: flows for name, flows in rows.MACHINES.items() if name != "stop_lab"}
    monkeypatch.setattr(rows, "MACHINES", known)
    assert rows.missing() == ["state machine stop_lab has no flow in the sweep"]


def test_a_row_that_promises_too_much_is_named() -> None:
    struck = {"undone": set(rows.FUNCTIONS) - {"undo_lab"}}
    assert rows.unstruck(struck) == ["undo_lab was never struck in undone"]
