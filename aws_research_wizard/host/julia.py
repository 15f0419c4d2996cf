"""How is a Julia kernel made? From the official release that the lock names by its hash, and the packages that the lock names.

Packages lie in one depot for all kernels of the machine; a person's own come first and go to their home. A lock with a manifest
gives exactly those versions; one that is still to be solved is solved here, on the first machine that is baked from it, and the
step says so. Keeps true: where Julia cannot be had the kernel is left out with the reason, and the lab is none the worse; a
project that people may be using is never changed, another lock gets a place beside it.
"""

import hashlib
import json
import os
import shutil
import tempfile
import tomllib
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from aws_research_wizard.host import commands, debian, files, locks, specs
from aws_research_wizard.host.debian import Tools
from aws_research_wizard.host.environments import FINGERPRINT
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Kernel
from aws_research_wizard.host.steps import CommandFailed, LeftOut

SOURCE = "https://julialang-s3.julialang.org/bin/linux/x64/{minor}/julia-{version}-linux-x86_64.tar.gz"
PATIENCE_SECONDS = 60.0
EXACTLY = "using Pkg; Pkg.instantiate(); Pkg.precompile()"
SOLVING = "using Pkg; Pkg.resolve(); Pkg.instantiate(); Pkg.precompile()"
WHERE = "import IJulia; print(pkgdir(IJulia))"
Sheet = Mapping[str, Any]


def install(machine: Machine, kernel: Kernel, log: Path) -> str:
    """Put a Julia kernel in place; return how. LeftOut, with the reason, where that cannot be done."""
    sheet = _sheet(locks.provide(machine, kernel))
    tools = debian.provide(machine, kernel.system_packages, log)
    try:
        program = _program(machine, sheet["julia"], log)
        how = make(machine, kernel, program, log)
        register(machine, kernel, program, tools, log)
    except CommandFailed as error:
        raise LeftOut(error.cause, error.log_tail) from error
    return " · ".join(word for word in (how, tools.detail) if word)


def project(sheet: Sheet) -> str:
    """Return the Project.toml of a lock: what was asked for, by name and number, and within which bounds."""
    lines = ["[deps]", *(f"{name} = {json.dumps(value)}" for name, value in sorted(sheet["deps"].items())), "", "[compat]"]
    return "\n".join([*lines, *(f"{name} = {json.dumps(value)}" for name, value in sorted(sheet["compat"].items()))]) + "\n"


def manifest(sheet: Sheet) -> str:
    """Return the Manifest.toml of a lock; blank while nobody has solved it."""
    return str(sheet.get("manifest", {}).get("text", "")).lstrip()


def make(machine: Machine, kernel: Kernel, program: Path, log: Path) -> str:
    """Make sure of the kernel's project and its packages; return how: kept, installed, or solved here."""
    place, lock = where(machine, kernel), locks.path(machine, kernel)
    if _mark_in(place) == _mark(lock):
        return "kept"
    sheet = _sheet(lock)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as beside:
        made, exact = Path(beside) / "project", manifest(sheet)
        files.write(made / "Project.toml", project(sheet))
        if exact:
            files.write(made / "Manifest.toml", exact)
        code = EXACTLY if exact else SOLVING
        own = {"JULIA_DEPOT_PATH": f"{_depot(machine)}:"}
        commands.run([str(program), "--startup-file=no", f"--project={made}", "-e", code], log, own, timeout=3600)
        files.write(made / FINGERPRINT, _mark(lock))
        shutil.rmtree(place, ignore_errors=True)
        made.replace(place)
    return "installed" if exact else "installed, its versions solved here"


def register(machine: Machine, kernel: Kernel, program: Path, tools: Tools, log: Path) -> None:
    """Write the kernel's specification, once IJulia has been loaded."""
    place, own_depot = where(machine, kernel), {"JULIA_DEPOT_PATH": f"{_depot(machine)}:"}
    said = commands.run([str(program), "--startup-file=no", f"--project={place}", "-e", WHERE], log, own_depot, timeout=600)
    home = Path(said.strip().splitlines()[-1])

    def own(beside: Path) -> Mapping[str, Any]:
        for picture in sorted((home / "deps").glob("logo-*")):
            shutil.copyfile(picture, beside / picture.name)
        old = home / "src/kernel.jl"
        start = [str(old)] if old.is_file() else ["-e", "import IJulia; IJulia.run_kernel()"]
        words = [str(program), "-i", "--color=yes", f"--project={place}", *start, "{connection_file}"]
        return {"argv": words, "language": "julia", "interrupt_mode": "signal"}

    specs.write(machine.kernel_specs, kernel, environment(machine, kernel, tools), own)


def environment(machine: Machine, kernel: Kernel, tools: Tools) -> dict[str, str]:
    """Return the kernel's environment: the person's own packages first, then the lab's, then Julia's."""
    env = {
        "JULIA_DEPOT_PATH": f"${{HOME}}/.julia:{_depot(machine)}:",
        "JULIA_PROJECT": str(where(machine, kernel)),
        "JULIA_NUM_THREADS": str(kernel.resources.get("cpus", 1)),
        **kernel.env,
    }
    if tools.path:
        env["PATH"] = ":".join((*tools.path, "${PATH}"))
    return env


def where(machine: Machine, kernel: Kernel) -> Path:
    """Return the kernel's project: under its plain name, or beside it where another lock's stands."""
    plain, lock = machine.opt / "kernels" / kernel.name, locks.path(machine, kernel)
    if not lock.is_file() or _mark_in(plain) in ("", _mark(lock)):
        return plain
    return plain.with_name(f"{kernel.name}-{_mark(lock)[:8]}")


def _mark(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _mark_in(place: Path) -> str:
    return (place / FINGERPRINT).read_text() if (place / FINGERPRINT).is_file() else ""


def _sheet(lock: Path) -> Sheet:
    return tomllib.loads(lock.read_text())


def _depot(machine: Machine) -> Path:
    return machine.opt / "julia/depot"


def _program(machine: Machine, wanted: Mapping[str, str], log: Path) -> Path:
    """Return Julia of the wanted release: the one that is here, else the official one."""
    place = machine.opt / "julia" / f"julia-{wanted['version']}"
    if (place / "bin/julia").is_file():
        return place / "bin/julia"
    if machine.local and (found := shutil.which("julia")) and _minor(wanted["version"]) == _minor(_version(found, log)):
        return Path(found)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".coming.") as beside:
        archive = Path(beside) / "julia.tar.gz"
        _fetch(SOURCE.format(minor=_minor(wanted["version"]), version=wanted["version"]), wanted["sha256"], archive)
        commands.run(["tar", "-xzf", str(archive), "-C", beside], log)
        (Path(beside) / f"julia-{wanted['version']}").replace(place)
    return place / "bin/julia"


def _fetch(source: str, sha256: str, archive: Path) -> None:
    try:
        with urllib.request.urlopen(source, timeout=PATIENCE_SECONDS) as answer, archive.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file)
    except (OSError, urllib.error.URLError, HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise CommandFailed(f"Julia could not be fetched: {why}", []) from None
    with archive.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise CommandFailed("Julia could not be fetched: what came is not what the lock names", [])


def _version(program: str, log: Path) -> str:
    """Return what `julia --version` says: `julia version 1.11.6`."""
    return commands.run([program, "--version"], log, {"HOME": os.environ.get("HOME", "/")}).split()[-1]


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
