"""What the doctor says, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from aws_research_wizard.local import doctor
from aws_research_wizard.local.home import Home


def test_an_old_python_is_named_with_a_remedy() -> None:
    found = doctor.python((3, 9))
    assert not found.ok
    assert "3.9" in found.message
    assert found.remedy


def test_a_missing_program_is_named_with_a_remedy() -> None:
    found = doctor.program("no-such-program-here", "apt install it")
    assert (found.ok, found.remedy) == (False, "apt install it")


def test_what_is_optional_never_counts_as_a_fault() -> None:
    found = doctor.optional("no-such-program-here", "only for x", "apt install it")
    assert found.ok
    assert "only for x" in found.message


def test_a_full_disk_is_told_with_what_is_lacking(tmp_path: Path) -> None:
    found = doctor.space(Home.at(tmp_path / "new"), lambda _: 1.5)
    assert not found.ok
    assert "1.5 GB" in found.message
    assert "AWR_HOME" in found.remedy


def test_a_port_in_use_is_no_fault(tmp_path: Path) -> None:
    found = doctor.ports(Home.at(tmp_path), lambda port: port != 4566)
    assert found.ok
    assert "4566 in use" in found.message


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    found = doctor.writable(Home.at(tmp_path / "x"))
    assert not found.ok
    assert "Permission denied" in found.message


def test_no_network_is_words_not_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "uv"
    fake.write_text("#!/bin/sh\necho '  ╰─▶ dns error: no such host' >&2\nexit 2\n")
    fake.chmod(0o755)
    monkeypatch.setattr("aws_research_wizard.local.machine.find_uv", lambda: str(fake))
    found = doctor.package_index()
    assert not found.ok
    assert found.message.endswith("dns error: no such host")
    assert "UV_DEFAULT_INDEX" in found.remedy


def test_a_half_dead_cloud_is_recognised(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    from aws_research_wizard.local.processes import Known, note

    note(home, "emulator", Known(2**22 - 1, 1.0))
    found = doctor.cloud_state(home)
    assert not found.ok
    assert "emulator is dead" in found.message


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def breaks() -> doctor.Finding:
        raise ValueError("odd")

    monkeypatch.setattr(doctor, "uv", breaks)
    monkeypatch.setattr(doctor, "package_index", lambda: doctor.Finding("packages", True, ""))
    found = {one.name: one for one in doctor.checks(tmp_path)}
    assert not found["uv"].ok
    assert "odd" in found["uv"].message
    assert found["python"].ok
