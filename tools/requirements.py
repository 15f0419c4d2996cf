"""Compile the hash-pinned requirement sets, and tell when one is stale.

Each set names in its first line a fingerprint of what it was compiled from, so that `--check` needs no network: a set is
stale when its inputs changed after it was compiled. No set names an index host.

    python -m tools.requirements            compile every set
    python -m tools.requirements --check    exit 1 and name the stale ones
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: The Lambda runtime has the AWS SDK: carrying it again would triple the package.
SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "python-dateutil", "six")

#: jsonschema uses this to check the format "iri", which nothing of Jupyter's asks for; to load it takes a second of every
#: start of a hub and of a server, as it works out its grammar each time. Without it the format is not checked.
SLOW = ("rfc3987-syntax", "lark")


@dataclass(frozen=True)
class Set:
    """One compiled file: where it comes from, and what keeps it in step with the others."""

    source: str
    target: str
    constraint: str | None = "requirements/dev.txt"
    left_out: tuple[str, ...] = ()

    def inputs(self) -> list[Path]:
        """Every file whose change makes this set stale: the source and what it includes."""
        files = [ROOT / self.source]
        for line in files[0].read_text().splitlines():
            if line.startswith("-r "):
                files.append(files[0].parent / line[3:].strip())
        return files

    def fingerprint(self) -> str:
        """Twelve hex digits over all inputs and what is left out."""
        digest = hashlib.sha256(",".join(self.left_out).encode())
        for file in self.inputs():
            digest.update(file.read_bytes())
        return digest.hexdigest()[:12]

    def header(self) -> str:
        """The first line of the compiled file."""
        return f"# from {self.source} {self.fingerprint()}; compiled by: make requirements\n"


SETS = (
    Set("requirements/bootstrap.in", "requirements/bootstrap.txt", constraint=None),
    Set("requirements/dev.in", "requirements/dev.txt", constraint=None),
    Set("requirements/scan.in", "requirements/scan.txt", constraint=None),
    Set("requirements/local.in", "requirements/local.txt"),
    Set("requirements/host.in", "requirements/host.txt", constraint=None, left_out=SLOW),
    Set("requirements/lambda.in", "requirements.txt", left_out=SDK),
)


def compile_set(one: Set) -> None:
    """Write one compiled file with its fingerprint on top."""
    target = ROOT / one.target
    command = ["uv", "pip", "compile", "-q", "--universal", "--generate-hashes", "--no-annotate", "--no-header", "-p", "3.11"]
    for name in one.left_out:
        command += ["--no-emit-package", name]
    if one.constraint:
        command += ["-c", one.constraint]
    result = subprocess.run([*command, one.source], cwd=ROOT, check=True, capture_output=True, text=True)
    target.write_text(one.header() + result.stdout)


def stale() -> list[str]:
    """The compiled files that no longer belong to their inputs."""
    return [one.target for one in SETS if not (ROOT / one.target).read_text().startswith(one.header())]


def main() -> int:
    """Compile, or check."""
    parser = argparse.ArgumentParser(description="Compile or check the hash-pinned requirement sets.")
    parser.add_argument("--check", action="store_true", help="only say which sets are stale")
    if parser.parse_args().check:
        names = stale()
        for name in names:
            print(f"{name} is stale: run `make requirements`", file=sys.stderr)
        return 1 if names else 0
    for one in SETS:
        compile_set(one)
        print(one.target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
