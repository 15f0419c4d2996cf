from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from aws_research_wizard.host import debian, locked
from aws_research_wizard.host.locked import Pin
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.steps import CommandFailed

OFFERED = """\
r-base-core | 4.2.2-2 | somewhere bookworm/main amd64 Packages
r-cran-irkernel | 1.3.2-1 | somewhere bookworm/main amd64 Packages
r-cran-irkernel | 1.3.2-1 | somewhere bookworm/main Sources
libcurl4 | 7.88-10+deb12u2 | somewhere bookworm/main amd64 Packages
"""
APT = """#!/bin/sh
here=$(dirname "$0"); echo "apt-get $*" >> "$here/calls"
while [ "$1" = -o ]; do shift 2; done
case $1 in
  update) touch "$here/fresh" ;;
  download) shift 2; for pin; do printf '%s' "$pin" > "${pin%%=*}_${pin#*=}_amd64.deb"; done ;;
esac
"""
CACHE = """#!/bin/sh
here=$(dirname "$0"); echo "apt-cache $*" >> "$here/calls"
[ -e "$here/stale" ] && [ ! -e "$here/fresh" ] || cat "$here/offered"
"""
QUERY = """#!/bin/sh
printf 'installed libc6\\nconfig-files r-base-core\\n'
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/lib/R/bin" "$3/usr/bin" "$3/etc/R"
printf '#!/bin/sh\\nR_HOME_DIR=/usr/lib/R\\n' > "$3/usr/lib/R/bin/R"
ln -sf /etc/R/repositories "$3/usr/lib/R/repositories"; touch "$3/etc/R/repositories"
"""


def digest(name: str, version: str) -> str:
    return hashlib.sha256(f"{name}={version}".encode()).hexdigest()


def lock(*pins: tuple[str, str]) -> str:
    return "# solved\n" + "".join(f"{name}={version} sha256:{digest(name, version)}\n" for name, version in pins)


WHOLE = lock(("libc6", "2.36"), ("r-base-core", "4.2.2-2"), ("r-cran-irkernel", "1.3.2-1"))


pytestmark = pytest.mark.usefixtures("nothing_here")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Debian that only plays: a package's file holds its name and version. It takes `-o` words first, as apt does."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name, text in {"apt-get": APT, "apt-cache": CACHE, "dpkg-query": QUERY, "dpkg": DPKG}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "offered").write_text(OFFERED)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(debian.time, "sleep", lambda _: None)
    return folder


@pytest.fixture
def laptop(machine: Machine, tmp_path: Path) -> Machine:
    return replace(machine, cache=tmp_path / "cache")


def provide(machine: Machine, text: str, tmp_path: Path) -> debian.Tools:
    (tmp_path / "lock").write_text(text)
    return locked.provide(machine, tmp_path / "lock", tmp_path / "log")


def test_what_the_system_lacks_is_unpacked_beside_it_once(programs: Path, laptop: Machine, tmp_path: Path) -> None:
    tools = provide(laptop, WHOLE, tmp_path)
    assert tools.detail == "2 packages unpacked beside this system"
    assert tools.place is not None
    assert (tools.place / "usr/lib/R/bin/R").read_text() == f"#!/bin/sh\nR_HOME_DIR={tools.place}/usr/lib/R\n"
    assert (tools.place / "usr/lib/R/repositories").resolve() == tools.place / "etc/R/repositories"
    assert provide(laptop, WHOLE, tmp_path) == tools
    calls = (programs / "calls").read_text().splitlines()
    assert len([call for call in calls if "download" in call]) == 1
    assert "libc6" not in calls[-1]
    assert not any("install" in call for call in calls)


def test_aws_installs_the_very_files_that_were_compared(programs: Path, machine: Machine, tmp_path: Path) -> None:
    tools = provide(replace(machine, local=False), WHOLE, tmp_path)
    assert (tools.detail, tools.place) == ("2 packages installed", None)
    install = (programs / "calls").read_text().splitlines()[-1]
    assert "/r-base-core_4.2.2-2_amd64.deb" in install
    assert "r-base-core=" not in install


def test_file_that_is_not_the_locked_one_is_refused(programs: Path, laptop: Machine, tmp_path: Path) -> None:
    text = WHOLE.replace(digest("r-base-core", "4.2.2-2"), "0" * 64)
    with pytest.raises(CommandFailed, match=r"r-base-core 4\.2\.2-2: what was fetched is not what the lock names"):
        provide(laptop, text, tmp_path)
    assert not list((laptop.cache or tmp_path).glob("debian/locked-*[!k]")), "nothing half made"


def test_security_fix_that_took_a_pins_place_is_told(programs: Path, laptop: Machine, tmp_path: Path) -> None:
    text = lock(("libcurl4", "7.88-10+deb12u1"), ("r-base-core", "4.2.2-2"))
    said = "2 packages unpacked beside this system, 1 newer than locked: libcurl4 7.88-10+deb12u2"
    assert provide(laptop, text, tmp_path).detail == said
    assert provide(laptop, text, tmp_path).detail == said, "also when it is there already"


def test_r_package_of_another_release_is_refused(programs: Path, laptop: Machine, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"r-base-core 4\.1\.9-1 is locked and no longer offered, only 4\.2\.2-2"):
        provide(laptop, lock(("r-base-core", "4.1.9-1")), tmp_path)


def test_system_that_offers_no_such_package_says_so(programs: Path, laptop: Machine, tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"libicu72 72\.1-3 is locked, and this system's Debian offers no libicu72"):
        provide(laptop, lock(("libicu72", "72.1-3")), tmp_path)


def test_old_lists_are_refreshed_in_a_copy_of_our_own(programs: Path, laptop: Machine, tmp_path: Path) -> None:
    (programs / "stale").touch()
    provide(laptop, WHOLE, tmp_path)
    calls = (programs / "calls").read_text().splitlines()
    updates = [call for call in calls if call.endswith("update -q")]
    assert updates == [f"apt-get -o Dir::State::lists={laptop.cache}/debian/lists "
                       "-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= update -q"]  # fmt: skip
    assert all("Dir::State::lists" in call for call in calls if "download" in call)


def test_system_without_debians_packages_says_so(laptop: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommandFailed, match="Debian's packages are not to be had on this system: dpkg-query is not installed"):
        provide(laptop, WHOLE, tmp_path)


@pytest.mark.parametrize(
    ("version", "release"),
    [("1.3.2-1", "1.3.2"), ("1:1.6-0+dfsg-1", "1.6-0+dfsg"), ("1.0-9+dfsg-1+b1", "1.0-9+dfsg"), ("2025b", "2025b")],
)
def test_release_is_the_version_without_debians_counting(version: str, release: str) -> None:
    assert locked.release(version) == release


def test_many_newer_ones_are_counted() -> None:
    pins = [Pin(f"lib{number}", "1-1", "0" * 64) for number in range(5)]
    assert locked.choose(pins, {pin.name: ["1-2", "1-1"] for pin in pins}) == dict.fromkeys(pins, "1-1")
    assert locked._told("5 packages", [f"lib{number} 1-2" for number in range(5)]).endswith(
        "5 newer than locked: lib0 1-2, lib1 1-2, lib2 1-2 and 2 more"
    )
