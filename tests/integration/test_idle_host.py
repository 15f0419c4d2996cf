"""What a real machine sees of work, whose servers it ends, what it warns of, what it saves, what a cell costs there."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.fakes.browser import Browser
from tests.fakes.world import Box, World
from tests.integration.test_host_hub import KERNEL, LEAD, MEMBER, eventually, orders, pids

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
NEVER = {"auto_shutdown": 0, "minute_seconds": 1}
PRICE = {"hourly": "3600.00", "currency": "USD", "as_of": "2026-11-01"}
SLEEP = {
    "code": "import time; time.sleep(600)",
    "silent": False,
    "store_history": False,
    "user_expressions": {},
    "allow_stdin": False,
}


@pytest.fixture(scope="module")
def box(bundle: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    world = World(orders(idle=NEVER, price=PRICE, capacity=5), bundle)
    machine = Box(world, tmp_path_factory.mktemp("box"), cache)
    machine.start()
    try:
        world.wait("ready", 180)
        yield machine
    finally:
        machine.stop()
        world.close()


@pytest.fixture
def come(box: Box) -> Iterator[Callable[[str], Browser]]:
    """A person with a server; their browser is closed with the test."""
    opened: list[Browser] = []

    def browser(person: str) -> Browser:
        opened.append(Browser(box.address))
        assert opened[-1].login(box.world.ticket(person, "lead" if person == LEAD else "member")).status_code == 302
        opened[-1].start(person)
        return opened[-1]

    yield browser
    for one in opened:
        one.close()


Come = Callable[[str], Browser]


def told(box: Box, person: str) -> dict[str, Any]:
    """What the machine last told of a person's server."""
    beats = box.world.of("heartbeat")
    return next((server for server in (beats[-1]["servers"] if beats else ()) if server["user"] == person), {})


def soon(box: Box, person: str, holds: Callable[[dict[str, Any]], bool], seconds: float = 20) -> dict[str, Any]:
    assert eventually(lambda: bool(told(box, person)) and holds(told(box, person)), seconds), told(box, person)
    return told(box, person)


@contextmanager
def sleeping(browser: Browser, kernel: str) -> Iterator[None]:
    """An open channel to a kernel that sleeps for ten minutes and says nothing."""
    url = f"{browser.address.replace('http', 'ws', 1)}/user/{browser.person}/api/kernels/{kernel}/channels"
    header = {"msg_id": "m1", "username": "", "session": "s1", "msg_type": "execute_request", "version": "5.3"}
    whole = {"header": header, "parent_header": {}, "metadata": {}, "content": SLEEP, "channel": "shell", "buffers": []}
    with connect(url, additional_headers={"Authorization": f"token {browser.token}"}, open_timeout=30, proxy=None) as socket:
        socket.send(json.dumps(whole))
        yield


def test_cell_that_says_nothing_is_busy_and_its_age_grows(box: Box, come: Come) -> None:
    browser = come(LEAD)
    kernel = browser.kernel(KERNEL)
    with sleeping(browser, kernel):
        seen = soon(box, LEAD, lambda one: [row["state"] for row in one["kernels"]] == ["busy"])
        later = soon(box, LEAD, lambda one: one["kernels"][0]["for_s"] >= 4)
        assert later["kernels"][0]["id"] == seen["kernels"][0]["id"] == kernel
        assert later["connections"] == 1
        assert later["memory_mb"] > 50
    numbers = [beat["seq"] for beat in box.world.of("heartbeat") if "seq" in beat]
    assert numbers == sorted(set(numbers))
    browser.server("DELETE", f"/api/kernels/{kernel}")
    soon(box, LEAD, lambda one: one["kernels"] == [])


def test_open_tab_is_no_request_and_a_save_is_one(box: Box, come: Come) -> None:
    browser = come(LEAD)
    browser.server("PUT", "/api/contents/a.txt", json={"type": "file", "format": "text", "content": "a"})
    soon(box, LEAD, lambda one: (one["requests_s"] or 99) < 3)
    for _ in range(30):  # an open tab asks and asks
        for path in ("/api/kernels", "/api/sessions", "/api/contents", "/api/terminals", "/wizard/notice"):
            browser.server("GET", path)
        time.sleep(0.1)
    assert soon(box, LEAD, lambda one: one["requests_s"] >= 3)


