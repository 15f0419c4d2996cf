"""A lab's machine, for real: boot script, uv, JupyterHub, JupyterLab, proxy, agent; only what is around it is played."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.exceptions import WebSocketException

from aws_research_wizard.host import processes
from tests.fakes.browser import Browser
from tests.fakes.world import Box, World

pytestmark = pytest.mark.local_cloud

LEAD, MEMBER, VIEWER = "ada@example.org", "grace@example.org", "vera@example.org"
KERNEL = "base-python"
NO_NEWS = re.compile(r'"disabledExtensions": \[[^]]*"@jupyterlab/apputils-extension:announcements"')


def orders(**changed: Any) -> dict[str, Any]:
    kernel = {
        "name": KERNEL, "display_name": "Research (Python 3.11)", "language": "python", "version": "3.11",
        "lock": "domain_packs/base/locks/python-py311-x86_64.txt", "system_packages": [], "env": {"PACK": "base"},
    }  # fmt: skip
    users = [{"email": LEAD, "role": "lead"}, {"email": MEMBER, "role": "member"}, {"email": VIEWER, "role": "viewer"}]
    return {
        "lab_id": "base-k3x9", "phase": "PROVISIONING", "domain": "base", "capacity": 2, "shared_storage_gb": 100, "owner": LEAD,
        "users": users, "kernels": [kernel], "examples": True, "access": {"mode": "local", "host": None},
        "storage": {"file_system_id": "fs-1"}, "heartbeat_seconds": 1, **changed,
    }  # fmt: skip


@pytest.fixture(scope="module")
def box(bundle: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    world = World(orders(), bundle)
    machine = Box(world, tmp_path_factory.mktemp("box"), cache)
    machine.start()
    try:
        world.wait("ready", 180)
        yield machine
    finally:
        machine.stop()
        for pid in machine.processes():  # a test that failed may leave people's servers
            os.kill(pid, signal.SIGKILL)
        world.close()


@pytest.fixture
def visit() -> Iterator[Callable[[Box], Browser]]:
    """A new browser on a machine's hub; closed with the test."""
    opened: list[Browser] = []

    def browser(box: Box) -> Browser:
        opened.append(Browser(box.address))
        return opened[-1]

    yield browser
    for one in opened:
        one.close()


Visit = Callable[[Box], Browser]


def signed_in(visit: Visit, box: Box, person: str = LEAD, role: str = "lead") -> Browser:
    browser = visit(box)
    assert browser.login(box.world.ticket(person, role)).status_code == 302
    return browser


def test_machine_becomes_a_lab_and_runs_a_cell(box: Box, visit: Visit) -> None:
    ready = box.world.of("ready")[0]
    assert ready["kernels"] == [KERNEL]
    assert {"claim identity", "install hub", "start hub", f"install kernel {KERNEL}"} <= {step["name"] for step in ready["steps"]}
    browser = signed_in(visit, box)
    browser.start(LEAD)
    specs = browser.server("GET", "/api/kernelspecs").json()["kernelspecs"]
    assert list(specs) == [KERNEL]
    kernel = browser.kernel(KERNEL)
    code = (
        "import os, sys; print(6 * 7, os.environ['PACK'], sys.prefix.endswith('kernels/base-python'), os.path.realpath('shared'))"
    )
    assert browser.run(kernel, code).strip() == f"42 base True {box.home / 'efs/shared'}"
    names = {file["name"] for file in browser.server("GET", "/api/contents/examples").json()["content"]}
    assert any(name.endswith(".ipynb") for name in names)


def test_link_leads_a_browser_to_jupyterlab(box: Box, visit: Visit) -> None:
    browser = visit(box)
    seen = browser.http.get("/hub/login", params={"ticket": box.world.ticket(LEAD, "lead")}, follow_redirects=True)
    assert (seen.status_code, seen.url.path) == (200, f"/user/{LEAD}/lab")
    assert "<title>JupyterLab</title>" in seen.text
    assert NO_NEWS.search(seen.text), "nobody is asked about news"
    assert not [one for one in (seen, *seen.history[1:]) if "ticket=" in str(one.url)], "a used ticket goes no further"
    assert browser.http.get(f"/user/{LEAD}/lab/api/settings").status_code == 200
    with browser.http.stream("GET", f"/hub/api/users/{LEAD}/server/progress") as progress:
        assert "100" in next(progress.iter_lines())


