"""Does a notebook hold something that looks like a credential? In its cells or in what they printed; told by place and kind only.

Found by detect-secrets' own plugins, without its network checks. Keeps true: the secret itself is never repeated; no notebook,
however broken, ends in a traceback.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PLUGINS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "BasicAuthDetector",
    "CloudantDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "KeywordDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
"""All but those that go by entropy alone: a notebook is full of random-looking letters (pictures, ids)."""
MOST_BYTES = 50 * 1024 * 1024
MOST_LINE = 2000
TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex", "application/json")


@dataclass(frozen=True)
class Finding:
    """`cell` counts from 1; `where` is source or output; `kind` is what it looks like."""

    cell: int
    where: str
    kind: str

    @property
    def words(self) -> str:
        place = "the output of cell" if self.where == "output" else "cell"
        return f"{place} {self.cell} holds what looks like a credential ({self.kind})"


def missing() -> bool:
    """Whether the library that finds them is not installed."""
    from importlib.util import find_spec

    return find_spec("detect_secrets") is None


def look(content: bytes) -> list[Finding]:
    """What a notebook holds, each kind once a cell and place."""
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import transient_settings

    found: dict[Finding, None] = {}
    with transient_settings({"plugins_used": [{"name": name} for name in PLUGINS], "filters_used": []}):
        for cell, where, line in _lines(content):
            found |= {Finding(cell, where, secret.type): None for secret in scan_line(line)}
    return list(found)


def _lines(content: bytes) -> Iterator[tuple[int, str, str]]:
    for number, cell in enumerate(_cells(content), 1):
        for line in _split(cell.get("source")):
            yield number, "source", line
        for output in _listed(cell.get("outputs")):
            for text in _texts(output):
                for line in _split(text):
                    yield number, "output", line


def _cells(content: bytes) -> list[dict[str, Any]]:
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return []
    if not isinstance(notebook, dict):
        return []
    sheets = _listed(notebook.get("worksheets"))  # notebooks of before 2014
    lists = [notebook.get("cells"), *(sheet.get("cells") for sheet in sheets)]
    return [cell for cells in lists for cell in _listed(cells)]


def _listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _texts(output: dict[str, Any]) -> Iterator[Any]:
    yield output.get("text")
    yield output.get("traceback")
    yield output.get("evalue")
    data = output.get("data")
    if isinstance(data, dict):
        for kind in TEXTS:
            value = data.get(kind)
            yield value if isinstance(value, str | list) else json.dumps(value) if value else None


def _split(text: Any) -> Iterator[str]:
    """Lines of a cell's text, be it one string or a list of them; very long ones in pieces."""
    parts = text if isinstance(text, list) else [text]
    for part in parts:
        for line in part.splitlines() if isinstance(part, str) else ():
            for start in range(0, len(line), MOST_LINE):
                yield line[start : start + MOST_LINE + 200]
