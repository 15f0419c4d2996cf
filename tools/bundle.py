"""What does a lab's machine fetch? One archive: our wheel, the hub's lock, the domain packs (and uv, where there is none).

`python -m tools.bundle --out DIR [--with-uv]` · `tools.bundle.build(out_dir) -> Path`. Keeps true: the same tree gives
the same bytes and so the same name (host-independent order, times and owners), so an unchanged bundle is never uploaded
twice.
"""

import argparse
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EPOCH = 1_577_836_800
"""2020-01-01: the time that every file of the bundle bears (zip archives know none before 1980)."""
LEFT_OUT = re.compile(r"(^|/)(__pycache__|\.ipynb_checkpoints|\.mypy_cache)(/|$)|\.pyc$")


def build(out_dir: Path, with_uv: bool = False) -> Path:
    """Write `bundle-<sha12>.tar.gz` into `out_dir` and return its path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        content = _content(Path(scratch), with_uv)
        data = _archive(content)
    path = out_dir / f"bundle-{hashlib.sha256(data).hexdigest()[:12]}.tar.gz"
    path.write_bytes(data)
    return path


def _content(scratch: Path, with_uv: bool) -> dict[str, Path]:
    """Return what goes in: name in the archive → file."""
    wheel = _wheel(scratch)
    content = {wheel.name: wheel, "requirements-host.txt": ROOT / "requirements/host.txt"}
    for file in sorted((ROOT / "domain_packs").rglob("*")):
        name = file.relative_to(ROOT).as_posix()
        if file.is_file() and not LEFT_OUT.search(name):
            content[name] = file
    if with_uv:
        content["bin/uv"] = _uv(scratch)
    return content


def _wheel(scratch: Path) -> Path:
    """Build our wheel from a clean copy of what belongs in it."""
    source = scratch / "source"
    skip = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "aws_research_wizard", source / "aws_research_wizard", ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source / name)
        else:
            (source / name).touch()
    words = ["uv", "build", "--quiet", "--wheel", "--out-dir", str(scratch / "wheel"), str(source)]
    subprocess.run(words, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)})
    return next((scratch / "wheel").glob("*.whl"))


def _uv(scratch: Path) -> Path:
    """Fetch uv itself, by the version and the hashes of its lock."""
    place = ["--target", str(scratch / "uv"), "--python-platform", "x86_64-manylinux_2_28", "--python-version", "3.11"]
    lock = ["--require-hashes", "--no-deps", "-r", str(ROOT / "requirements/bootstrap.txt")]
    subprocess.run(["uv", "pip", "install", "--quiet", *place, *lock], check=True)
    return scratch / "uv/bin/uv"


def _archive(content: dict[str, Path]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, file in sorted(content.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = file.stat().st_size, EPOCH, 0o755 if name.startswith("bin/") else 0o644
            with file.open("rb") as source:
                tar.addfile(member, source)
    return gzip.compress(raw.getvalue(), compresslevel=6, mtime=0)


def main() -> None:
    """Build the bundle and print its path."""
    parser = argparse.ArgumentParser(prog="python -m tools.bundle", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build/bundle")
    parser.add_argument("--with-uv", action="store_true", help="carry uv too, for machines that have none (AWS)")
    chosen = parser.parse_args()
    print(build(chosen.out, chosen.with_uv))


if __name__ == "__main__":
    main()
