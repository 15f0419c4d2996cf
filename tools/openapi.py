"""What does the API promise? Writes the OpenAPI 3.1 document, and the pages made from it, out of the registered routes.

    python -m tools.openapi           writes chalicelib/runtime/openapi.json, chalicelib/runtime/docs.html, docs/reference/api.md
    python -m tools.openapi --check   writes nothing, fails when one of them is stale

The document comes from OPERATIONS (what the doors registered) and the pydantic models named there, has passed through
openapi-pydantic's model of OpenAPI 3.1, and reads the same on every machine.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from openapi_pydantic import OpenAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "vendor")]

import app as _table_of_contents  # noqa: E402, F401 - registers every route
from chalicelib.runtime import errors  # noqa: E402
from chalicelib.runtime.calls import Operation  # noqa: E402
from chalicelib.runtime.http import OPERATIONS, WRITES  # noqa: E402
from chalicelib.runtime.shapes import Problem, model_of  # noqa: E402
from tools.api_pages import html_page, markdown_page  # noqa: E402

DOCUMENT = ROOT / "chalicelib/runtime/openapi.json"
PAGE = ROOT / "chalicelib/runtime/docs.html"
REFERENCE = ROOT / "docs/reference/api.md"
REF = "#/components/schemas/{model}"
TAGS = {
    "service": "The API itself; open to everyone.",
    "people": "Who am I, my tokens, who may use this stage.",
    "packs": "Which environments there are.",
    "images": "Packs that are baked: images labs start from in seconds.",
    "limits": "What my teams may have.",
    "labs": "Labs and their life.",
    "idle": "Labs that stop by themselves: why, not now, what if.",
    "backups": "Copies of a lab's files, and the way back from each.",
    "cost": "What labs cost, to the second, and whose it is.",
    "wake": "A lab's lasting address: its page, and what the page asks for.",
    "account": "What this account has, beside what the records say.",
    "bill": "What AWS says that all of it cost, beside our estimate.",
    "audit": "What happened, in a log that cannot be bent unseen.",
    "machine": "For a lab's machine only: claim its identity, say how far it is, ask for its orders.",
}
SCHEMES = {
    "person": ("A person's token, `awr_…`: `aws-research-wizard tokens create`.", "awr"),
    "wake_key": ("A person's key of one lab's page, `awk_…`: `aws-research-wizard jupyter open LAB`.", "awk"),
    "machine": ("A machine's token, `awm_…`: the answer to its claim.", "awm"),
}
INTRO = """Ready-to-use multi-user JupyterHub labs on AWS.

Errors are `{code, message, hint}`. Long work answers 202 with the `Location` to watch. Lists are read page by page with
`cursor`. Every write takes an `Idempotency-Key`: the same request with the same key within 24 hours is answered as it
was the first time. Paths are relative to the API's base URL."""

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes the request safe to repeat for 24 hours",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[ -~]+$"},
}

Json = dict[str, Any]
Key = tuple[type[BaseModel], JsonSchemaMode]


def document() -> dict[str, Any]:
    """The whole API as plain JSON data."""
    operations = sorted(OPERATIONS, key=lambda one: (one.path, one.method))
    refs, schemas = _schemas(operations)
    paths: dict[str, Json] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, refs, schemas)
    used = {operation.tag for operation in operations}
    schemes = sorted({operation.security for operation in operations} - {""})
    api = {
        "openapi": "3.1.1",
        "info": _info(),
        "tags": [{"name": tag, "description": about} for tag, about in TAGS.items() if tag in used],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {name: _scheme(*SCHEMES[name]) for name in schemes},
        },
    }
    return OpenAPI.model_validate(api).model_dump(by_alias=True, exclude_unset=True, mode="json")


def _info() -> Json:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "title": "AWS Research Wizard for Jupyter",
        "version": project["version"],
        "description": INTRO,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def _scheme(description: str, form: str) -> Json:
    return {"type": "http", "scheme": "bearer", "bearerFormat": form, "description": description}


