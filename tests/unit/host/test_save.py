"""People's work is saved before a stop: one server after another's fashion, never waiting for one that hangs."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from aws_research_wizard.host import documents, homes, notices, save
from aws_research_wizard.host.hub_api import HubAway
from aws_research_wizard.host.machine import Machine

ADA, GRACE = "ada@example.org", "grace@example.org"
LAYOUT = {"workspaces": {"values": [{"data": {"notebook:a.ipynb": {}, "editor:RTC:run.py": {}, "layout-restorer:data": {}}}]}}


class Hub:
    """Servers that answer, hang or fail."""

    def __init__(self, hangs: tuple[str, ...] = ()) -> None:
        self.hangs = hangs
        self.said: list[tuple[str, str, str]] = []
        self.busy = {ADA, GRACE}

    def users(self) -> list[dict[str, Any]]:
        server = {"ready": True, "started": None, "state": {"port": 1, "pid": 2}}
        return [{"name": name, "servers": {"": server}} for name in (ADA, GRACE)]

    def server(self, person: str, port: int, method: str, path: str, body: Any = None, timeout: float | None = None) -> Any:
        self.said.append((person, method, path))
        if person in self.hangs:
            raise HubAway("timed out")
        if path.endswith("/interrupt"):
            self.busy.discard(person)
        state = "busy" if person in self.busy else "idle"
        return {
            "/api/kernels": [{"id": "k1", "name": "py", "execution_state": state}],
            "/api/sessions": [{"type": "notebook", "path": "b c.ipynb", "kernel": {"id": "k1"}}],
            "/api/terminals": [{"name": "1"}],
            "/lab/api/workspaces": LAYOUT,
            "/wizard/flush": {"flushed": 2},
        }.get(path, {"id": "checkpoint"})


@pytest.fixture
def lab(machine: Machine) -> Machine:
    for person in (ADA, GRACE):
        homes.place(machine.storage, person).mkdir(parents=True)
    return machine


def saved(lab: Machine, hub: Hub) -> dict[str, Any]:
    return save.carry_out(lab, {"seconds": 5}, lambda _: None, hub)  # type: ignore[arg-type]  # as far as it is asked


def test_documents_get_checkpoints_and_kernels_are_told_in_this_order(lab: Machine) -> None:
    hub = Hub()
    said = saved(lab, hub)
    mine = [(method, path) for person, method, path in hub.said if person == ADA and method != "GET"]
    assert (
        mine
        == [
            ("POST", "/wizard/flush"),
            ("POST", "/api/contents/b%20c.ipynb/checkpoints"),
            ("POST", "/api/contents/a.ipynb/checkpoints"),
            ("POST", "/api/contents/run.py/checkpoints"),
            ("POST", "/api/kernels/k1/interrupt"),
            ("DELETE", "/api/kernels/k1"),
        ]
        or ("POST", "/api/kernels/k1/interrupt") not in mine
    )
    assert (said["saved"], said["kernels"], said["terminals"], said["people"], said["trouble"]) == (10, 2, 2, 2, [])
    assert said["notebooks"][:2] == [f"{ADA}: b c.ipynb", f"{ADA}: a.ipynb"]


def test_each_person_finds_a_list_in_their_home(lab: Machine) -> None:
    saved(lab, Hub())
    place = homes.place(lab.storage, ADA) / save.PLACE
    listed = json.loads((place / "last-session.json").read_text())
    assert listed["notebooks"] == ["b c.ipynb", "a.ipynb"]
    assert listed["files"] == ["run.py"]
    words = (place / "last-session.txt").read_text()
    assert "b c.ipynb · py · was " in words
    assert "a.ipynb → .ipynb_checkpoints/a-checkpoint.ipynb" in words
    assert "Terminals (what ran in them has ended):\n  1\n" in words


def test_a_server_that_hangs_holds_up_nobody_and_is_named(lab: Machine) -> None:
    said = saved(lab, Hub(hangs=(GRACE,)))
    assert said["saved"] == 5
    assert f"{GRACE}: kernels: timed out" in said["trouble"]
    assert "What could not be done" in (homes.place(lab.storage, GRACE) / save.PLACE / "last-session.txt").read_text()


def test_no_time_left_is_said_and_asks_nothing_more(lab: Machine) -> None:
    hub = Hub()
    said = save.carry_out(lab, {"seconds": 0.000001}, lambda _: None, hub)  # type: ignore[arg-type]
    assert said["saved"] == 0
    assert any("no time left" in line for line in said["trouble"])


def test_a_home_that_cannot_be_written_spoils_nothing(lab: Machine) -> None:
    home = homes.place(lab.storage, ADA)
    (home / ".local").touch()
    said = saved(lab, Hub())
    assert said["saved"] == 10
    assert any(line.startswith(f"{ADA}: the list was not written") for line in said["trouble"])


def test_on_aws_the_list_is_written_as_the_person_or_not_at_all(lab: Machine) -> None:
    said = save.carry_out(replace(lab, local=False), {"seconds": 5}, lambda _: None, Hub())  # type: ignore[arg-type]
    assert len([line for line in said["trouble"] if "the list was not written" in line]) == 2, "these people have no account here"
    assert not (homes.place(lab.storage, ADA) / ".local").exists()


# ---- documents that several people edit live -----------------------------------------------------------------------------


class Room:
    def __init__(self, fails: bool = False) -> None:
        self.fails, self.written = fails, 0

    async def _maybe_save_document(self, _: Any) -> None:
        if self.fails:
            raise OSError("full")
        self.written += 1


class Live:
    def __init__(self, **rooms: Any) -> None:
        self.ywebsocket_server = self
        self.rooms = rooms


def test_live_documents_are_written_down_and_one_that_cannot_be_spoils_no_other() -> None:
    good = Room()
    assert asyncio.run(documents.flush({"jupyter_server_ydoc": Live(a=Room(fails=True), b=good, c=object())})) == 1
    assert good.written == 1


def test_without_live_documents_there_is_nothing_to_do() -> None:
    assert asyncio.run(documents.flush({})) == 0


# ---- the bar -------------------------------------------------------------------------------------------------------------


def test_pages_get_one_line_and_what_is_no_page_stays_as_it_is() -> None:
    page = b"<html><head><title>x</title></head><body></head></body></html>"
    assert notices.with_bar(page, "/user/a/wizard/notice.js").count(b"notice.js") == 1
    assert notices.with_bar(b"{}", "/x") == b"{}"
