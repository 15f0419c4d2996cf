"""A lab on storage that is really full: a small file system of its own, mounted where nobody else sees it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.browser import Browser
from tests.fakes.world import Box, World
from tests.integration.test_host_hub import KERNEL, LEAD, MEMBER, orders

pytestmark = pytest.mark.local_cloud

MOUNT = (
    'while [ "$1" ]; do mkdir -p "$1"; mount -t tmpfs -o "$2" wizard "$1" || exit 9; shift 2; done; echo mounted; exec sleep 3600'
)
APART = ["unshare", "--user", "--map-root-user", "--mount"]


def can_mount() -> bool:
    words = [*APART, "sh", "-c", "mount -t tmpfs -o size=1m wizard /mnt"]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


if not can_mount():
    pytest.skip("a file system of its own takes user namespaces, and this system gives none", allow_module_level=True)


class Small(Box):
    """A machine, some of whose folders are small file systems: path below its folder → mount options."""

    def __init__(self, world: World, home: Path, cache: Path, small: dict[str, str]) -> None:
        super().__init__(world, home, cache)
        places = [word for path, options in small.items() for word in (str(home / path), options)]
        self.keeper = subprocess.Popen([*APART, "sh", "-c", MOUNT, "mount", *places], stdout=subprocess.PIPE)
        assert self.keeper.stdout
        assert self.keeper.stdout.readline() == b"mounted\n"
        self.within = ["nsenter", "--user", "--mount", "--preserve-credentials", "--target", str(self.keeper.pid), "--"]

    def end(self) -> None:
        """Stop the machine and take its disks away."""
        self.stop()
        self.keeper.kill()
        self.keeper.communicate()

    def env(self) -> dict[str, str]:
        scratch = self.root / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        return {**super().env(), "TMPDIR": str(scratch)}

    def seen(self, path: str) -> Path:
        """A folder of the machine as its processes see it."""
        return Path(f"/proc/{self.keeper.pid}/root{self.home / path}")

    def remount(self, path: str, options: str) -> None:
        """Change how a folder is mounted."""
        subprocess.run([*self.within, "mount", "-o", f"remount,{options}", str(self.home / path)], check=True)


def fill(file: Path) -> None:
    """Write until nothing more can be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb", buffering=0) as target, pytest.raises(OSError, match="No space left"):
        all(target.write(bytes(65536)) for _ in range(1 << 20))


def crowd(folder: Path) -> None:
    """Make files until there can be no more."""
    folder.mkdir()
    with pytest.raises(OSError, match="No space left"):
        all((folder / str(number)).touch() is None for number in range(5000))


