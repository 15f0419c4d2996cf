"""Evidence: what counts as a person, since when a kernel is busy, what runs in terminals, what is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.host import ages, gpu, traffic, trees
from aws_research_wizard.host.activity import Watch, busy, quiet_s
from aws_research_wizard.host.ages import Ages, Since
from aws_research_wizard.host.gpu import Gpus
from aws_research_wizard.host.hub_api import HubAway
from aws_research_wizard.host.traffic import Traffic
from aws_research_wizard.host.trees import Forest, Process

ADA = "ada@example.org"
BASE = "/user/ada%40example.org"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


# ---- requests ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        ("GET", "/api/kernels?1", {}, False),
        ("GET", "/api/contents/", {"Sec-Fetch-Mode": "cors"}, False),
        ("GET", "/lab", {"Sec-Fetch-Mode": "navigate"}, True),
        ("GET", "/lab", {}, True),
        ("GET", "/files/large.bin", {}, True),
        ("GET", "/files/a.png", {"Sec-Fetch-Mode": "no-cors"}, False),
        ("GET", "/static/lab/main.js", {"Sec-Fetch-Mode": "no-cors"}, False),
        ("GET", "/wizard/notice", {}, False),
        ("PUT", "/api/contents/a.ipynb", {}, True),
        ("POST", "/api/sessions", {}, True),
        ("PUT", "/lab/api/workspaces/default", {}, False),
        ("PUT", "/lab/api/settings/x", {}, False),
        ("HEAD", "/api/kernels", {}, False),
        ("GET", "/api/kernels/1/channels", {"Upgrade": "websocket"}, False),
        ("GET", "/terminals/websocket/1", {"Upgrade": "WebSocket"}, False),
        ("GET", "/proxy/8501/", {"Sec-Fetch-Mode": "navigate"}, True),
    ],
)
def test_a_person_is_told_from_an_open_tab(method: str, path: str, headers: dict[str, str], expected: bool) -> None:
    assert traffic.caused(method, BASE + path, headers) is expected


def test_what_leads_to_the_hub_is_nobodys_work() -> None:
    assert not traffic.caused("POST", "/hub/api/users/ada/server", {})
    assert traffic.person_of("/hub/home") == ""
    assert traffic.person_of("/user/Ada@example.org/lab") == ADA


def test_upload_counts_while_its_bytes_move(clock: Clock) -> None:
    heard = Traffic(clock)
    passage = heard.begin("PUT", f"{BASE}/api/contents/a", {"Content-Length": "1000000"})
    assert passage
    for _ in range(10):
        clock.now += 100
        heard.moved(passage)
    assert heard.told()[ADA] == {"requests_s": 0, "uploads": 1, "connections": 0}
    clock.now += 121
    assert heard.told()[ADA] == {"requests_s": 121, "uploads": 0, "connections": 0}, "whoever sent it has gone"
    heard.end(passage)
    heard.end(passage)
    clock.now += 5
    assert heard.told()[ADA]["requests_s"] == 5, "its end is heard once"


def test_a_forgotten_socket_is_a_connection_and_no_request(clock: Clock) -> None:
    heard = Traffic(clock)
    url = f"{BASE}/api/kernels/1/channels"
    assert heard.begin("GET", url, {"Upgrade": "websocket"}) is None
    heard.socket(url, 1)
    clock.now += 9000
    assert heard.told()[ADA] == {"requests_s": None, "uploads": 0, "connections": 1}
    heard.socket(url, -1)
    heard.socket(url, -1)
    assert heard.told()[ADA]["connections"] == 0


# ---- ages ----------------------------------------------------------------------------------------------------------------


def test_a_kernel_that_is_busy_and_prints_is_busy_since_it_began() -> None:
    book = Ages(None)
    assert book.note("k", "busy", 100, quiet_s=0) == 0
    assert book.note("k", "busy", 200, quiet_s=1) == 100, "what it prints makes it no younger"
    assert book.note("k", "busy", 18_100, quiet_s=17_900) == 18_000, "nor is it idle when it prints nothing"


def test_an_idle_kernel_that_worked_between_two_looks_is_idle_since_then() -> None:
    book = Ages(None)
    assert book.note("k", "idle", 100, quiet_s=50) == 50
    assert book.note("k", "idle", 130, quiet_s=3) == 3
    assert book.note("k", "idle", 160, quiet_s=33) == 33


def test_unknown_neither_ages_nor_forgets() -> None:
    book = Ages(None)
    book.note("k", "busy", 100, 0)
    assert book.note("k", "unknown", 160) == 60
    assert book.note("k", "busy", 200, 0) == 100
    assert book.note("new", "unknown", 200) == 0


def test_ages_go_on_past_an_agent_that_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "activity.json"
    Ages(path).note("k", "busy", 100, 0)
    again = Ages(path)
    assert again.note("k", "busy", 5000, 0) == 4900
    again.keep([])
    assert Ages(path).note("k", "busy", 5000, 0) == 0


looks = st.lists(
    st.tuples(st.sampled_from(("busy", "idle", "starting", "unknown")), st.floats(0, 100), st.none() | st.floats(0, 1e5)),
    max_size=20,
)


@given(looks)
def test_an_age_is_never_negative_and_grows_no_faster_than_time(seen: list[tuple[str, float, float | None]]) -> None:
    book, now = Ages(None), 1e6
    before: tuple[str, float, float] | None = None
    for state, later, quiet in seen:
        now += later
        age = book.note("k", state, now, quiet)
        assert age >= 0
        if before and before[0] == state == "busy":
            assert age == pytest.approx(before[1] + now - before[2], abs=1e-6), "a busy kernel grows older by the clock"
        elif before and before[0] == state == "idle":
            assert age <= before[1] + now - before[2] + 1e-6
        before = (state, age, now)


@given(st.sampled_from(("busy", "idle")), st.sampled_from(("busy", "idle")), st.floats(0, 50), st.none() | st.floats(0, 200))
def test_a_change_happened_between_the_two_looks(old: str, new: str, later: float, quiet: float | None) -> None:
    seen = ages.follow(Since(old, 900, 1000), new, 1000 + later, quiet)
    assert seen.since <= 1000 + later
    if old != new:
        assert seen.since >= 1000


# ---- processes -----------------------------------------------------------------------------------------------------------


def table(*rows: tuple[int, int, float, bool]) -> list[Process]:
    return [
        Process(pid, parent, born=float(pid), seconds=seconds, bytes=10_000_000, tty=tty) for pid, parent, seconds, tty in rows
    ]


def test_shells_are_told_with_what_runs_in_them(clock: Clock) -> None:
    now: list[Process] = table((10, 1, 0, False), (11, 10, 5, False), (12, 10, 0, True), (13, 12, 0, True))
    forest = Forest(lambda: now, clock, lambda _: ("", ""))
    first = forest.look({ADA: 10})[ADA]
    assert (first.cpu, first.shells[0].children, first.shells[0].cpu, first.memory_mb) == (None, 1, None, 40)
    clock.now += 10
    now = table((10, 1, 0, False), (11, 10, 10, False), (12, 10, 0, True), (13, 12, 7, True))
    then = forest.look({ADA: 10})[ADA]
    assert (then.cpu, then.shells[0].cpu) == (120, 70)
    assert then.pids == {10, 11, 12, 13}


def test_what_was_left_running_counts_while_it_works(clock: Clock) -> None:
    now: list[Process] = table((10, 1, 0, False), (50, 1, 0, False), (51, 50, 0, False))
    forest = Forest(lambda: now, clock, lambda pid: ("i-1", ADA) if pid == 50 else ("", ""))
    forest.look({ADA: 10}, "i-1")
    clock.now += 10
    now = table((10, 1, 0, False), (50, 1, 0, False), (51, 50, 9, False))
    at_work = forest.look({ADA: 10}, "i-1")[ADA]
    assert at_work.loose
    assert (at_work.loose.children, at_work.loose.cpu) == (2, 90)
    clock.now += 10
    assert forest.look({ADA: 10}, "i-1")[ADA].loose is None, "a tmux that only waits keeps nobody's server"
    assert forest.look({ADA: 10}, "i-other")[ADA].loose is None


def test_a_server_that_is_gone_has_no_tree(clock: Clock) -> None:
    assert Forest(lambda: table((1, 0, 0, False)), clock, lambda _: ("", "")).look({ADA: 10}) == {}


def test_the_process_table_is_read() -> None:
    import os

    mine = next(one for one in trees.listed() if one.pid == os.getpid())
    assert mine.seconds > 0
    assert mine.bytes > 1_000_000
    assert trees.whose(1 << 30) == ("", "")


# ---- GPU -----------------------------------------------------------------------------------------------------------------

PMON = """# gpu   pid  type    sm   mem   enc   dec   command
# Idx     #   C/G     %     %     %     %   name
    0   4242     C    87    40     -     -   python
    1      -     -     -     -     -     -   -
