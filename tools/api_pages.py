"""How does a person read the API? One page of HTML that needs nothing from elsewhere, and one of Markdown for the docs.

Both say the same, in the order of the document's tags: each operation with its parameters, body, answers and errors, then
every schema.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

Json = dict[str, Any]
Rows = list[tuple[str, str, str, str]]  # name, type, needed?, what it is

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --get: #0b6e4f; --post: #1f5fbf; --put: #a35b00;
  --delete: #b3261e }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 64rem; padding: 1.5rem }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem; padding-bottom: .2rem }
h3 { margin: 1.8rem 0 .3rem; font-size: 1rem }
code { font: .92em ui-monospace, monospace } .path { font-size: 1.05rem }
.verb { border-radius: .25rem; color: #fff; display: inline-block; font: bold .75rem ui-monospace, monospace; min-width: 3.6rem;
  padding: .15rem .3rem; text-align: center; background: var(--post) }
.GET { background: var(--get) } .PUT, .PATCH { background: var(--put) } .DELETE { background: var(--delete) }
table { border-collapse: collapse; margin: .5rem 0; width: 100% } th, td { border: 1px solid var(--line); padding: .25rem .5rem;
  text-align: left; vertical-align: top } th { background: var(--soft); font-weight: 600 }
nav ul { columns: 2; list-style: none; padding: 0 } a { color: inherit }
@media (max-width: 40rem) { nav ul { columns: 1 } table { display: block; overflow-x: auto } }
"""


def html_page(api: Json) -> str:
    body = "\n".join([*_html_head(api), *_html_operations(api), *_html_schemas(api)])
    title = escape(api["info"]["title"])
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}: API</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n</head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _html_head(api: Json) -> Iterator[str]:
    yield f"<h1>{escape(api['info']['title'])}</h1>"
    yield f'<p>API version {escape(api["info"]["version"])} · <a href="openapi.json">openapi.json</a></p>'
    for paragraph in api["info"]["description"].split("\n\n"):
        yield f"<p>{_inline(paragraph)}</p>"
    yield "<nav><ul>"
    for path, method, operation in in_order(api):
        name = operation["operationId"]
        yield f'<li><a href="#{name}"><code>{method} {escape(path)}</code></a></li>'
    yield "</ul></nav>"


def _html_operations(api: Json) -> Iterator[str]:
    tag = ""
    for path, method, operation in in_order(api):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            about = next(one["description"] for one in api["tags"] if one["name"] == tag)
            yield f"<h2>{escape(tag.capitalize())}</h2><p>{_inline(about)}</p>"
        yield f'<h3 id="{operation["operationId"]}"><span class="verb {method}">{method}</span> '
        yield f'<code class="path">{escape(path)}</code></h3><p>{_inline(operation["summary"])}</p>'
        if operation.get("description"):
            yield "".join(f"<p>{_inline(part)}</p>" for part in operation["description"].split("\n\n"))
        yield _html_table(("Parameter", "Type", "Needed", ""), parameters(operation))
        if body := body_of(operation):
            yield f"<p>Body: {_html_type(body)}</p>"
        yield _html_table(("Answer", "Type", "", ""), answers(operation))


def _html_schemas(api: Json) -> Iterator[str]:
    yield "<h2>Schemas</h2>"
    for name, schema in api["components"]["schemas"].items():
        yield f'<h3 id="schema-{name}">{name}</h3>'
        if schema.get("description"):
            yield f"<p>{_inline(schema['description'])}</p>"
        if "enum" in schema:
            yield "<p>One of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"]) + "</p>"
        yield _html_table(("Field", "Type", "Needed", ""), fields(schema))


def _html_table(head: tuple[str, str, str, str], rows: Rows) -> str:
    if not rows:
        return ""
    cells = "".join(f"<th>{word}</th>" for word in head)
    lines = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_html_type(kind)}</td><td>{needed}</td><td>{_inline(about)}</td></tr>"
        for name, kind, needed, about in rows
    )
    return f"<table><tr>{cells}</tr>{lines}</table>"


