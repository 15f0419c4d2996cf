"""Ports, files and the lock of a home."""

from __future__ import annotations

import multiprocessing
import socket
import time
from pathlib import Path

import pytest

from aws_research_wizard.local.home import Busy, Home, any_free_port, choose_ports, is_free, read_json, write_atomically


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    assert choose_ports({"emulator": 4566}, {}, lambda _: True) == {"emulator": 4566}


def test_a_kept_port_wins_over_the_preferred_one() -> None:
    assert choose_ports({"emulator": 4566}, {"emulator": 5000}, lambda _: True) == {"emulator": 5000}


def test_a_port_somebody_else_took_is_chosen_anew_and_never_twice() -> None:
    chosen = choose_ports({"a": 4566, "b": 4566}, {"a": 5000, "b": 5000}, lambda port: port not in {5000, 4566})
    assert len(set(chosen.values())) == 2
    assert not set(chosen.values()) & {5000, 4566}


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert not is_free(port)
    assert any_free_port({port}) != port


def test_half_a_file_is_never_seen(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "state.json"
    write_atomically(target, '{"a": 1}')
    assert read_json(target) == {"a": 1}
    target.write_text('{"a": ')
    assert read_json(target) == {}
    assert list(target.parent.iterdir()) == [target]


def test_what_is_remembered_is_merged(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    home.remember(ports={"emulator": 1})
    home.remember(api_url="u")
    assert Home.at(tmp_path).state() == {"ports": {"emulator": 1}, "api_url": "u"}
    assert home.endpoints() == {"emulator": "http://127.0.0.1:1"}


def hold(root: str, seconds: float) -> None:
    with Home.at(Path(root)).locked():
        time.sleep(seconds)


def test_a_second_command_waits_and_then_says_so(tmp_path: Path) -> None:
    holder = multiprocessing.get_context("spawn").Process(target=hold, args=(str(tmp_path), 1.5))
    holder.start()
    home = Home.at(tmp_path)
    while not (tmp_path / "lock").exists():
        time.sleep(0.02)
    time.sleep(0.1)
    with pytest.raises(Busy), home.locked(wait_seconds=0.1):
        pass
    with home.locked(wait_seconds=10):
        assert home.root == tmp_path
    holder.join()