def _schemas(operations: list[Operation]) -> tuple[dict[Key, str], dict[str, Any]]:
    """Where each model is described, and all descriptions by name."""
    wanted: dict[Key, None] = {(Problem, "serialization"): None}
    for operation in operations:
        for asked in (operation.body, operation.query):
            if asked is not None:
                wanted[(asked, "validation")] = None
        if operation.reply is not None:
            wanted[(operation.reply, "serialization")] = None
    models: list[Key] = [(model_of(shape), mode) for shape, mode in wanted]
    pointers, definitions = models_json_schema(models, ref_template=REF)
    refs = {shape: pointers[model]["$ref"] for shape, model in zip(wanted, models, strict=True)}
    return refs, dict(definitions["$defs"])


def _described(operation: Operation, refs: dict[Key, str], schemas: Json) -> Json:
    said: Json = {"operationId": operation.name, "summary": operation.summary, "tags": [operation.tag]}
    if text := _description(operation):
        said["description"] = text
    if parameters := _parameters(operation, refs, schemas):
        said["parameters"] = parameters
    if operation.body is not None:
        ref = refs[(operation.body, "validation")]
        required = bool(schemas[_name(ref)].get("required"))
        said["requestBody"] = {"required": required, "content": {"application/json": {"schema": {"$ref": ref}}}}
    said["responses"] = _responses(operation, refs)
    said["security"] = [{operation.security: []}] if operation.security else []
    return said


def _description(operation: Operation) -> str:
    """The handler's docstring and the scope a token needs."""
    scope = f"Needs the scope `{operation.scope}`." if operation.scope and operation.security == "person" else ""
    return "\n\n".join(part for part in (" ".join(operation.description.split()), scope) if part)


def _parameters(operation: Operation, refs: dict[Key, str], schemas: Json) -> list[Json]:
    names = re.findall(r"\{(\w+)\}", operation.path)
    found: list[Json] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    if operation.query is not None:
        schema = schemas[_name(refs[(operation.query, "validation")])]
        found += [_query_parameter(name, field, schema) for name, field in schema.get("properties", {}).items()]
    if operation.method in WRITES and operation.security:
        found.append(IDEMPOTENCY_KEY)
    return found


def _query_parameter(name: str, field: Json, schema: Json) -> Json:
    said: Json = {"name": name, "in": "query", "required": name in schema.get("required", [])}
    if "description" in field:
        said["description"] = field["description"]
    return said | {"schema": {key: value for key, value in field.items() if key not in ("title", "description")}}


def _responses(operation: Operation, refs: dict[Key, str]) -> Json:
    answer: Json = {"description": operation.summary}
    if operation.reply is not None:
        answer["content"] = {operation.media: {"schema": {"$ref": refs[(operation.reply, "serialization")]}}}
    elif operation.status == 200:
        answer["content"] = {operation.media.partition(";")[0]: {}}
    if operation.status in (201, 202):
        answer["headers"] = {"Location": {"description": "Where to find it", "schema": {"type": "string"}}}
    problem = {"application/json": {"schema": {"$ref": refs[(Problem, "serialization")]}}}
    errors_ = sorted(_problems(operation).items())
    failures = {str(code): {"description": ", ".join(sorted(names)), "content": problem} for code, names in errors_}
    return {str(operation.status): answer} | failures


def _name(ref: str) -> str:
    return ref.rpartition("/")[2]


def _problems(operation: Operation) -> dict[int, set[str]]:
    """Every error a caller must be ready for: those the route names, and those any door may answer."""
    kinds: set[type[errors.AppError]] = set(operation.errors)
    if operation.security:
        kinds |= {errors.Unauthenticated, errors.Forbidden}
    if operation.body is not None:
        kinds |= {errors.BadInput, errors.TooLarge, errors.UnsupportedMedia, errors.Unprocessable}
    if operation.query is not None:
        kinds |= {errors.BadInput, errors.Unprocessable}
    if operation.method in WRITES and operation.security:
        kinds |= {errors.Conflict, errors.Unavailable}
    if "{" in operation.path:
        kinds.add(errors.NotFound)
    found: dict[int, set[str]] = {500: {"internal"}} if operation.security else {}
    for kind in kinds:
        found.setdefault(kind.status, set()).add(kind.default_code)
    return found


def outputs() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    api = document()
    return {
        DOCUMENT: json.dumps(api, indent=1, ensure_ascii=False) + "\n",
        PAGE: html_page(api),
        REFERENCE: markdown_page(api),
    }


def main(arguments: list[str]) -> int:
    stale = [path for path, text in outputs().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)} (run python -m tools.openapi)", file=sys.stderr)
        return 1 if stale else 0
    for path, text in outputs().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