def test_heartbeat_tells_of_servers_and_kernels(box: Box) -> None:
    beat = box.world.wait("heartbeat", 20, lambda body: any(server["kernels"] for server in body["servers"]))
    [server] = beat["servers"]
    assert server["user"] == LEAD
    assert server["kernels"][0]["name"] == KERNEL
    assert 0 <= beat["memory"] <= 100


def test_logs_are_shipped_to_the_labs_stream_without_secrets(box: Box) -> None:
    stream = ("/aws-research-wizard-local/labs", "base-k3x9")
    assert eventually(lambda: any(line.startswith("hub: ") for line in box.world.logged.get(stream, ())))
    text = "\n".join(box.world.logged[stream])
    assert "eyJ" not in text
    assert box.world.token not in text


def test_ticket_opens_once_and_the_page_says_so(box: Box, visit: Visit) -> None:
    ticket = box.world.ticket(MEMBER)
    assert visit(box).login(ticket).status_code == 302
    again = visit(box).login(ticket)
    assert again.status_code == 403
    assert "used already" in again.text


def test_no_ticket_shows_how_to_get_one(box: Box) -> None:
    page = httpx.get(f"{box.address}/hub/login", trust_env=False)
    assert page.status_code == 200
    assert "aws-research-wizard jupyter open base-k3x9" in page.text


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"exp": int(time.time()) - 600}, "too old"),
        ({"lab": "other-aaaa"}, "not for this lab"),
        ({"role": "viewer", "email": VIEWER}, "look, not work"),
    ],
)
def test_wrong_ticket_is_refused_in_words(box: Box, visit: Visit, claims: dict[str, Any], words: str) -> None:
    email = claims.pop("email", MEMBER)
    page = visit(box).login(box.world.ticket(email, **claims))
    assert page.status_code == 403
    assert words in page.text


def pids(box: Box, words: str) -> list[int]:
    """The machine's live processes whose command holds `words`."""
    return [process.pid for process in processes.ours(box.instance_id) if words in " ".join(process.words)]


def eventually(holds: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def test_crashed_hub_comes_back_and_interrupts_nobody(box: Box, visit: Visit) -> None:
    browser = signed_in(visit, box)
    browser.start(LEAD)
    kernel = browser.kernel(KERNEL)
    browser.run(kernel, "x = 41")
    [hub] = pids(box, "-m jupyterhub -f")
    [server] = pids(box, "host.singleuser")
    os.kill(hub, signal.SIGKILL)
    assert browser.run(kernel, "print(x + 1)").strip() == "42"
    assert eventually(lambda: pids(box, "-m jupyterhub -f") not in ([], [hub]))
    assert eventually(lambda: browser.hub("GET", "/user").status_code == 200)
    assert browser.hub("GET", f"/users/{LEAD}").json()["servers"][""]["ready"]
    assert pids(box, "host.singleuser") == [server]


def test_kernel_whose_server_died_is_reaped(box: Box, visit: Visit) -> None:
    browser = signed_in(visit, box)
    browser.start(LEAD)
    browser.run(browser.kernel(KERNEL), "import subprocess; subprocess.Popen(['sleep', '987'], start_new_session=True)")
    [server] = pids(box, "host.singleuser")
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: not pids(box, "ipykernel_launcher"))
    [sleeper] = pids(box, "sleep 987")  # what a person left running on purpose is let be
    os.kill(sleeper, signal.SIGTERM)
    assert eventually(lambda: not browser.hub("GET", f"/users/{LEAD}").json()["servers"]), "and the hub knows that it died"


def test_kernel_that_cannot_start_says_why_in_the_notebook(box: Box, visit: Visit) -> None:
    spec = box.root / "opt/wizard/jupyter/share/jupyter/kernels" / KERNEL / "kernel.json"
    written = spec.read_text()
    spec.write_text(written.replace("ipykernel_launcher", "ipykernel_gone"))
    try:
        browser = signed_in(visit, box)
        browser.start(LEAD)
        kernel = browser.kernel(KERNEL)
        for _ in range(2):
            said = browser.run(kernel, "1 + 1")
            assert "Research (Python 3.11) did not start: " in said
            assert "No module named ipykernel_gone" in said
        assert browser.server("DELETE", f"/api/kernels/{kernel}").status_code == 204
        assert eventually(lambda: not pids(box, "ipykernel_gone")), "the stand-in goes, too"
    finally:
        spec.write_text(written)


