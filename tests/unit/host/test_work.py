from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import files, piece, work
from aws_research_wizard.host.control_plane import Away, Refused
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.work import Desk, Piece, Rhythm, Tell, WorkFailed

ORDERED = {"id": "b-1", "kind": "backup", "order": {"bucket": "b"}}


class Door:
    """A control plane that takes, misses or refuses what it is told."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str, dict[str, Any], str]] = []
        self.answer: Callable[[str, str], Exception | None] = lambda *_: None

    def work(self, work_id: str, state: str, report: Mapping[str, Any], cause: str) -> None:
        refusal = self.answer(work_id, state)
        self.said.append((work_id, state, dict(report), cause))
        if refusal:
            raise refusal

    def of(self, state: str) -> list[str]:
        return [work_id for work_id, said, _, _ in self.said if said == state]


class Hands:
    """Does pieces in this process, and counts them."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.how: Callable[[Piece, Tell], Mapping[str, Any]] = lambda *_: {"files": 1}

    def __call__(self, piece: Piece, tell: Tell) -> Mapping[str, Any]:
        self.did.append(piece.id)
        return self.how(piece, tell)


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
def hands() -> Hands:
    return Hands()


def serve(desk: Desk, until: Callable[[], bool]) -> None:
    """Let the desk work until something holds."""
    stop = threading.Event()
    worker = threading.Thread(target=desk.run, args=(stop, 0.01), daemon=True)
    worker.start()
    end = time.monotonic() + 10
    while not until():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)
    stop.set()
    worker.join(10)


def test_ordered_piece_is_done_and_told_once(tmp_path: Path, door: Door, hands: Hands) -> None:
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED, ORDERED])
    serve(desk, lambda: bool(door.of("done")))
    desk.deliver()
    assert hands.did == ["b-1"]
    assert [said[1:3] for said in door.said] == [("running", {}), ("done", {"files": 1})]


def test_result_is_told_until_it_is_taken_also_by_a_new_agent(tmp_path: Path, door: Door, hands: Hands) -> None:
    door.answer = lambda *_: Away("503")
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: len(door.of("done")) >= 3)
    door.answer = lambda *_: None
    again = Desk(tmp_path, door, hands)
    again.deliver()
    told = len(door.of("done"))
    again.deliver()
    assert (len(door.of("done")), hands.did) == (told, ["b-1"])


def test_piece_ordered_again_after_its_end_is_told_again_and_not_done_again(tmp_path: Path, door: Door, hands: Hands) -> None:
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: bool(door.of("done")))
    desk.follow([ORDERED])
    serve(desk, lambda: len(door.of("done")) == 2)
    assert hands.did == ["b-1"]


def test_agent_started_again_in_the_middle_starts_the_piece_again(tmp_path: Path, door: Door, hands: Hands) -> None:
    def killed(*_: object) -> Mapping[str, Any]:
        raise SystemExit

    hands.how = killed
    first = Desk(tmp_path, door, hands)
    first.follow([ORDERED])
    with pytest.raises(SystemExit):
        first.run(threading.Event(), 0.01)
    hands.how = lambda *_: {"files": 2}
    second = Desk(tmp_path, door, hands)
    second.follow([ORDERED])
    serve(second, lambda: bool(door.of("done")))
    assert hands.did == ["b-1", "b-1"]


def test_piece_nobody_wants_is_not_begun(tmp_path: Path, door: Door, hands: Hands) -> None:
    door.answer = lambda *_: Refused(404, "not_found", "no such work")
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: bool(door.said))
    assert (hands.did, desk.results.untold()) == ([], [])


def test_piece_that_is_called_off_ends_and_is_forgotten(tmp_path: Path, door: Door, hands: Hands) -> None:
    def long(_: Piece, tell: Tell) -> Mapping[str, Any]:
        door.answer = lambda *_: Refused(404, "not_found", "no such work")
        tell({"files": 1})
        raise AssertionError("it was called off")

    hands.how = long
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: len(door.said) == 2)
    assert desk.results.of("b-1") is None


def test_result_nobody_wants_is_forgotten(tmp_path: Path, door: Door, hands: Hands) -> None:
    door.answer = lambda _, state: Refused(404, "not_found", "gone") if state == "done" else None
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: bool(door.of("done")))
    assert files.read_json(tmp_path / "work.json") == {}


@pytest.mark.parametrize(
    ("error", "cause"),
    [(WorkFailed("no room: it needs 3 GB"), "no room: it needs 3 GB"), (KeyError("bucket"), "KeyError: 'bucket'")],
)
def test_failure_is_told_in_its_words(tmp_path: Path, door: Door, hands: Hands, error: Exception, cause: str) -> None:
    def fail(*_: object) -> Mapping[str, Any]:
        raise error

    hands.how = fail
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: bool(door.of("failed")))
    assert door.said[-1] == ("b-1", "failed", {}, cause)


