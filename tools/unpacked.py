"""What does a function see on Lambda? The unpacked package, and beside it the AWS SDK that the runtime brings; nothing else.

Tests and benchmarks start handlers this way in a Python that knows no virtualenv, so that whatever the package lacks is missed.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

SDK = ("boto3", "botocore", "s3transfer", "jmespath", "urllib3", "dateutil", "six")


@dataclass(frozen=True)
class Unpacked:
    """A package laid out like Lambda's /var/task, with /var/runtime beside it."""

    task: Path
    runtime: Path

    @property
    def path(self) -> list[str]:
        return [str(self.task), str(self.runtime)]

    def python(self, program: str) -> list[str]:
        """The command that runs a program and finds these two folders only."""
        return [sys.executable, "-I", "-S", "-c", f"import sys\nsys.path[:0] = {self.path!r}\n{program}"]


def lay_out(folder: Path, package: Path) -> Unpacked:
    """Unpack a deployment.zip into `folder`/task and link the SDK into `folder`/runtime."""
    made = Unpacked(folder / "task", folder / "runtime")
    with zipfile.ZipFile(package) as packed:
        packed.extractall(made.task)
    made.runtime.mkdir()
    for name in SDK:
        found = importlib.util.find_spec(name)
        if found and found.origin:
            origin = Path(found.origin)
            source = origin.parent if origin.name == "__init__.py" else origin
            (made.runtime / source.name).symlink_to(source)
    return made


def handlers(template: Path) -> dict[str, str]:
    """Every function of a built template and its handler, by the function's short name."""
    resources = json.loads(template.read_text())["Resources"].values()
    found = [one["Properties"]["Handler"] for one in resources if one["Type"] == "AWS::Serverless::Function"]
    return {"api_handler" if handler == "app.app" else handler.rpartition(".")[2]: handler for handler in found}