"""


def test_gpu_is_asked_of_nvidia_smi_and_not_too_often(clock: Clock) -> None:
    asked: list[str] = []

    def run(words: Any) -> str:
        asked.append(words[1])
        return PMON if words[1] == "pmon" else "87\n3\n"

    seen = Gpus(run, clock)
    seen.look()
    seen.look()
    assert (seen.busy, seen.of([4242, 1]), seen.of([1])) == (87, 87, 0)
    assert asked == [gpu.WHOLE[1], "pmon"]


def test_without_a_gpu_or_with_one_that_does_not_answer_nothing_is_known(clock: Clock) -> None:
    def fails(_: Any) -> str:
        raise OSError("driver")

    broken = Gpus(fails, clock)
    broken.look()
    assert (broken.busy, broken.of([1])) == (None, None)


# ---- all together --------------------------------------------------------------------------------------------------------


class Hub:
    """A hub and one server of it, as they answer."""

    def __init__(self) -> None:
        self.away = self.hangs = False
        self.kernels: list[dict[str, Any]] = []
        self.terminals: list[dict[str, Any]] = []

    def users(self) -> list[dict[str, Any]]:
        if self.away:
            raise HubAway("down")
        server = {"ready": True, "started": "1970-01-01T00:00:00Z", "state": {"port": 5, "pid": 10}}
        return [{"name": ADA, "servers": {"": server}}, {"name": "grace@example.org", "servers": {"": {"ready": False}}}]

    def server(self, person: str, port: int, method: str, path: str, body: Any = None, timeout: float | None = None) -> Any:
        if self.hangs:
            raise HubAway("timed out")
        sessions = [{"path": "a.ipynb", "kernel": {"id": "k1"}}]
        return {"/api/kernels": self.kernels, "/api/sessions": sessions, "/api/terminals": self.terminals}[path]


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def heard() -> dict[str, Any]:
    return {ADA: {"requests_s": 4.0, "uploads": 0, "connections": 1}}


@pytest.fixture
def watch(hub: Hub, heard: dict[str, Any], clock: Clock) -> Watch:
    forest = Forest(lambda: table((10, 1, 0, False), (12, 10, 0, True)), clock, lambda _: ("", ""))
    return Watch(hub, lambda: heard, forest=forest, gpus=Gpus(lambda _: "", clock), clock=clock, wall=clock)


def kernel(state: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "k1",
        "name": "python",
        "execution_state": state,
        "last_activity": "1970-01-01T00:16:40Z",
        "connections": 2,
    } | more


def test_evidence_is_told_in_ages(watch: Watch, hub: Hub, clock: Clock) -> None:
    hub.kernels = [kernel("busy")]
    hub.terminals = [{"name": "1", "last_activity": "1970-01-01T00:16:30Z"}]
    watch.look()
    clock.now += 30
    [server] = watch.look().told(clock.now + 2)
    assert server == {
        "user": ADA, "started_s": 1032, "requests_s": 6, "uploads": 0, "connections": 1, "cpu": 0, "memory_mb": 20, "gpu": None,
        "kernels": [{"id": "k1", "name": "python", "state": "busy", "for_s": 32, "connections": 2, "notebook": "a.ipynb"}],
        "terminals": [{"name": "1", "children": 0, "cpu": 0, "idle_s": 42}],
    }  # fmt: skip


def test_a_server_that_hangs_has_kernels_in_a_state_nobody_knows(watch: Watch, hub: Hub, clock: Clock) -> None:
    hub.kernels = [kernel("busy")]
    watch.look()
    hub.hangs, clock.now = True, clock.now + 60
    [server] = watch.look().told(clock.now)
    assert [(one["id"], one["state"], one["for_s"]) for one in server["kernels"]] == [("k1", "unknown", 60)]
    hub.hangs = False
    assert watch.look().told(clock.now)[0]["kernels"][0]["for_s"] == 60, "and nothing was forgotten"


def test_while_the_hub_is_away_its_last_word_stands(watch: Watch, hub: Hub) -> None:
    watch.look()
    hub.away = True
    assert watch.look().people == {ADA}


def test_a_proxy_that_began_anew_makes_nobody_forgotten(watch: Watch, heard: dict[str, Any], clock: Clock) -> None:
    watch.look()
    heard.clear()
    clock.now += 10
    assert watch.look().told(clock.now)[0]["requests_s"] == 14


@pytest.mark.parametrize(
    ("change", "news"),
    [
        (lambda hub: hub.kernels.append(kernel("idle")), True),
        (lambda hub: hub.terminals.append({"name": "1"}), False),
        (lambda hub: setattr(hub, "hangs", True), False),
        (lambda hub: None, False),
    ],
)
def test_essence_is_what_is_told_at_once(watch: Watch, hub: Hub, change: Any, news: bool) -> None:
    hub.terminals = [{"name": "1"}]
    before = watch.look().essence()
    change(hub)
    hub.terminals = hub.terminals[:1]
    assert (watch.look().essence() != before) is news


def test_busy_and_idle_are_news(watch: Watch, hub: Hub, clock: Clock) -> None:
    hub.kernels = [kernel("idle")]
    idle = watch.look().essence()
    clock.now += 1000
    assert watch.look().essence() == idle, "growing older is none"
    hub.kernels = [kernel("busy")]
    assert watch.look().essence() != idle


def seen(**changed: Any) -> dict[str, Any]:
    server = {"user": ADA, "started_s": 9000, "kernels": [], "terminals": [], "requests_s": None, "uploads": 0, "connections": 1}
    return {**server, "cpu": 1.0, "memory_mb": 100.0, "gpu": None, **changed}


def at(state: str, for_s: float = 5000) -> dict[str, Any]:
    return {"id": "k", "name": "python", "state": state, "for_s": for_s, "connections": 1, "notebook": ""}


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (seen(kernels=[at("busy")]), True),
        (seen(kernels=[at("idle"), at("unknown")]), True),
        (seen(kernels=[at("starting", 20)]), True),
        (seen(kernels=[at("starting", 6000)]), False),
        (seen(terminals=[{"name": "1", "children": 1, "cpu": 0, "idle_s": 9000}]), True),
        (seen(terminals=[{"name": "1", "children": 0, "cpu": 0, "idle_s": 9000}]), False),
        (seen(uploads=1), True),
        (seen(kernels=[at("idle")]), False),
    ],
)
def test_what_keeps_a_server(server: dict[str, Any], expected: bool) -> None:
    assert bool(busy(server)) is expected


def test_the_youngest_sign_of_work_counts() -> None:
    assert quiet_s(seen()) == 9000
    assert quiet_s(seen(requests_s=70, kernels=[at("idle", 300)])) == 70
    assert quiet_s(seen(terminals=[{"name": "1", "children": 0, "cpu": 0, "idle_s": 20}])) == 20
