from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from aws_research_wizard.host.environments import COMPILED, Maker
from aws_research_wizard.host.steps import CommandFailed

FAKE_UV = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$1" in
  venv) for place; do :; done; mkdir -p "$place/bin" "$place/lib"; ln -s {python} "$place/bin/python" ;;
  pip) echo "x = 1" > "$(dirname "$4")/../lib/module.py"
    if [ -e "$(dirname "$0")/broken" ]; then echo "error: hash mismatch"; exit 1; fi ;;
esac
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    (folder / "uv").write_text(FAKE_UV.format(python=sys.executable))
    (folder / "uv").chmod(0o755)
    (folder / "lock.txt").write_text("numpy==1 --hash=sha256:0")
    return folder


def maker(tools: Path, cache: Path | None = None) -> Maker:
    return Maker(str(tools / "uv"), "/usr/bin/python3", cache, tools / "log")


def calls(tools: Path) -> int:
    return len((tools / "calls").read_text().splitlines()) if (tools / "calls").exists() else 0


def test_environment_is_installed_once_and_then_kept(tools: Path, tmp_path: Path) -> None:
    place = tmp_path / "m/opt/kernels/one"
    assert maker(tools).make(place, tools / "lock.txt") == "installed"
    before = calls(tools)
    assert maker(tools).make(place, tools / "lock.txt") == "kept"
    assert calls(tools) == before
    assert "--require-hashes" in (tools / "calls").read_text()


def test_other_lock_makes_another_environment(tools: Path, tmp_path: Path) -> None:
    maker(tools).make(tmp_path / "one", tools / "lock.txt")
    (tools / "lock.txt").write_text("numpy==2 --hash=sha256:1")
    assert maker(tools).make(tmp_path / "one", tools / "lock.txt") == "installed"


def test_broken_installation_leaves_nothing_and_says_why(tools: Path, tmp_path: Path) -> None:
    (tools / "broken").touch()
    with pytest.raises(CommandFailed, match="error: hash mismatch"):
        maker(tools).make(tmp_path / "one", tools / "lock.txt")
    assert not (tmp_path / "one").exists()
    (tools / "broken").unlink()
    assert maker(tools).make(tmp_path / "one", tools / "lock.txt") == "installed"


def test_second_machine_links_the_same_files(tools: Path, tmp_path: Path) -> None:
    cached = maker(tools, tmp_path / "cache")
    assert cached.make(tmp_path / "a/env", tools / "lock.txt") == "installed"
    before = calls(tools)
    assert cached.make(tmp_path / "b/env", tools / "lock.txt") == "linked"
    assert calls(tools) == before
    assert (tmp_path / "a/env/lib/module.py").samefile(tmp_path / "b/env/lib/module.py")


def test_machines_that_come_together_install_once(tools: Path, tmp_path: Path) -> None:
    cached, how = maker(tools, tmp_path / "cache"), []
    threads = [
        threading.Thread(target=lambda n=n: how.append(cached.make(tmp_path / f"{n}/env", tools / "lock.txt"))) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(how) == ["installed", "linked", "linked", "linked"]


def test_polished_environment_is_linked_with_its_compiled_files(tools: Path, tmp_path: Path) -> None:
    cached = maker(tools, tmp_path / "cache")
    cached.make(tmp_path / "a/env", tools / "lock.txt")
    cached.polish(tmp_path / "a/env", tools / "lock.txt")
    cached.make(tmp_path / "b/env", tools / "lock.txt")
    assert (tmp_path / "b/env" / COMPILED).exists()
    assert list((tmp_path / "b/env/lib/__pycache__").glob("module.*.pyc"))
    assert not list((tmp_path / "a/env/lib").glob("__pycache__")), "what runs is not touched"


def test_without_a_cache_the_environment_itself_is_polished(tools: Path, tmp_path: Path) -> None:
    maker(tools).make(tmp_path / "env", tools / "lock.txt")
    maker(tools).polish(tmp_path / "env", tools / "lock.txt")
    assert list((tmp_path / "env/lib/__pycache__").glob("module.*.pyc"))
