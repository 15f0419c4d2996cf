"""Julia's servers are played by a file; what is rendered, checked and registered is real."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import julia, kernels
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import LeftOut

KERNEL = Kernel(
    "g-julia", "Genomics Research (Julia 1.11)", "julia", "1.11", "packs/jl.txt", resources={"cpus": 2}, env={"A": "b"}
)
PROGRAM = """#!/bin/sh
echo "$JULIA_DEPOT_PATH $*" >> {calls}
for word; do case $word in
  --project=*) project=${{word#--project=}} ;;
  *IJulia*) printf '{home}' ;;
  *resolve*) echo 'solved = true' > "$project/Manifest.toml" ;;
esac; done
"""
SHEET = """# to be solved on the first bake, written 2026-11-29 for julia 1.11 on x86_64-linux-gnu, asked 0
[julia]
version = "1.11.6"
sha256 = "{sha256}"

[deps]
IJulia = "7073ff75-c697-5162-941a-fcdaad2a7d2a"

[compat]
IJulia = "1"
julia = "1.11"
"""
MANIFEST = "\n[manifest]\ntext = '''\njulia_version = \"1.11.6\"\n'''\n"


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An official release, and the hash by which it is known."""
    home = tmp_path / "IJulia"
    (home / "src").mkdir(parents=True)
    (home / "src/kernel.jl").touch()
    (home / "deps").mkdir()
    (home / "deps/logo-64x64.png").write_bytes(b"a picture")
    program = PROGRAM.format(calls=tmp_path / "calls", home=home).encode()
    with tarfile.open(tmp_path / "julia.tar.gz", "w:gz") as packed:
        member = tarfile.TarInfo("julia-1.11.6/bin/julia")
        member.size, member.mode = len(program), 0o755
        packed.addfile(member, io.BytesIO(program))
    monkeypatch.setattr(julia, "SOURCE", (tmp_path / "julia.tar.gz").as_uri())
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return hashlib.sha256((tmp_path / "julia.tar.gz").read_bytes()).hexdigest()


def install(machine: Machine, text: str) -> str:
    (machine.bundle / "packs").mkdir(exist_ok=True)
    (machine.bundle / "packs/jl.txt").write_text(text)
    return kernels.install(machine, KERNEL)


def spec(machine: Machine) -> dict[str, Any]:
    return dict(json.loads((machine.kernel_specs / "g-julia/kernel.json").read_text()))


def test_kernel_is_made_of_the_release_and_solved_on_the_first_machine(machine: Machine, released: str, tmp_path: Path) -> None:
    assert install(machine, SHEET.format(sha256=released)) == "installed, its versions solved here"
    place, depot = machine.opt / "kernels/g-julia", machine.opt / "julia/depot"
    assert (place / "Manifest.toml").read_text() == "solved = true\n"
    assert (place / "Project.toml").read_text() == (
        '[deps]\nIJulia = "7073ff75-c697-5162-941a-fcdaad2a7d2a"\n\n[compat]\nIJulia = "1"\njulia = "1.11"\n'
    )
    written = spec(machine)
    program = str(machine.opt / "julia/julia-1.11.6/bin/julia")
    assert written["argv"][5:] == [
        program, "-i", "--color=yes", f"--project={place}", f"{tmp_path}/IJulia/src/kernel.jl", "{connection_file}",
    ]  # fmt: skip
    own = {"JULIA_DEPOT_PATH": f"${{HOME}}/.julia:{depot}:", "JULIA_PROJECT": str(place), "JULIA_NUM_THREADS": "2", "A": "b"}
    assert written["env"] == own | kernels.places(machine)
    assert (written["language"], written["metadata"]["resources"]) == ("julia", {"cpus": 2})
    assert (machine.kernel_specs / "g-julia/logo-64x64.png").is_file()
    assert install(machine, SHEET.format(sha256=released)) == "kept"


def test_lock_with_a_manifest_gives_exactly_that(machine: Machine, released: str, tmp_path: Path) -> None:
    assert install(machine, SHEET.format(sha256=released) + MANIFEST) == "installed"
    assert (machine.opt / "kernels/g-julia/Manifest.toml").read_text() == 'julia_version = "1.11.6"\n'
    assert "Pkg.resolve" not in (tmp_path / "calls").read_text()


def test_another_lock_gets_a_place_beside_what_people_use(machine: Machine, released: str) -> None:
    install(machine, SHEET.format(sha256=released))
    before = (machine.opt / "kernels/g-julia/Project.toml").read_text()
    assert install(machine, SHEET.format(sha256=released).replace('IJulia = "1"', 'IJulia = "1.26"')) != "kept"
    assert (machine.opt / "kernels/g-julia/Project.toml").read_text() == before
    [now] = [word for word in spec(machine)["argv"] if word.startswith("--project=")]
    assert 'IJulia = "1.26"' in Path(now.removeprefix("--project="), "Project.toml").read_text()


def test_release_that_is_not_the_locked_one_is_left_out(machine: Machine, released: str) -> None:
    with pytest.raises(LeftOut, match="Julia could not be fetched: what came is not what the lock names"):
        install(machine, SHEET.format(sha256="0" * 64))
    assert not (machine.opt / "julia/julia-1.11.6").exists()
    assert kernels.registered(machine) == []


def test_laptop_without_julia_goes_on_without_the_kernel(machine: Machine, released: str, tmp_path: Path) -> None:
    (tmp_path / "julia.tar.gz").unlink()
    with pytest.raises(LeftOut, match="Julia could not be fetched: "):
        install(machine, SHEET.format(sha256=released))
    assert kernels.registered(machine) == []


def test_julia_of_a_laptop_is_taken_when_it_is_of_that_release(
    machine: Machine, released: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    text = (
        PROGRAM.format(calls=tmp_path / "calls", home=tmp_path / "IJulia") + "[ $1 != --version ] || echo julia version 1.11.2\n"
    )
    (tmp_path / "bin/julia").write_text(text)
    (tmp_path / "bin/julia").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    assert install(machine, SHEET.format(sha256=released)) == "installed, its versions solved here"
    assert spec(machine)["argv"][5] == str(tmp_path / "bin/julia")
