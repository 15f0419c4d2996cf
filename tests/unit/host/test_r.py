from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import kernels, locked, r
from aws_research_wizard.host.debian import Tools
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed

KERNEL = Kernel("genomics-r", "Genomics Research (R 4.2)", "r", "4.2", "packs/r.txt", env={"PACK": "g"}, resources={"cpus": 2})
PROGRAM = """#!/bin/sh
echo "4.2.2 $(dirname "$0")/../site-library/IRkernel/kernelspec"
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """R as it lies beside a system, as far as it is looked at."""
    home = tmp_path / "tree/usr/lib/R"
    for folder in ("bin", "etc", "site-library/IRkernel/kernelspec"):
        (home / folder).mkdir(parents=True)
    (home / "bin/R").write_text(PROGRAM)
    (home / "bin/R").chmod(0o755)
    (home / "etc/Renviron.ucf").write_text("PAGER=less\n")
    (home / "etc/Renviron").symlink_to("/etc/R/Renviron")
    (home / "site-library/IRkernel/kernelspec/logo-64x64.png").write_bytes(b"a picture")
    (tmp_path / "tree/usr/share/proj").mkdir(parents=True)
    (tmp_path / "tree/etc/fonts").mkdir(parents=True)
    return tmp_path / "tree"


def spec(machine: Machine) -> dict[str, Any]:
    return dict(json.loads((machine.kernel_specs / "genomics-r/kernel.json").read_text()))


@pytest.fixture
def locked_r(machine: Machine, tree: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    (machine.bundle / "packs").mkdir()
    (machine.bundle / "packs/r.txt").touch()
    tools = Tools((str(tree / "usr/bin"),), (str(tree / "usr/lib"),), "95 packages unpacked beside this system", tree)
    monkeypatch.setattr(locked, "provide", lambda *_: tools)
    return machine


def test_r_beside_the_system_is_told_where_its_parts_are(locked_r: Machine, tree: Path) -> None:
    assert kernels.install(locked_r, KERNEL) == "95 packages unpacked beside this system"
    written = spec(locked_r)
    assert (written["display_name"], written["language"]) == ("Genomics Research (R 4.2)", "R")
    assert written["metadata"]["resources"] == {"cpus": 2}
    assert written["argv"][:5] == ["python", "-I", "{resource_dir}/launch.py", "{connection_file}", "--"]
    assert written["argv"][5] == f"{tree}/usr/lib/R/bin/R"
    env = written["env"]
    assert env["PACK"] == "g"
    assert env["R_LIBS_SITE"].startswith(f"{tree}/usr/lib/R/site-library:")
    assert env["PATH"] == f"{tree}/usr/bin:${{PATH}}"
    assert env["RHOME"] == f"{tree}/usr/lib/R"
    assert env["PROJ_LIB"] == f"{tree}/usr/share/proj"
    assert "GDAL_DATA" not in env
    assert f"<dir>{tree}/usr/share/fonts</dir>" in Path(env["FONTCONFIG_FILE"]).read_text()
    assert (tree / "usr/lib/R/etc/Renviron").read_text() == "PAGER=less\n"
    beside = {file.name for file in (locked_r.kernel_specs / "genomics-r").iterdir()}
    assert beside == {"kernel.json", "launch.py", "logo-64x64.png"}


def test_r_of_another_version_is_no_kernel(locked_r: Machine, tree: Path) -> None:
    (tree / "usr/lib/R/bin/R").write_text(PROGRAM.replace("4.2.2", "4.20.1"))
    with pytest.raises(CommandFailed, match=r"Genomics Research \(R 4.2\): this system's R is 4.20.1"):
        kernels.install(locked_r, KERNEL)
    assert kernels.registered(locked_r) == []


def test_r_that_does_not_load_irkernel_is_no_kernel(locked_r: Machine, tree: Path) -> None:
    (tree / "usr/lib/R/bin/R").write_text("#!/bin/sh\necho 'Error: there is no package called IRkernel'; exit 1\n")
    with pytest.raises(CommandFailed, match="there is no package called IRkernel"):
        kernels.install(locked_r, KERNEL)
    assert kernels.registered(locked_r) == []


def test_kernel_without_its_lock_says_so(machine: Machine) -> None:
    with pytest.raises(CommandFailed, match=r"the bundle has no lock packs/r\.txt"):
        kernels.install(machine, KERNEL)


def test_r_of_the_system_needs_no_telling() -> None:
    assert r.environment(KERNEL, Tools(detail="95 packages installed")) == {"LANG": "C.UTF-8", "PACK": "g"}