def test_orders_are_followed_without_a_restart(box: Box, visit: Visit) -> None:
    world = box.world
    lead, member = signed_in(visit, box), signed_in(visit, box, MEMBER, "member")
    world.orders = orders(capacity=1)
    assert eventually(lambda: '"capacity": 1' in (box.root / "var/lib/wizard/orders.json").read_text())
    lead.start(LEAD)
    hub = pids(box, "-m jupyterhub -f")
    assert eventually(lambda: member.hub("POST", f"/users/{MEMBER}/server", json={}).status_code == 429, 15)
    world.orders = orders(
        capacity=3, kernels=[*orders()["kernels"], {**orders()["kernels"][0], "name": "second-python", "display_name": "Second"}]
    )
    assert eventually(lambda: "second-python" in lead.server("GET", "/api/kernelspecs").json()["kernelspecs"])
    time.sleep(5)  # the hub looks at the orders again
    member.start(MEMBER)
    old = world.ticket(MEMBER, iat=int(time.time()) - 60)
    world.orders = orders(users=[user for user in orders()["users"] if user["email"] != MEMBER])
    assert eventually(lambda: len(pids(box, "host.singleuser")) == 1)
    assert eventually(lambda: member.hub("GET", "/user").status_code == 403)
    refused = visit(box).login(old)
    assert (refused.status_code, "no longer a member" in refused.text) == (403, True)
    assert "second-python" not in lead.server("GET", "/api/kernelspecs").json()["kernelspecs"]
    assert pids(box, "-m jupyterhub -f") == hub
    world.orders = orders()
    seen = len(world.of("heartbeat"))
    assert eventually(lambda: len(world.of("heartbeat")) > seen + 1), "the orders from before may be under way"
    signed_in(visit, box, MEMBER, "member")  # added again, with a new ticket


def test_lead_sees_servers_and_reaches_into_no_files(box: Box, visit: Visit) -> None:
    lead, member = signed_in(visit, box), signed_in(visit, box, MEMBER, "member")
    lead.start(LEAD)
    member.start(MEMBER)
    listed = {user["name"]: user["servers"] for user in lead.hub("GET", "/users").json()}
    assert listed[MEMBER][""]["ready"]
    assert lead.hub("DELETE", f"/users/{MEMBER}").status_code == 403
    lead.person = MEMBER
    assert lead.server("GET", "/api/contents").status_code == 403
    assert member.hub("GET", f"/users/{LEAD}").status_code in (403, 404)
    assert lead.hub("DELETE", f"/users/{MEMBER}/server").status_code in (202, 204)


def test_large_files_pass_the_door(box: Box, visit: Visit) -> None:
    browser = signed_in(visit, box)
    browser.start(LEAD)
    (box.home / "efs/homes" / LEAD / "large.bin").write_bytes(b"x" * 150_000_000)
    got = browser.server("GET", "/files/large.bin")
    assert (got.status_code, len(got.content)) == (200, 150_000_000)


def test_lab_goes_on_while_the_control_plane_is_away(box: Box, visit: Visit) -> None:
    browser, world = signed_in(visit, box), box.world
    world.away = True
    seen = len(world.of("heartbeat"))
    assert eventually(lambda: len(world.of("heartbeat")) > seen + 1)
    browser.start(LEAD)
    assert browser.run(browser.kernel(KERNEL), "print('still here')").strip() == "still here"
    world.away = False
    seen = len(world.of("heartbeat"))
    assert eventually(lambda: len(world.of("heartbeat")) > seen + 2)


def test_boot_that_is_killed_takes_nobodys_server_with_it(box: Box, visit: Visit) -> None:
    browser = signed_in(visit, box)
    browser.start(LEAD)
    kernel = browser.kernel(KERNEL)
    browser.run(kernel, "x = 41")
    before = pids(box, "host.singleuser")
    assert box.process
    box.process.kill()
    box.process.wait()
    assert eventually(lambda: not pids(box, "aws_research_wizard.host ") and not pids(box, "-m jupyterhub -f")), "its parts end"
    told = len(box.world.of("ready"))
    box.start()
    assert eventually(lambda: len(box.world.of("ready")) > told)
    assert browser.run(kernel, "print(x + 1)").strip() == "42"
    assert pids(box, "host.singleuser") == before


