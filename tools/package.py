"""What exactly is deployed? The same files for AWS and for the cloud on a laptop.

    python -m tools.package --stage dev --out build/package

writes `template.json` (one atomic stack), `backing.json` (the stack beside a `chalice deploy`), `deployment.zip` (every
function), the bundle that machines boot from, and `manifest.json` (what each file hashes to and what it was made from).
Chalice builds from a copy of the sources that holds nothing a run left behind, so equal inputs give equal files; a second
call with equal inputs does nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module, util
from pathlib import Path
from typing import Any

from tools import template as shape
from tools import zipped

ROOT = Path(__file__).resolve().parent.parent
CHALICE = (".chalice/config.json", ".chalice/resources.json", ".chalice/policies")
SOURCES = ("app.py", "requirements.txt", *CHALICE, "chalicelib", "domain_packs")
TOOLS = ("tools/package.py", "tools/template.py", "tools/zipped.py", "tools/bundle.py")
ALSO_READ = (
    "state_machines",
    "aws_research_wizard",
    "requirements/host.txt",
    "requirements/bootstrap.txt",
    "pyproject.toml",
    *TOOLS,
)
LEFT_BEHIND = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".ipynb_checkpoints", "node_modules")
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@dataclass(frozen=True)
class Job:
    """One package to build: of which stage, from where, to where."""

    stage: str
    out: Path
    root: Path = ROOT

    @property
    def cache(self) -> Path:
        return self.root / "build" / ".cache" / "package"

    @property
    def manifest(self) -> Path:
        return self.out / "manifest.json"

    def config(self) -> dict[str, Any]:
        """`.chalice/config.json`; a stage it does not know is a mistake."""
        config = dict(json.loads((self.root / ".chalice/config.json").read_text()))
        if self.stage not in config["stages"]:
            raise SystemExit(f"no stage '{self.stage}' in .chalice/config.json: it has {', '.join(config['stages'])}")
        return config

    def environment(self) -> dict[str, str]:
        """The variables that config.json gives this stage."""
        config = self.config()
        return {**config.get("environment_variables", {}), **config["stages"][self.stage].get("environment_variables", {})}

    def stories(self) -> dict[str, dict[str, Any]]:
        """Every state machine's definition, by name."""
        files = sorted((self.root / "state_machines").glob("*.asl.json"))
        return {file.name.removesuffix(".asl.json"): json.loads(file.read_text()) for file in files}


def files_of(path: Path) -> Iterator[Path]:
    """Every file under a path that a person or a tool wrote on purpose, sorted."""
    if path.is_file():
        yield path
    for folder, names, files in os.walk(path):
        names[:] = sorted(name for name in names if name not in LEFT_BEHIND)
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith(".pyc"))


def fingerprint(job: Job) -> str:
    """One hash over all that the package is made from."""
    digest = hashlib.sha256(f"{job.stage} {PYTHON} {platform.machine()}".encode())
    for source in (*SOURCES, *ALSO_READ):
        for file in files_of(job.root / source):
            digest.update(f"\0{file.relative_to(job.root)}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def is_current(job: Job, wanted: str) -> bool:
    """Whether the files that stand there are just what a build would make."""
    if not job.manifest.exists():
        return False
    manifest = json.loads(job.manifest.read_text())
    files = manifest.get("files", {})
    return manifest.get("fingerprint") == wanted and all(_size(job.out / name) == one["bytes"] for name, one in files.items())


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else -1


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def build(job: Job) -> dict[str, Any]:
    """Build what is not current; returns the manifest."""
    environment, wanted = job.environment(), fingerprint(job)
    if is_current(job, wanted):
        return dict(json.loads(job.manifest.read_text()))
    job.out.mkdir(parents=True, exist_ok=True)
    job.manifest.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="awr-package-") as folder:
        sources, made = Path(folder, "sources"), Path(folder, "made")
        copy_sources(job, sources)
        run_chalice(job, sources, made)
        zipped.tidy(made / "deployment.zip", job.out / "deployment.zip", cache=job.cache / "compiled")
        written = json.loads((made / "sam.json").read_text())
    bundle = build_bundle(job)
    template = shape.settle(written, job.stage, environment, job.stories())
    if bundle:
        template["Parameters"]["BundleKey"]["Default"] = f"host/{bundle.name}"
    write_json(job.out / "template.json", template)
    write_json(job.out / "backing.json", shape.backing(template))
    return write_manifest(job, wanted, bundle)


