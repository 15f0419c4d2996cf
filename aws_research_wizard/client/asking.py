"""How does every operation ask? One request, or page after page; whatever a person typed stays inside its part of the path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aws_research_wizard.client.wire import Wire

if TYPE_CHECKING:
    import httpx


class Asking:
    """`with` gives the connection back."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None, **wire: Any) -> None:
        self.wire = Wire(url, token, transport, **wire)

    def _numbered(self, path: str, after: int, query: Mapping[str, Any]) -> Iterator[Any]:
        """Pages that go on from a number."""
        following: int | None = after
        while following is not None:
            page = self._get(path, {**query, "after": following})
            yield from page["items"]
            following = page["next"]

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self.wire.get(path, query)

    def _send(self, method: str, path: str, body: Any = None, *, query: Mapping[str, Any] | None = None, key: str = "") -> Any:
        return self.wire.send(method, path, body, query, key)

    def _pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            page = self._get(path, {**(query or {}), "cursor": cursor})
            yield from page["items"]
            cursor = page.get("cursor")
            if not cursor:
                return


def of_lab(*parts: str) -> str:
    """The path of a lab, or of something in it."""
    return "/labs/" + "/".join(map(part, parts))


def part(text: str) -> str:
    """One path segment."""
    return quote(text, safe="@")
