"""Does the client speak of exactly what the API answers? Its types are generated from the API's own document.

    python -m tools.client_models            write models.py (pydantic) and shapes.py (TypedDict)
    python -m tools.client_models --check    exit 1 when they are not what openapi.json says today

`models.py` is for programs that use the library: attributes, datetimes, validation. `shapes.py` describes the same answers
as plain dictionaries, for a type checker only; the command line stands on it, since importing pydantic costs 200 ms.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "chalicelib" / "runtime" / "openapi.json"
CLIENT = ROOT / "aws_research_wizard" / "client"
COMMON = (
    "--input-file-type=openapi",
    "--openapi-scopes=schemas",
    "--target-python-version=3.11",
    "--disable-timestamp",
    "--use-schema-description",
    "--use-field-description",
    "--use-standard-collections",
    "--use-union-operator",
    "--use-double-quotes",
    "--use-type-alias",
    "--strict-nullable",
    "--formatters=builtin",
)
OUTPUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "models.py": (
        "What the API takes and answers, as pydantic models",
        ("--output-model-type=pydantic_v2.BaseModel", "--use-annotated", "--field-constraints", "--set-default-enum-member"),
    ),
    "shapes.py": (
        "What the API takes and answers, as dictionaries a type checker knows",
        ("--output-model-type=typing.TypedDict", "--enum-field-as-literal=all", "--no-use-closed-typed-dict"),
    ),
}


def generate(name: str, document: Path = DOCUMENT) -> str:
    """The text of one generated file."""
    title, options = OUTPUTS[name]
    header = f'"""{title}. Generated from openapi.json: do not edit."""'
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / name
        words = [sys.executable, "-m", "datamodel_code_generator", f"--input={document}", f"--output={target}"]
        subprocess.run([*words, *COMMON, *options, f"--custom-file-header={header}"], check=True, cwd=ROOT)
        return _formatted(target.read_text())


def _formatted(text: str) -> str:
    """As the project formats its own code, wherever the project's folder is."""
    for act in (("check", "--fix-only", "--quiet", "--select=I"), ("format", "--quiet")):
        words = [sys.executable, "-m", "ruff", *act, "--stdin-filename=generated.py", "-"]
        text = subprocess.run(words, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def operations(document: Path = DOCUMENT) -> set[tuple[str, str]]:
    """(method, path) of everything people (not machines) can ask of the API; the contract test holds `Calls` to it."""
    paths = json.loads(document.read_text())["paths"]
    return {(method.upper(), path) for path, verbs in paths.items() for method in verbs if not path.startswith("/machine/")}


def main(words: list[str]) -> int:
    """Write the files, or compare them."""
    stale = []
    for name in OUTPUTS:
        text, target = generate(name), CLIENT / name
        if "--check" not in words:
            target.write_text(text)
        elif not target.exists() or target.read_text() != text:
            stale.append(name)
    if stale:
        print(f"stale: {', '.join(stale)}; run: python -m tools.client_models", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