def copy_sources(job: Job, to: Path) -> None:
    """Exactly what Chalice may read, without caches; domain_packs goes where the `vendor` symlink shows it."""
    for source in SOURCES:
        for file in files_of(job.root / source):
            name = file.relative_to(job.root)
            target = to / ("vendor" / name if source == "domain_packs" else name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def run_chalice(job: Job, sources: Path, made: Path) -> None:
    """`chalice package`, with the wheels of a local wheelhouse where the platform allows it."""
    pip = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_DEPS": "1", **wheels(job)}
    environment = {"AWS_DEFAULT_REGION": "us-east-1", **os.environ, "PYTHONDONTWRITEBYTECODE": "1", **pip}
    environment["PYTHONPATH"] = str(sources / "vendor")
    command = [sys.executable, "-c", "from chalice.cli import main; main()", "package", "--stage", job.stage]
    command += ["--merge-template", str(sources / ".chalice/resources.json"), str(made)]
    done = subprocess.run(command, cwd=sources, env=environment, capture_output=True, text=True, check=False)
    missing = "Could not install dependencies" in done.stdout  # which Chalice says, and goes on
    if done.returncode or missing or not (made / "deployment.zip").exists():
        raise SystemExit(f"chalice package failed:\n{done.stdout}{done.stderr}")


def wheels(job: Job) -> dict[str, str]:
    """How pip finds the locked wheels: once over the network, then from `build/.cache`, each checked against its hash."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return {}  # Chalice looks for Lambda's wheels itself
    requirements = job.root / "requirements.txt"
    house = job.cache / f"wheels-{PYTHON}-{hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]}"
    if not house.exists():
        house.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=house.parent) as folder:
            command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
            command += ["--require-hashes", "-r", str(requirements), "-d", folder]
            subprocess.run(command, check=True)
            with suppress(OSError):  # another build may have made it meanwhile
                Path(folder).rename(house)
                Path(folder).mkdir()
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(house)}


def build_bundle(job: Job) -> Path | None:
    """What machines boot from: `bundle-<sha12>.tar.gz`. None while `tools.bundle` does not exist."""
    if not util.find_spec("tools.bundle"):
        return None
    for old in job.out.glob("bundle-*.tar.gz"):
        old.unlink()
    return Path(import_module("tools.bundle").build(job.out, with_uv=job.stage != "local"))


def write_json(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_manifest(job: Job, wanted: str, bundle: Path | None) -> dict[str, Any]:
    """The last file written: where it stands, the package is whole."""
    names = ["template.json", "backing.json", "deployment.zip", *([bundle.name] if bundle else [])]
    files = {name: {"sha256": _sha256(job.out / name), "bytes": _size(job.out / name)} for name in names}
    manifest = {
        "stage": job.stage,
        "runtime": PYTHON,
        "fingerprint": wanted,
        "bundle_key": f"host/{bundle.name}" if bundle else None,
        "files": files,
    }
    write_json(job.manifest, manifest)
    return manifest


def main() -> int:
    """Build and say what stands where."""
    parser = argparse.ArgumentParser(description="Build the package of one stage: template, functions, bundle, manifest.")
    parser.add_argument("--stage", default="dev", help="a stage of .chalice/config.json (default: dev)")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build" / "package", help="the folder to write to (default: build/package)"
    )
    wanted = parser.parse_args()
    began = time.monotonic()
    manifest = build(Job(wanted.stage, wanted.out.resolve()))
    for name, one in manifest["files"].items():
        print(f"{wanted.out / name}  {one['bytes'] / 1e6:.1f} MB")
    print(f"stage {wanted.stage}, {manifest['runtime']}, in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
