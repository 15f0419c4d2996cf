"""A person's home in a running lab, reached as their browser reaches it: by a login link, through their own server.

So nothing can be done here that the person could not do in JupyterLab, and no right is needed that they lack. The token that
is made on the way lives for minutes, and is taken back at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from aws_research_wizard.client.errors import WizardError

if TYPE_CHECKING:
    import httpx

PATIENCE = 120.0
SECONDS = 600


class Home:
    """Files of one home, by their path below it."""

    def __init__(self, http: httpx.Client, server: str) -> None:
        self._http, self._server = http, server

    def read(self, path: str) -> str | None:
        """A file's text; None when there is none; "" for what is no text."""
        answer = self._http.get(self._place(path), params={"type": "file", "format": "text"})
        if answer.status_code == 404:
            return None
        if answer.status_code == 400:
            return ""  # a folder, or no text
        content = _good(answer, f"reading {path}").get("content")
        return content if isinstance(content, str) else ""

    def write(self, path: str, text: str) -> bool:
        """Save a file of text."""
        body = {"type": "file", "format": "text", "content": text}
        _good(self._http.put(self._place(path), json=body), f"writing {path}")
        return True

    def folder(self, path: str) -> None:
        """Make sure of a folder."""
        if self._http.get(self._place(path), params={"content": "0"}).status_code == 404:
            _good(self._http.put(self._place(path), json={"type": "directory"}), f"making {path}")

    def kernels(self) -> set[str]:
        """The kernels that the lab offers."""
        return set(_good(self._http.get(f"{self._server}/api/kernelspecs"), "asking for kernels")["kernelspecs"])

    def _place(self, path: str) -> str:
        return f"{self._server}/api/contents/{quote(path)}"


@contextmanager
def home(link: str, transport: httpx.BaseTransport | None = None) -> Iterator[Home]:
    """The home that a login link leads to; the person's server is started if it rests."""
    import httpx

    parts = urlsplit(link)
    base = f"{parts.scheme}://{parts.netloc}"
    try:
        with httpx.Client(timeout=60, transport=transport) as browser:
            user, token, token_id = _signed_in(browser, base, link)
            bearer = {"Authorization": f"token {token}"}
            with httpx.Client(headers=bearer, timeout=60, transport=transport) as http:
                try:
                    server = f"{base}/user/{quote(user, safe='@~')}"
                    _started(http, f"{base}/hub/api/users/{quote(user, safe='')}/server", server)
                    yield Home(http, server)
                finally:
                    http.delete(f"{base}/hub/api/users/{quote(user, safe='')}/tokens/{token_id}")
    except httpx.TransportError as error:
        raise WizardError(
            f"the lab at {base} cannot be reached: {error}", "is it READY? aws-research-wizard jupyter status"
        ) from None


def _signed_in(browser: httpx.Client, base: str, link: str) -> tuple[str, str, str]:
    """Who the link is for, and a token of theirs with its id."""
    answer = browser.get(link)
    if answer.status_code not in (302, 303):
        raise WizardError(f"the login link was refused ({answer.status_code})", "a link counts once: ask again")
    browser.get(f"{base}/hub/home")
    xsrf = browser.cookies.get("_xsrf", path="/hub/") or browser.cookies.get("_xsrf") or ""
    headers = {"X-XSRFToken": xsrf, "Referer": f"{base}/hub/home"}
    user = str(_good(browser.get(f"{base}/hub/api/user", headers=headers), "asking who this is")["name"])
    wanted = {"note": "aws-research-wizard packs notebooks", "expires_in": SECONDS}
    made = browser.post(f"{base}/hub/api/users/{quote(user, safe='')}/tokens", headers=headers, json=wanted)
    said = _good(made, "making a token")
    return user, str(said["token"]), str(said["id"])


def _started(http: httpx.Client, place: str, server: str) -> None:
    answer = http.post(place)
    if answer.status_code not in (201, 202, 400):  # 400: it runs
        raise WizardError(f"your server in the lab did not start ({answer.status_code})", "open the lab to see why")
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if http.get(f"{server}/api/status").status_code == 200:
            return
        time.sleep(0.2)
    raise WizardError("your server in the lab did not start in time", "open the lab to see why")


def _good(answer: httpx.Response, doing: str) -> dict[str, Any]:
    if answer.status_code >= 400:
        raise WizardError(f"{doing}: the lab answers {answer.status_code}", "open the lab to see why")
    return dict(answer.json()) if answer.content else {}
