"""Does a pack's own file say what packs say, and only that? Every mistake at once, each on its line.

The schema that editors use is the judge; what it says in its own terms is said here in an author's.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from aws_research_wizard.packs import shelf
from aws_research_wizard.packs.documents import Document, written
from aws_research_wizard.packs.findings import CODES, Finding, finding
from aws_research_wizard.packs.production import near_miss

KINDS = {
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
MONEY = ("cost", "price", "usd", "dollar", "budget")


@cache
def schema() -> dict[str, Any]:
    """What editors check packs with."""
    return dict(json.loads((shelf.shipped() / shelf.SCHEMA).read_text("utf-8")))


def findings(document: Document) -> list[Finding]:
    """Everything that is wrong with the file's shape."""
    from jsonschema import Draft202012Validator

    if not isinstance(document.values, dict):
        what = "a list" if isinstance(document.values, list) else "one value"
        return [finding("P008", document.at(), f"the file holds {what}")]
    errors = Draft202012Validator(schema()).iter_errors(document.values)
    found = {(one.code, one.place, one.said): one for error in errors for one in _read(document, error)}
    return sorted(found.values(), key=lambda one: one.place)


def _read(document: Document, error: Any) -> Iterator[Finding]:
    steps = tuple(error.absolute_path)
    name, place = written(steps), document.at(*steps)
    match error.validator:
        case "required":
            yield from (
                finding("P101", place, f"{_dotted(name)}{key} is missing")
                for key in error.validator_value
                if key not in error.instance
            )
        case "anyOf":
            parts = [key for key in ("kernels", "instances", "idle") if key not in error.instance]
            remedy = "say `extends: base` to take over what is missing"
            yield finding("P101", place, f"{', '.join(parts)}: missing, and the pack extends no other one", remedy)
        case "additionalProperties":
            yield from _unknown(document, steps, error)
        case "propertyNames" | "minProperties" if steps[:1] == ("kernels",) and len(steps) == 1:
            yield from _kernel_names(document, error)
        case "type":
            yield _kind(document, steps, error)
        case "minItems" | "minProperties":
            yield finding("P105", place, f"{name} is empty")
        case "uniqueItems":
            yield finding("P105", place, f"{name} holds {_twice(error.instance)} twice")
        case _:
            yield _not_allowed(document, steps, error)


def _dotted(name: str) -> str:
    return f"{name}." if name else ""


def _unknown(document: Document, steps: tuple[Any, ...], error: Any) -> Iterator[Finding]:
    known: Mapping[str, Any] = error.schema.get("properties", {})
    for key in error.instance:
        if key in known:
            continue
        hint = near_miss(key, known)
        if not hint and any(word in key.lower() for word in MONEY):
            hint = CODES["P306"].remedy
        yield finding("P102", document.at(*steps, key), f"{written((*steps, key))} is not known here", hint)


def _kernel_names(document: Document, error: Any) -> Iterator[Finding]:
    if error.validator == "minProperties":
        yield finding("P105", document.at("kernels"), "kernels is empty")
        return
    key = error.instance
    yield finding("P201", document.at("kernels", key), f"'{key[:64]}' cannot be a kernel's name")


def _kind(document: Document, steps: tuple[Any, ...], error: Any) -> Finding:
    wanted = error.validator_value
    kinds = [wanted] if isinstance(wanted, str) else wanted
    value, name = error.instance, written(steps)
    hint = ""
    if "string" in kinds and isinstance(value, int | float) and not isinstance(value, bool):
        hint = f'put it in quotes: "{value}"'
    elif "array" in kinds and isinstance(value, str):
        hint = f"write a list: [{value[:60]}]"
    said = f"{name or 'the file'} must be {' or '.join(KINDS[one] for one in kinds)}, not {_seen(value)}"
    return finding("P103", document.at(*steps), said, hint)


def _seen(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"'{value[:40]}'"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return str(value)[:40]


def _twice(values: list[Any]) -> str:
    return next((_seen(one) for number, one in enumerate(values) if one in values[:number]), "something")


def _not_allowed(document: Document, steps: tuple[Any, ...], error: Any) -> Finding:
    name, value = written(steps), error.instance
    hint = str(error.schema.get("description", ""))
    said = f"{name} is {_seen(value)}"
    match error.validator:
        case "enum":
            allowed = [str(one) for one in error.validator_value]
            hint = near_miss(str(value), allowed) or f"one of: {', '.join(allowed)}"
        case "minimum" | "maximum":
            low, high = error.schema.get("minimum"), error.schema.get("maximum")
            hint = f"a number from {low} to {high}"
        case "maxLength":
            said, hint = f"{name} is longer than {error.validator_value} letters", ""
        case "minLength":
            said, hint = f"{name} is empty", ""
        case "pattern":
            hint = hint or f"it must match {error.validator_value}"
    if steps[:1] == ("kernels",) and len(steps) == 1:
        return finding("P201", document.at("kernels", str(value)), f"'{str(value)[:64]}' cannot be a kernel's name")
    if steps[:1] == ("kernels",) and steps[2:3] == ("version",):
        return finding("P204", document.at(*steps), said, 'a version in quotes: "3.11"')
    if steps[:1] == ("kernels",) and steps[2:3] == ("system",):
        return finding("P207", document.at(*steps), said)
    return finding("P104", document.at(*steps), said, hint)