def test_terminal_counts_while_something_runs_in_it(box: Box, come: Come) -> None:
    browser = come(LEAD)
    name = browser.server("POST", "/api/terminals", json={}).json()["name"]
    at_prompt = soon(box, LEAD, lambda one: [row["children"] for row in one["terminals"]] == [0])
    assert at_prompt["terminals"][0]["name"] == name
    url = f"{browser.address.replace('http', 'ws', 1)}/user/{LEAD}/terminals/websocket/{name}"
    with connect(url, additional_headers={"Authorization": f"token {browser.token}"}, open_timeout=30, proxy=None) as socket:
        socket.send(json.dumps(["stdin", "python3 -c 'while True: pass'\r"]))
        at_work = soon(box, LEAD, lambda one: bool(one["terminals"]) and (one["terminals"][0]["cpu"] or 0) > 20)
        assert at_work["terminals"][0]["children"] == 1
        socket.send(json.dumps(["stdin", "\x03"]))
        soon(box, LEAD, lambda one: one["terminals"][0]["children"] == 0)
    browser.server("DELETE", f"/api/terminals/{name}")


def test_upload_is_seen_while_it_comes(box: Box, come: Come) -> None:
    browser = come(LEAD)

    def slowly() -> Iterator[bytes]:
        yield b'{"type": "file", "format": "text", "content": "'
        for _ in range(12):
            yield b"x" * 40_000
            time.sleep(0.5)
        yield b'"}'

    seen: list[int] = []

    def watch() -> None:
        while not done:
            seen.append(told(box, LEAD).get("uploads", 0))
            time.sleep(0.2)

    done: list[int] = []
    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = httpx.put(
        f"{box.address}/user/{LEAD}/api/contents/up.txt", content=slowly(), timeout=60, trust_env=False,
        headers={"Authorization": f"token {browser.token}", "Content-Type": "application/json"},
    )  # fmt: skip
    done.append(answer.status_code)
    watcher.join()
    assert done == [201]
    assert max(seen) == 1
    soon(box, LEAD, lambda one: one["uploads"] == 0)


def test_notice_stands_in_the_hub_and_in_jupyterlab_until_it_is_withdrawn(box: Box, come: Come) -> None:
    browser, world = come(LEAD), box.world
    text = "Nobody has worked here for an hour."
    world.orders = orders(
        idle=NEVER, price=PRICE, capacity=5, notice={"kind": "idle_stop", "at": "2026-11-23T19:05:00Z", "in_s": 600, "text": text}
    )
    assert eventually(lambda: "This lab stops at" in browser.http.get("/hub/home").text)
    page = browser.http.get("/hub/home").text
    assert text in page
    assert "<code>aws-research-wizard jupyter extend base-k3x9 --for 2h</code>" in page
    lab = browser.http.get(f"/user/{LEAD}/lab", follow_redirects=True).text
    assert f'<script defer src="/user/{LEAD}/wizard/notice.js"></script></head>' in lab.replace("%40", "@")
    notice = browser.server("GET", "/wizard/notice").json()
    assert (notice["kind"], notice["text"]) == ("idle_stop", text)
    tokens = [one.value for one in browser.http.cookies.jar if one.name == "_xsrf" and one.path.startswith("/user/")]
    seen = browser.http.get(f"/user/{LEAD}/wizard/notice", headers={"X-XSRFToken": tokens[0] or "", "Sec-Fetch-Mode": "cors"})
    assert (seen.status_code, seen.json()["text"]) == (200, text), "as the page itself asks: with cookies"
    assert 500 < notice["in_s"] <= 600
    assert "role" in browser.server("GET", "/wizard/notice.js").text
    world.orders = orders(idle=NEVER, price=PRICE, capacity=5)
    assert eventually(lambda: browser.server("GET", "/wizard/notice").json() is None)
    assert "This lab stops at" not in browser.http.get("/hub/home").text


def test_a_cell_says_what_it_cost_also_while_the_control_plane_is_away(box: Box, come: Come) -> None:
    browser = come(LEAD)
    kernel = browser.kernel(KERNEL)
    box.world.away = True
    printed = browser.run(kernel, "%%cost\nimport time; time.sleep(2); print('hello')")
    box.world.away = False
    assert re.search(r"hello\nCell execution cost: \$[23]\.\d\d \(2 seconds compute\)", printed), printed
    table = browser.run(kernel, "from aws_research_wizard import cost_tracker; print(cost_tracker.summary())")
    assert "at $3600.00 an hour" in table
    browser.server("DELETE", f"/api/kernels/{kernel}")


