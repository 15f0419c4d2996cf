from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aws_research_wizard.host import debian
from aws_research_wizard.host.machine import Machine

APT = """#!/bin/sh
here=$(dirname "$0"); echo "apt-get $*" >> "$here/calls"
if [ -e "$here/busy" ]; then rm "$here/busy"; echo "E: Could not get lock /var/lib/apt/lists/lock"; exit 100; fi
case "$*" in
  *--simulate*nowhere*) echo "E: Unable to locate package nowhere"; exit 100 ;;
  *--simulate*) echo "Inst libhts3 (1.16 Debian)"; echo "Inst samtools (1.16 Debian)"; echo "Conf samtools" ;;
  download*) shift 2; for name; do touch "$name.deb"; done ;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/bin" "$3/usr/lib/$(uname -m)-linux-gnu" "$3/usr/lib/samtools"
printf '#!/bin/sh\nDIR=/usr/lib/samtools/bin; . /usr/lib/other/x\n' > "$3/usr/bin/$(basename "$2" .deb)"
"""


pytestmark = pytest.mark.usefixtures("nothing_here")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt and a dpkg that only play."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, text in {"apt-get": APT, "dpkg": DPKG}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(debian.time, "sleep", lambda _: None)
    return folder


def test_laptop_gets_missing_packages_beside_its_system_once(programs: Path, machine: Machine, tmp_path: Path) -> None:
    cached = replace(machine, cache=tmp_path / "cache")
    tools = debian.provide(cached, ["samtools"], tmp_path / "log")
    assert tools.detail == "2 packages unpacked beside this system"
    assert (Path(tools.path[0]) / "samtools").exists()
    assert tools.libraries[0].endswith("-linux-gnu")
    place = Path(tools.path[0]).parents[1]
    assert (place / "usr/bin/samtools").read_text() == f"#!/bin/sh\nDIR={place}/usr/lib/samtools/bin; . /usr/lib/other/x\n"
    assert debian.provide(cached, ["samtools"], tmp_path / "log") == tools
    calls = (programs / "calls").read_text()
    assert (calls.count("download"), calls.count("--simulate")) == (1, 1), "apt is asked once while the host stays as it is"
    assert " install -y" not in calls.replace("--simulate", "")


def test_unknown_package_is_left_out_and_said(programs: Path, machine: Machine, tmp_path: Path) -> None:
    tools = debian.provide(machine, ["nowhere"], tmp_path / "log")
    assert (tools.path, tools.detail) == ((), "nowhere left out: E: Unable to locate package nowhere")


def test_system_without_apt_goes_on_without_tools(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert debian.provide(machine, ["bwa"], tmp_path / "log").detail == "no apt on this system: bwa left out"


def test_machine_of_aws_installs_and_waits_for_whoever_holds_apt(programs: Path, machine: Machine, tmp_path: Path) -> None:
    (programs / "busy").touch()
    tools = debian.provide(replace(machine, local=False), ["bwa", "samtools"], tmp_path / "log")
    assert tools.detail == "2 packages installed"
    calls = (programs / "calls").read_text().splitlines()
    assert [call.split()[3] for call in calls] == ["update", "update", "install"]


def test_nothing_asked_nothing_done(machine: Machine, tmp_path: Path) -> None:
    assert debian.provide(machine, [], tmp_path / "log") == debian.Tools()


def test_an_image_brings_unpacked_tools_to_another_place_without_touching_the_image(
    programs: Path, machine: Machine, tmp_path: Path
) -> None:
    from aws_research_wizard.host.files import link_tree

    at_first = replace(machine, cache=None)
    place = Path(debian.provide(at_first, ["samtools"], tmp_path / "log").path[0]).parents[1]
    (tmp_path / "other/opt/wizard").mkdir(parents=True)
    link_tree(machine.opt / "cache", tmp_path / "other/opt/wizard/cache")
    there = Path(debian.provide(replace(at_first, root=tmp_path / "other"), ["samtools"], tmp_path / "log").path[0])
    assert f"DIR={there.parents[1]}/usr/lib/samtools/bin" in (there / "samtools").read_text()
    assert f"DIR={place}/usr/lib/samtools/bin" in (place / "usr/bin/samtools").read_text()
    assert (programs / "calls").read_text().count("download") == 1


def test_a_system_that_has_the_tools_is_not_asked_to_install_them(programs: Path, machine: Machine, tmp_path: Path) -> None:
    (programs / "dpkg-query").write_text("#!/bin/sh\nfor one; do case $one in -*) ;; *) echo 'ii '; esac; done\n")
    (programs / "dpkg-query").chmod(0o755)
    tools = debian.provide(replace(machine, local=False), ["bwa", "samtools"], tmp_path / "log")
    assert tools.detail == "all on this system already"
    assert not (programs / "calls").exists()
