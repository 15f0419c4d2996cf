"""apt is played; what it is asked and what becomes of its answer is real."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from aws_research_wizard.host.locked import Apt
from aws_research_wizard.host.steps import CommandFailed
from aws_research_wizard.packs import debian, locks, solving
from tests.unit.packs.test_locks import r_kernel

SIMULATED = """\
Inst libc6 (2.36-9 Debian:12/oldstable [amd64]) []
Inst r-cran-irkernel (1.3.2-1 Debian:12/oldstable [all])
Conf libc6 (2.36-9 Debian:12/oldstable [amd64])
"""
MADISON = """\
 libc6 | 2.36-9 | somewhere bookworm/main amd64 Packages
 libc6 | 2.36-8 | somewhere bookworm/main amd64 Packages
 r-cran-irkernel | 1.3.2-1 | somewhere bookworm/main amd64 Packages
"""
DIGESTS = {"libc6=2.36-9": "a" * 64, "libc6=2.36-8": "b" * 64, "r-cran-irkernel=1.3.2-1": "c" * 64}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Sequence[str]]:
    seen: list[Sequence[str]] = []

    def run(_: Apt, words: Sequence[str], here: Path | None = None) -> str:
        seen.append(words)
        if words[0] == "apt-get":
            if "r-cran-nowhere" in words:
                raise CommandFailed("E: Unable to locate package r-cran-nowhere", [])
            return SIMULATED
        if words[1] == "madison":
            return MADISON
        return "\n\n".join(
            f"Package: {pin.partition('=')[0]}\nVersion: {pin.partition('=')[2]}\nDescription: c: d\nSHA256: {DIGESTS[pin]}\n"
            for pin in words[2:]
        )

    monkeypatch.setattr(Apt, "run", run)
    monkeypatch.setattr(debian, "_apt", lambda: Apt(tmp_path / "log", tmp_path / "lists"))
    monkeypatch.setattr(debian, "_empty", lambda: tmp_path / "status")
    return seen


def solve(old: str | None = None, upgrade: bool = False, *packages: str) -> str:
    return solving.solve(r_kernel("r-cran-irkernel", *packages), old, upgrade, date(2026, 11, 29))


def test_lock_holds_all_that_a_bare_system_lacks_and_names_no_host(asked: list[Sequence[str]], tmp_path: Path) -> None:
    text = solve()
    assert text.startswith("# solved 2026-11-29 for r 4.2 on debian-12-amd64, asked ")
    assert text.splitlines()[1:] == [f"libc6=2.36-9 sha256:{'a' * 64}", f"r-cran-irkernel=1.3.2-1 sha256:{'c' * 64}"]
    assert locks.findings(r_kernel("r-cran-irkernel"), text) == []
    assert f"Dir::State::status={tmp_path / 'status'}" in asked[0], "as if nothing were installed"
    assert "://" not in text


@pytest.mark.parametrize(("upgrade", "version"), [(False, "2.36-8"), (True, "2.36-9")])
def test_pin_stays_while_debian_offers_it_unless_all_are_to_move(asked: list[Sequence[str]], upgrade: bool, version: str) -> None:
    old = f"# old\nlibc6=2.36-8 sha256:{'b' * 64}\n"
    assert f"\nlibc6={version} " in solve(old, upgrade)


def test_pin_that_is_gone_moves(asked: list[Sequence[str]]) -> None:
    assert "\nlibc6=2.36-9 " in solve(f"# old\nlibc6=2.36-1 sha256:{'b' * 64}\n")


@pytest.mark.parametrize(
    ("packages", "said"),
    [
        (("r-cran-nowhere",), "Unable to locate package r-cran-nowhere"),
        (("ggplot2 >= 3",), "'ggplot2 >= 3' is no Debian package"),
    ],
)
def test_what_apt_cannot_solve_is_told_in_its_words(asked: list[Sequence[str]], packages: tuple[str, ...], said: str) -> None:
    with pytest.raises(solving.Unsolvable, match=said):
        solve(None, False, *packages)


def test_kernel_that_could_not_talk_to_jupyter_is_refused(asked: list[Sequence[str]]) -> None:
    with pytest.raises(CommandFailed, match="an R kernel needs r-cran-irkernel among its packages"):
        debian.solve(r_kernel("r-cran-ggplot2"), None, False)