def _html_type(kind: str) -> str:
    """`LabView`, `list of LabView` or `string`, with links to the schemas."""
    words = [f'<a href="#schema-{word}">{word}</a>' if word[:1].isupper() else escape(word) for word in kind.split(" ")]
    return " ".join(words)


def _inline(text: str) -> str:
    """Markdown's `code` as HTML; everything else escaped."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def markdown_page(api: Json) -> str:
    lines = ["<!-- Generated by python -m tools.openapi: do not edit. -->", "# The HTTPS API", "", api["info"]["description"], ""]
    tag = ""
    for path, method, operation in in_order(api):
        if operation["tags"][0] != tag:
            tag = operation["tags"][0]
            about = next(one["description"] for one in api["tags"] if one["name"] == tag)
            lines += [f"## {tag.capitalize()}", "", about, ""]
        lines += [f"### `{method} {path}`", "", operation["summary"], ""]
        lines += [operation["description"], ""] if operation.get("description") else []
        lines += _markdown_table(("parameter", "type", "needed", ""), parameters(operation))
        lines += [f"Body: {body_of(operation)}", ""] if body_of(operation) else []
        lines += _markdown_table(("answer", "type", "", ""), answers(operation))
    lines += ["## Schemas", ""]
    for name, schema in api["components"]["schemas"].items():
        lines += [f"### {name}", ""]
        lines += [schema["description"], ""] if schema.get("description") else []
        lines += ["One of " + ", ".join(f"`{value}`" for value in schema["enum"]), ""] if "enum" in schema else []
        lines += _markdown_table(("field", "type", "needed", ""), fields(schema))
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(head: tuple[str, str, str, str], rows: Rows) -> list[str]:
    if not rows:
        return []
    lines = [f"| `{name}` | {kind} | {needed} | {about.replace('|', '/')} |" for name, kind, needed, about in rows]
    return ["| " + " | ".join(head) + " |", "|---|---|---|---|", *lines, ""]


def in_order(api: Json) -> list[tuple[str, str, Json]]:
    """(path, METHOD, operation) by tag, then path."""
    tags = [tag["name"] for tag in api["tags"]]
    found = [
        (path, method.upper(), operation)
        for path, item in api["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "operationId" in operation
    ]
    return sorted(found, key=lambda one: tags.index(one[2]["tags"][0]))


def parameters(operation: Json) -> Rows:
    rows: Rows = []
    for one in operation.get("parameters", []):
        about = one.get("description", "")
        rows.append((one["name"], type_of(one["schema"]), "yes" if one.get("required") else "", about))
    return rows


def body_of(operation: Json) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return type_of(content["application/json"]["schema"]) if content else ""


def answers(operation: Json) -> Rows:
    rows: Rows = []
    for status, response in operation["responses"].items():
        schemas = [type_of(media.get("schema", {})) for media in response.get("content", {}).values()]
        extra = "with `Location`" if response.get("headers") else ""
        about = "" if response["description"] == operation["summary"] else response["description"]
        rows.append((status, schemas[0] if schemas else "", extra, about))
    return rows


def fields(schema: Json) -> Rows:
    required = schema.get("required", [])
    return [
        (name, type_of(field), "yes" if name in required else "", field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]


def type_of(schema: Json) -> str:
    """A schema in words: `string`, `integer (1 to 200)`, `list of LabView`, `LabView or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if "allOf" in schema:
        return " and ".join(type_of(one) for one in schema["allOf"])
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    kind = str(schema.get("format") or schema.get("type") or "any")
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = f" ({low:g} to {high:g})" if low is not None and high is not None else ""
    default = schema.get("default")
    return kind + bounds + (f", {default!r} by default" if isinstance(default, str | int | bool) and default != "" else "")