def test_server_that_nobody_uses_ends_and_one_that_works_stays(box: Box, come: Come) -> None:
    lead, member, world = come(LEAD), come(MEMBER), box.world
    working, forgotten = lead.kernel(KERNEL), member.kernel(KERNEL)
    member.run(forgotten, "1 + 1")
    url = f"{box.address.replace('http', 'ws', 1)}/user/{MEMBER}/api/kernels/{forgotten}/channels"
    headers = {"Authorization": f"token {member.token}"}
    with sleeping(lead, working), connect(url, additional_headers=headers, open_timeout=30, proxy=None):
        soon(box, LEAD, lambda one: [row["state"] for row in one["kernels"]] == ["busy"])
        world.orders = orders(idle={"auto_shutdown": 10, "minute_seconds": 1}, price=PRICE, capacity=5)
        assert eventually(lambda: not lead.hub("GET", f"/users/{MEMBER}").json()["servers"], 90), "a forgotten tab is nobody"
        assert told(box, LEAD)["kernels"][0]["for_s"] > 10
        assert lead.hub("GET", f"/users/{LEAD}").json()["servers"][""]["ready"]
    world.orders = orders(idle=NEVER, price=PRICE, capacity=5)
    log = (box.root / "var/log/wizard/hub.log").read_text()
    assert f"[culler] {MEMBER}: ends: nobody has used it" in log
    assert f"[culler] {LEAD}: stays: a kernel is busy" in log


def test_work_is_saved_before_the_stop_and_there_after_the_start(box: Box, come: Come) -> None:
    browser, world = come(LEAD), box.world
    assert eventually(lambda: len(pids(box, "host.singleuser")) == 1), "the other one has ended"
    for kernel in browser.server("GET", "/api/kernels").json():
        browser.server("DELETE", f"/api/kernels/{kernel['id']}")
    book = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    browser.server("PUT", "/api/contents/open.ipynb", json={"type": "notebook", "format": "json", "content": book})
    asked = {"path": "open.ipynb", "name": "", "type": "notebook", "kernel": {"name": KERNEL}}
    kernel = browser.server("POST", "/api/sessions", json=asked).json()["kernel"]["id"]
    told_at_end = "import atexit; atexit.register(lambda: open('at_exit.txt', 'w').write('written at the end'))"
    browser.run(kernel, told_at_end)
    with sleeping(browser, kernel):
        soon(box, LEAD, lambda one: [row["state"] for row in one["kernels"]] == ["busy"])
        world.orders = orders(idle=NEVER, work=[{"id": "save-1", "kind": "save", "order": {"seconds": 60}}])
        said = world.wait("work", 60, lambda body: body["id"] == "save-1" and body["state"] != "running")
    assert said["state"] == "done", said
    report = said["report"]
    assert (report["kernels"], report["notebooks"], report["trouble"]) == (1, [f"{LEAD}: open.ipynb"], [])
    home = box.home / "efs/homes" / LEAD
    assert (home / "at_exit.txt").read_text() == "written at the end"
    assert (home / ".ipynb_checkpoints/open-checkpoint.ipynb").exists()
    assert pids(box, "ipykernel_launcher") == []
    world.orders = orders(idle=NEVER)
    box.stop()
    box.start()
    assert eventually(lambda: len(world.of("ready")) == 2, 90)
    again = Browser(box.address)
    assert again.login(world.ticket(LEAD, "lead")).status_code == 302
    again.start(LEAD)
    assert again.server("GET", "/api/contents/at_exit.txt").json()["content"] == "written at the end"
    assert len(again.server("GET", "/api/contents/open.ipynb/checkpoints").json()) == 1
    again.close()
    listed = json.loads((home / ".local/share/aws-research-wizard/last-session.json").read_text())
    assert listed["notebooks"] == ["open.ipynb"]
    words = (home / ".local/share/aws-research-wizard/last-session.txt").read_text()
    assert "open.ipynb · base-python · was computing: its cell was interrupted" in words