def test_supervisor_that_is_killed_takes_nobodys_server_with_it(box: Box, visit: Visit) -> None:
    browser = signed_in(visit, box)
    browser.start(LEAD)
    kernel = browser.kernel(KERNEL)
    browser.run(kernel, "y = 20")
    before = pids(box, "host.singleuser")
    [supervisor] = pids(box, "aws_research_wizard.host supervise")
    os.kill(supervisor, signal.SIGKILL)

    def another() -> bool:
        box.keep()  # a supervisor that lived for seconds only takes the boot with it
        return any(pid != supervisor for pid in pids(box, "aws_research_wizard.host supervise"))

    assert eventually(another)
    assert eventually(lambda: again_answers(browser, kernel), 40)
    assert pids(box, "host.singleuser") == before
    assert len(pids(box, "aws_research_wizard.host proxy")) == 1


def again_answers(browser: Browser, kernel: str) -> bool:
    """Whether the kernel from before is reached through the new proxy."""
    try:
        return browser.run(kernel, "print(y + 1)").strip() == "21"
    except (httpx.HTTPError, WebSocketException, OSError):
        return False


def test_machine_stops_clean_and_starts_again_with_everything_there(box: Box, visit: Visit) -> None:
    browser, world = signed_in(visit, box), box.world
    browser.start(LEAD)
    browser.run(browser.kernel(KERNEL), "open('kept.txt', 'w').write('mine'); open('examples/notes.txt', 'w').write('too')")
    started = [*box.processes(), *psutil.Process(pids(box, "host.singleuser")[0]).children()]
    assert len(started) >= 6
    told = len(world.of("ready"))
    box.stop()
    assert box.processes() == []
    assert not [
        process for process in psutil.process_iter(["cmdline"]) if str(box.root) in " ".join(process.info["cmdline"] or [])
    ]
    world.away = True
    box.start()
    assert eventually(lambda: len(world.of("ready")) == told + 1, 60), "a hub that starts without its control plane"
    again = visit(box)
    assert again.login(world.ticket(LEAD, "lead")).status_code == 302
    world.away = False
    boots = [ready["boot_id"] for ready in world.of("ready")]
    assert len(world.of("claim")) == 1
    assert boots[0] != boots[-1]
    again.start(LEAD)
    assert (
        again.run(again.kernel(KERNEL), "print(open('kept.txt').read(), open('examples/notes.txt').read())").strip() == "mine too"
    )


def failing(bundle: Path, cache: Path, home: Path, **changed: Any) -> tuple[dict[str, Any], Box]:
    """A machine that cannot become a lab: what it said, and itself at its end."""
    world = World(orders(**changed), bundle)
    machine = Box(world, home, cache)
    machine.start()
    try:
        said = world.wait("failed", 60)
        assert machine.process is not None
        assert machine.process.wait(20) == 3
    finally:
        machine.stop()
        world.close()
    assert machine.processes() == []
    return said, machine


def test_pack_that_cannot_be_installed_says_why(bundle: Path, cache: Path, tmp_path: Path) -> None:
    broken = {**orders()["kernels"][0], "name": "broken", "display_name": "Broken", "lock": "domain_packs/base/locks/none.txt"}
    said, _ = failing(bundle, cache, tmp_path, kernels=[broken])
    assert said["step"] == "install kernel broken"
    assert "the bundle has no lock domain_packs/base/locks/none.txt" in said["cause"]


def test_two_machines_at_once_make_one_environment_each(bundle: Path, cache: Path, tmp_path: Path) -> None:
    worlds = [World(orders(lab_id=f"base-aaa{number}"), bundle) for number in range(2)]
    boxes = [Box(world, tmp_path / str(number), cache) for number, world in enumerate(worlds)]
    try:
        for machine in boxes:
            machine.start()
        for world in worlds:
            assert world.wait("ready", 180)["kernels"] == [KERNEL]
    finally:
        for machine, world in zip(boxes, worlds, strict=True):
            machine.stop()
            world.close()
