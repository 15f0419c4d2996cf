"""Which kernels does the lab offer? One environment each, made from the pack's lock, registered where Jupyter looks.

Keeps true: a kernel is registered only when its environment is complete; a kernel that is in place is not touched; all are
registered under one prefix, so a hub and servers that run already see a new one at once.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aws_research_wizard.host import commands, debian, files, julia, library, locks, r, specs
from aws_research_wizard.host.debian import Tools
from aws_research_wizard.host.environments import Maker
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed

UNFROZEN = "-Xfrozen_modules=off"
"""As ipykernel's own installation has it: else the debugger misses breakpoints. (Older Pythons do not mind the word.)"""


def install(machine: Machine, kernel: Kernel) -> str:
    """Put one kernel in place; return how (kept, linked, installed), with a word about its system tools."""
    installer = INSTALLERS.get(kernel.language)
    if installer is None:
        raise CommandFailed(f"{kernel.display_name}: no way yet to install {kernel.language} kernels", [])
    machine.data.mkdir(parents=True, exist_ok=True)
    placed = replace(kernel, env={**places(machine), **kernel.env})
    return installer(machine, placed, machine.logs / f"kernel-{kernel.name}.log")


def places(machine: Machine) -> dict[str, str]:
    """Return where a kernel finds what people share, and the data that are mounted here."""
    return {"AWR_SHARED": str(machine.storage / "shared"), "AWR_DATA": str(machine.data)}


def polish(machine: Machine, kernel: Kernel) -> None:
    """Compile a kernel's environment in the background."""
    if kernel.language == "python" and kernel.lock:
        maker(machine, machine.logs / f"kernel-{kernel.name}.log").polish(where(machine, kernel), locks.path(machine, kernel))


def maker(machine: Machine, log: Path) -> Maker:
    """Return what makes this machine's environments."""
    return Maker(machine.uv, machine.python, machine.cache, log)


def registered(machine: Machine) -> list[str]:
    """Return the names of the kernels that Jupyter finds here."""
    return specs.names(machine.kernel_specs)


def retire(machine: Machine, wanted: set[str]) -> list[str]:
    """Take back the registration of kernels that nobody wants any more; running ones go on, environments stay."""
    gone = [name for name in registered(machine) if name not in wanted]
    for name in gone:
        shutil.rmtree(machine.kernel_specs / name, ignore_errors=True)
    return gone


def note_release(machine: Machine) -> None:
    """Remember that the kernels in place are those of this release."""
    files.write(machine.run / "kernels-of", machine.release)


def made_by_the_boot(machine: Machine) -> bool:
    """Say whether this boot has made the kernels that a lab cannot be without; until then they are its own business."""
    return (machine.run / "kernels-of").exists()


def _python(machine: Machine, kernel: Kernel, log: Path) -> str:
    lock = locks.provide(machine, kernel)
    tools = debian.provide(machine, kernel.system_packages, log)
    place = where(machine, kernel)
    how = maker(machine, log).make(place, lock)
    library.provide(place)
    register(machine.kernel_specs, kernel, place, tools, log)
    return " · ".join(word for word in (how, tools.detail) if word)


def register(folder: Path, kernel: Kernel, place: Path, tools: Tools, log: Path) -> None:
    """Write the specification of the Python kernel whose environment is `place` into `folder`."""

    def own(beside: Path) -> Mapping[str, Any]:
        return _shipped(place, beside) or _asked(beside)

    def _asked(beside: Path) -> Mapping[str, Any]:
        made = beside / "made"
        words = [str(place / "bin/python"), "-m", "ipykernel", "install", "--prefix", str(made), "--name", kernel.name]
        commands.run(words, log)
        for file in (made / "share/jupyter/kernels" / kernel.name).iterdir():
            file.rename(beside / file.name)
        shutil.rmtree(made)
        return dict(json.loads((beside / "kernel.json").read_text()))

    specs.write(folder, kernel, environment(kernel, place, tools), own)


def _shipped(place: Path, beside: Path) -> dict[str, Any] | None:
    """Take the specification that ipykernel brings along; None when it brings none. (Asking it takes a second of work.)"""
    shipped = place / "share/jupyter/kernels/python3"
    known = files.read_json(shipped / "kernel.json")
    if not known or known.get("argv", [])[:1] != ["python"]:
        return None
    for picture in sorted(shipped.glob("logo-*")):
        shutil.copyfile(picture, beside / picture.name)
    return {**known, "argv": [str(place / "bin/python"), UNFROZEN, *known["argv"][1:]]}


def environment(kernel: Kernel, place: Path, tools: Tools) -> dict[str, str]:
    """Return the kernel's environment: its own programs first, then the pack's tools, then the system's."""
    env = dict(kernel.env)
    env["PATH"] = ":".join((str(place / "bin"), *tools.path, "${PATH}"))
    env["VIRTUAL_ENV"] = str(place)
    if tools.libraries:
        env["LD_LIBRARY_PATH"] = ":".join(tools.libraries)
    return env


def where(machine: Machine, kernel: Kernel) -> Path:
    """Where the kernel's environment is: under its plain name, or beside it where another release's stands (people use it)."""
    if kernel.language == "julia":
        return julia.where(machine, kernel)
    plain, lock = machine.opt / "kernels" / kernel.name, locks.path(machine, kernel)
    made = maker(machine, machine.logs / f"kernel-{kernel.name}.log")
    if not plain.exists() or not lock.is_file() or made.is_of(plain, lock):
        return plain
    return plain.with_name(f"{kernel.name}-{made.mark(lock)[:8]}")


INSTALLERS: dict[str, Callable[[Machine, Kernel, Path], str]] = {"python": _python, "r": r.install, "julia": julia.install}
"""How a language's kernels are made."""