def test_report_that_is_not_understood_becomes_a_failure(tmp_path: Path, door: Door, hands: Hands) -> None:
    door.answer = lambda _, state: Refused(422, "invalid", "report") if state == "done" else None
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: bool(door.of("failed")))
    assert "the report of it was refused" in door.said[-1][3]


def test_old_result_is_told_while_a_long_piece_goes_on(tmp_path: Path, door: Door, hands: Hands) -> None:
    desk = Desk(tmp_path, door, hands)
    desk.results.keep("b-0", work.Result("done", {"files": 7}))

    def long(_: Piece, tell: Tell) -> Mapping[str, Any]:
        tell({"files": 1})
        return {"told": len(door.of("done"))}

    hands.how = long
    desk.follow([ORDERED])
    serve(desk, lambda: len(door.of("done")) == 2)
    assert door.said[-1][2] == {"told": 1}


def test_pieces_are_done_in_the_order_they_came(tmp_path: Path, door: Door, hands: Hands) -> None:
    desk = Desk(tmp_path, door, hands)
    desk.follow([{**ORDERED, "id": f"b-{number}"} for number in range(5)])
    serve(desk, lambda: len(door.of("done")) == 5)
    assert hands.did == [f"b-{number}" for number in range(5)]


def test_results_that_were_taken_are_remembered_for_a_while(tmp_path: Path, door: Door, hands: Hands) -> None:
    desk = Desk(tmp_path, door, hands)
    desk.follow([{**ORDERED, "id": f"b-{number}"} for number in range(work.KEPT + 5)])
    serve(desk, lambda: len(door.of("done")) == work.KEPT + 5)
    assert len(files.read_json(tmp_path / "work.json")) == work.KEPT


def test_full_disk_keeps_no_result_from_being_told(
    tmp_path: Path, door: Door, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "write_json", full)
    desk = Desk(tmp_path, door, hands)
    desk.follow([ORDERED])
    serve(desk, lambda: bool(door.of("done")))


def test_progress_is_told_once_a_minute_and_standstill_ends_a_piece() -> None:
    told: list[Mapping[str, Any]] = []
    now = [0.0]
    rhythm = Rhythm(told.append, lambda: now[0])
    for second in range(0, 130, 10):
        now[0] = second
        rhythm.hear({"files": second})
    assert told == [{"files": 60}, {"files": 120}]
    now[0] = 120 + work.STILL_SECONDS
    rhythm.hear({"files": 120})
    now[0] += 11
    with pytest.raises(WorkFailed, match="moved nothing for 30 minutes"):
        rhythm.hear(None)


KIND = """
import json, os
from aws_research_wizard.host.work import WorkFailed
def carry_out(machine, order, tell):
    tell({"files": 1})
    print("this goes to the log")
    if order.get("fail"):
        raise WorkFailed(order["fail"])
    if order.get("die"):
        os._exit(1)
    return {"lab": machine.lab_id, "nice": os.nice(0), "order": order}
"""


@pytest.fixture
def kind(tmp_path: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process finds the kind `backup` played by a few lines."""
    lines = ("from aws_research_wizard.host import work", "work.KINDS['backup'] = 'played_kind'")
    (tmp_path / "sitecustomize.py").write_text("\n".join((*lines, f"import sys; sys.path.append({str(tmp_path)!r})")))
    (tmp_path / "played_kind.py").write_text(KIND)
    monkeypatch.setattr(piece.commands, "FOREIGN", ())
    root = Path(__file__).resolve().parents[3]
    for name, value in {
        "PYTHONPATH": f"{tmp_path}:{root}",
        "AWR_LAB_ID": machine.lab_id,
        "AWR_STAGE": "dev",
        "AWR_REGION": "us-east-1",
        "AWR_API_URL": "http://127.0.0.1:1",
        "AWR_BUNDLE_DIR": str(machine.bundle),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("kind")
def test_piece_is_done_in_a_process_that_gives_way() -> None:
    report = piece.do(Piece("b-1", "backup", {"name": "n\udce9"}), lambda _: None)
    assert report == {"lab": "base-k3x9", "nice": 19, "order": {"name": "n\udce9"}}


@pytest.mark.usefixtures("kind")
@pytest.mark.parametrize(
    ("ordered", "words"),
    [
        ({"kind": "backup", "order": {"fail": "no room"}}, "^no room$"),
        ({"kind": "backup", "order": {"die": True}}, "ended without a word"),
        ({"kind": "dance", "order": {}}, "knows no work called dance"),
    ],
)
def test_process_that_fails_says_so(ordered: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkFailed, match=words):
        piece.do(Piece.parse({"id": "b-1", **ordered}), lambda _: None)
