"""How is an R kernel made? From Debian's packages, exactly those of the lock, with IRkernel among them.

On AWS they are installed. On a laptop they lie unpacked in a cache, so R is told where its parts are: its home, its libraries,
shared libraries, fonts, maps. Keeps true: a kernel is registered only when its R has loaded IRkernel here and is of the
version that the pack names.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_research_wizard.host import commands, files, locked, locks, specs
from aws_research_wizard.host.debian import Tools
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed

HOME, LIBRARY = "usr/lib/R", "usr/lib/R/site-library"
SITE = ("/usr/local/lib/R/site-library", "/usr/lib/R/site-library")
PARTS = {
    "GDAL_DATA": "usr/share/gdal",
    "PROJ_LIB": "usr/share/proj",
    "TCL_LIBRARY": "usr/share/tcltk/tcl8.6",
    "TK_LIBRARY": "usr/share/tcltk/tk8.6",
    "TZDIR": "usr/share/zoneinfo",
}
"""What libraries look for below /usr, and how each is told of another place."""
PROOF = 'invisible(loadNamespace("IRkernel")); cat(as.character(getRversion()), system.file("kernelspec", package = "IRkernel"))'
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{place}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><dir prefix="xdg">fonts</dir>
  <include ignore_missing="yes">{place}/etc/fonts/conf.d</include>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


def install(machine: Machine, kernel: Kernel, log: Path) -> str:
    """Put an R kernel in place; return how."""
    lock = locks.provide(machine, kernel)
    tools = locked.provide(machine, lock, log)
    register(machine.kernel_specs, kernel, tools, log)
    return tools.detail


def register(folder: Path, kernel: Kernel, tools: Tools, log: Path) -> None:
    """Prove that R works, and write its specification into `folder`."""
    if tools.place:
        _settle(tools.place)
    program, env = _home(tools) / "bin/R", environment(kernel, tools)
    here = {name: value.replace("${PATH}", os.environ.get("PATH", os.defpath)) for name, value in env.items()}
    known = commands.run([str(program), "--no-echo", "--no-init-file", "-e", PROOF], log, here, timeout=120)
    version, _, pictures = known.strip().splitlines()[-1].partition(" ")
    if version.split(".")[: kernel.version.count(".") + 1] != kernel.version.split("."):
        raise CommandFailed(f"{kernel.display_name}: this system's R is {version}", [])

    def own(beside: Path) -> Mapping[str, Any]:
        for picture in sorted(Path(pictures).glob("logo-*")):
            shutil.copyfile(picture, beside / picture.name)
        words = [str(program), "--no-echo", "--no-save", "--no-restore", "-e", "IRkernel::main()", "--args", "{connection_file}"]
        return {"argv": words, "language": "R", "interrupt_mode": "signal"}

    specs.write(folder, kernel, env, own)


def environment(kernel: Kernel, tools: Tools) -> dict[str, str]:
    """Return R's environment; what lies beside the system comes first."""
    env, place = {"LANG": "C.UTF-8", **kernel.env}, tools.place
    if not place:
        return env
    env["R_LIBS_SITE"] = ":".join((str(place / LIBRARY), *SITE))
    env["RHOME"] = str(_home(tools))  # by which Rscript finds its R
    env["PATH"] = ":".join((*tools.path, "${PATH}"))
    env["LD_LIBRARY_PATH"] = ":".join(tools.libraries)
    env |= {name: str(place / part) for name, part in PARTS.items() if (place / part).is_dir()}
    if (place / "etc/fonts").is_dir():
        env["FONTCONFIG_FILE"] = str(place / "etc/fonts/beside.conf")
    return env


def _home(tools: Tools) -> Path:
    """Return R's home: the unpacked one, else the system's."""
    own = (tools.place or Path("/")) / HOME
    return own if (own / "bin/R").exists() else Path("/", HOME)


def _settle(place: Path) -> None:
    """Do what the packages' own installation would have done."""
    etc = place / HOME / "etc"
    if (etc / "Renviron.ucf").is_file() and not (etc / "Renviron").is_file():
        files.write(etc / "Renviron", (etc / "Renviron.ucf").read_text())
    if (place / "etc/fonts").is_dir():
        files.write(place / "etc/fonts/beside.conf", FONTS.format(place=place))