def eventually(holds: Callable[[], Any], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def world(bundle: Path) -> Iterator[World]:
    played = World(orders(), bundle)
    yield played
    played.close()


@pytest.fixture(scope="module")
def box(world: World, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    small = {f"efs/homes/{LEAD}": "size=24m,nr_inodes=2000,mode=700", "machine/var/lib/wizard": "size=160m,mode=755"}
    machine = Small(world, tmp_path_factory.mktemp("box"), cache, small)
    machine.start()
    try:
        world.wait("ready", 180)
        yield machine
    finally:
        machine.end()


@pytest.fixture
def browser(box: Small, world: World) -> Iterator[Browser]:
    visitor = Browser(box.address)
    assert visitor.login(world.ticket(LEAD, "lead")).status_code == 302
    yield visitor
    ended(visitor)
    visitor.close()


def ended(browser: Browser) -> None:
    browser.hub("DELETE", f"/users/{LEAD}/server")
    eventually(lambda: not browser.hub("GET", f"/users/{LEAD}").json()["servers"])


def found(browser: Browser) -> dict[str, Any]:
    answer: dict[str, Any] = eventually(lambda: (seen := browser.server("GET", "/rescue/found").json())["over"] and seen)
    return answer


def test_full_home_starts_in_rescue_mode_is_cleaned_up_and_starts_as_ever(box: Small, browser: Browser) -> None:
    home = box.seen(f"efs/homes/{LEAD}")
    browser.start(LEAD)
    assert browser.server("GET", "/rescue").status_code == 404, "there is room: an ordinary start"
    assert (
        browser.server("PUT", "/api/contents/mine.txt", json={"type": "file", "format": "text", "content": "x"}).status_code
        == 201
    )
    (home / "data").mkdir()
    (home / "data/results.bin").write_bytes(bytes(9 << 20))
    fill(home / "old/run.log")
    ended(browser)

    browser.start(LEAD)
    page = browser.server("GET", "/rescue")
    assert (page.status_code, "Rescue mode: your home is full." in page.text) == (200, True)
    assert browser.http.get(f"/user/{LEAD}/", follow_redirects=True).url.path == f"/user/{LEAD}/rescue"
    seen = found(browser)
    assert [one["path"] for one in seen["files"][:2]] == ["old/run.log", "data/results.bin"]
    assert {"old", "data"} <= {one["path"] for one in seen["folders"]}
    assert seen["free"] < 1 << 20
    assert browser.server("GET", "/lab").status_code == 200
    code = "import os; print(6 * 7, open('mine.txt').read(), os.environ['JUPYTER_DATA_DIR'].endswith('rescue/data'))"
    assert browser.run(browser.kernel(KERNEL), code).strip() == "42 x True"
    assert browser.server("POST", "/rescue/leave", json={}).json() == {"room": False, "lack": "space"}

    assert browser.server("DELETE", "/api/contents/data").status_code == 204, "the file browser removes a full folder"
    assert not (home / "data").exists()
    assert not list(home.rglob("*Trash*"))
    assert found(browser)["free"] > 8 << 20, "and its room is free at once"
    log = next(one for one in found(browser)["files"] if one["path"] == "old/run.log")
    things = [{"place": "home", "key": log["key"]}, {"place": "home", "key": b"../../shared".hex()}]
    failed = browser.server("POST", "/rescue/remove", json={"things": things}).json()["failed"]
    assert [one["why"] for one in failed] == ["that is no place in here"]
    assert not (home / "old/run.log").exists()
    assert browser.server("POST", "/rescue/leave", json={}).json()["room"] is True
    eventually(lambda: not browser.hub("GET", f"/users/{LEAD}").json()["servers"])

    browser.start(LEAD)
    assert browser.server("GET", "/rescue").status_code == 404, "an ordinary start again"
    assert (home / "mine.txt").read_text() == "x"
    assert not list((box.root / "run/wizard/servers").rglob("rescue"))


def test_home_with_too_many_files_starts_in_rescue_mode_too(box: Small, browser: Browser) -> None:
    home = box.seen(f"efs/homes/{LEAD}")
    crowd(home / "many")
    browser.start(LEAD)
    assert "Rescue mode: your home holds as many files as it can." in browser.server("GET", "/rescue").text
    assert max(found(browser)["folders"], key=lambda one: one["items"])["path"] == "many"
    things = [{"place": "home", "key": b"many".hex()}]
    assert browser.server("POST", "/rescue/remove", json={"things": things}).json()["failed"] == []
    assert browser.server("POST", "/rescue/leave", json={}).json()["room"] is True
    eventually(lambda: not browser.hub("GET", f"/users/{LEAD}").json()["servers"])


def test_page_is_for_its_person_alone(box: Small, browser: Browser, world: World) -> None:
    fill(box.seen(f"efs/homes/{LEAD}") / "large")
    browser.start(LEAD)
    other = Browser(box.address)
    try:
        assert other.http.get(f"/user/{LEAD}/rescue").status_code in (302, 403)
        assert other.login(world.ticket(MEMBER)).status_code == 302
        assert other.http.get(f"/user/{LEAD}/rescue/found", follow_redirects=True).status_code in (403, 404)
        forged = browser.http.post(f"/user/{LEAD}/rescue/remove", json={"things": []})
        assert forged.status_code == 403, "a page of another site cannot remove anything"
    finally:
        other.close()
        (box.seen(f"efs/homes/{LEAD}") / "large").unlink()


def test_machine_whose_disk_is_full_lets_people_in_and_boots_again(box: Small, world: World) -> None:
    state = box.seen("machine/var/lib/wizard")
    assert (state / "reserve").stat().st_size == 32 << 20
    fill(state / "junk")
    eventually(lambda: not (state / "reserve").exists())
    visitor = Browser(box.address)
    try:
        assert visitor.login(world.ticket(LEAD, "lead")).status_code == 302
        visitor.start(LEAD)
        assert visitor.server("GET", "/lab").status_code == 200
        (state / "junk").unlink()
        eventually(lambda: (state / "reserve").exists())
        told = len(world.of("ready"))
        box.stop()
        fill(state / "junk")
        box.start()
        eventually(lambda: len(world.of("ready")) > told, 120)
        assert not (state / "reserve").exists()
        assert visitor.login(world.ticket(LEAD, "lead")).status_code == 302
        visitor.start(LEAD)
        ended(visitor)
    finally:
        visitor.close()
        (state / "junk").unlink()
    eventually(lambda: (state / "reserve").exists())


def test_home_that_cannot_be_written_to_starts_in_rescue_mode(box: Small, browser: Browser) -> None:
    (box.seen(f"efs/homes/{LEAD}") / "mine.txt").write_text("x")
    box.remount(f"efs/homes/{LEAD}", "ro")
    try:
        browser.start(LEAD)
        assert "Rescue mode: your home cannot be written to." in browser.server("GET", "/rescue").text
        assert browser.run(browser.kernel(KERNEL), "print(open('mine.txt').read())").strip() == "x"
    finally:
        box.remount(f"efs/homes/{LEAD}", "rw")
