"""A kernel that is started as Jupyter starts it, by Jupyter's own manager."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager

from aws_research_wizard.host import launch, specs
from aws_research_wizard.host.orders import Kernel

KERNEL = Kernel("toy", "Toy (R 4.2)", "r", "4.2", "")
BROKEN = "import sys; print('loading'); sys.exit('Error in library(toy): there is no package called toy')"
LISTENS = """
import json, signal, socket, sys, time
about = json.load(open(sys.argv[1]))
door = socket.create_server((about["ip"], about["shell_port"]))
signal.signal(signal.SIGINT, lambda *_: open(sys.argv[2] + "/interrupted", "w").close())
open(sys.argv[2] + "/up", "w").close()
time.sleep({sleep}); {end}
"""
Started = Callable[[str], KernelManager]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Started]:
    """Start a toy kernel of this code; it is ended with the test."""
    managers: list[KernelManager] = []

    def started(code: str, program: str = sys.executable) -> KernelManager:
        argv = [program, "-c", code, "{connection_file}", str(tmp_path)]
        specs.write(tmp_path / "kernels", KERNEL, {}, lambda _: {"argv": argv, "language": "R"})
        manager = KernelManager(kernel_name="toy")
        manager.kernel_spec_manager.kernel_dirs = [str(tmp_path / "kernels")]
        manager.connection_file = str(tmp_path / "connection.json")
        manager.start_kernel()
        managers.append(manager)
        return manager

    yield started
    for manager in managers:
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def ran(manager: KernelManager, code: str = "1 + 1") -> dict[str, Any]:
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=20)
        told: list[dict[str, Any]] = []
        reply = client.execute_interactive(code, timeout=20, output_hook=told.append)
        shown = [message["content"] for message in told if message["msg_type"] == "error"]
        return {**reply["content"], "shown": shown}
    finally:
        client.stop_channels()


def eventually(true: Callable[[], object], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def below(manager: KernelManager) -> list[psutil.Process]:
    return psutil.Process(manager.provisioner.pid).children(recursive=True)


def test_kernel_that_does_not_start_says_why_in_every_cell(start: Started) -> None:
    manager = start(BROKEN)
    for _ in range(2):
        answer = ran(manager)
        assert (answer["status"], answer["ename"]) == ("error", "KernelDidNotStart")
        [shown] = answer["shown"]
        assert shown["traceback"][0] == (
            "Toy (R 4.2) did not start: Error in library(toy): there is no package called toy (it ended with status 1)"
        )
        assert "    loading" in shown["traceback"]
    assert manager.is_alive()


def test_restart_tries_again(start: Started, tmp_path: Path) -> None:
    broken = f"import os, sys\nif not os.path.exists({str(tmp_path / 'mended')!r}): sys.exit('Error: broken')\n"
    manager = start(broken + LISTENS.format(sleep=60, end=""))
    assert ran(manager)["status"] == "error"
    (tmp_path / "mended").touch()
    manager.restart_kernel()
    assert eventually((tmp_path / "up").exists)


def test_program_that_is_not_there_is_named(start: Started) -> None:
    manager = start("", program="/nowhere/R")
    assert "No such file or directory: /nowhere/R" in ran(manager)["evalue"]


def test_kernel_that_is_killed_once_it_listened_ends(start: Started) -> None:
    manager = start(LISTENS.format(sleep=2, end="import os; os.kill(os.getpid(), 9)"))
    assert eventually(lambda: not manager.is_alive())


def test_interrupt_reaches_the_kernel_and_not_its_starter(start: Started, tmp_path: Path) -> None:
    manager = start(LISTENS.format(sleep=60, end=""))
    assert eventually((tmp_path / "up").exists)
    manager.interrupt_kernel()
    assert eventually((tmp_path / "interrupted").exists)
    assert manager.is_alive()


def test_killed_starter_takes_its_kernel_along(start: Started, tmp_path: Path) -> None:
    manager = start(LISTENS.format(sleep=60, end=""))
    assert eventually((tmp_path / "up").exists)
    [kernel] = below(manager)
    os.kill(manager.provisioner.pid, signal.SIGKILL)
    assert eventually(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE)


def test_kernel_ends_with_its_server(tmp_path: Path) -> None:
    specs.write(tmp_path / "kernels", KERNEL, {}, lambda _: {"argv": ["x"], "language": "R"})
    (tmp_path / "connection.json").write_text(json.dumps({"ip": "127.0.0.1", "shell_port": 9}))
    words = [sys.executable, str(tmp_path / "kernels/toy/launch.py"), str(tmp_path / "connection.json"), "--"]
    toy = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    server = f"import subprocess; subprocess.Popen({[*words, sys.executable, '-c', toy]!r}).wait()"
    with psutil.Popen([sys.executable, "-c", server]) as parent:
        assert eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        kernel = psutil.Process(int((tmp_path / "pid").read_text()))
        parent.kill()
        assert eventually(lambda: not kernel.is_running())


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (1, b"a\nError: no room\nHalted\n", "Error: no room (it ended with status 1)"),
        (3, b"first\nlast\n", "last (it ended with status 3)"),
        (-9, b"", "it was ended by signal 9"),
    ],
)
def test_reason_is_the_telling_line(status: int, said: bytes, why: str) -> None:
    assert launch.reason(status, said)[0] == why
