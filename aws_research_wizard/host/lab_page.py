"""What does somebody who works in JupyterLab or Notebook see of a notice? A bar at its foot, gone when it is withdrawn.

An extension of everybody's server: `/wizard/notice` (what stands, as JSON), `/wizard/notice.js` (shows it), and a line in each
page that loads it. Keeps true: asking for it is no activity; a page that cannot be read through is passed on as it is.
"""

import json
import os
import re
import time
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado.web import OutputTransform, authenticated

from aws_research_wizard.host import documents, notices

TOLD = "AWR_TOLD"
"""Environment variable: the folder in which the machine tells people things."""
_PAGES = re.compile(r"/(lab|tree|notebooks|edit|consoles|terminals|doc)(/|$)")
_API = re.compile(r"/(lab|tree)/(api|extensions)/")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "aws_research_wizard.host.lab_page"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Add it to a server of a lab."""
    told = os.environ.get(TOLD)
    if not told:
        return
    app = server.web_app
    base = app.settings["base_url"].rstrip("/")
    app.add_handlers(
        ".*$",
        [
            (f"{base}/wizard/notice", Standing, {"told": Path(told)}),
            (f"{base}/wizard/notice.js", Script),
            (f"{base}/wizard/flush", Flush),
        ],
    )
    Bar.source = f"{base}/wizard/notice.js"
    app.add_transform(Bar)


class Standing(APIHandler):  # type: ignore[misc]  # jupyter_server ships no types we follow
    """The notice that stands."""

    def initialize(self, told: Path) -> None:
        """Take where it is."""
        self.told = told

    @authenticated
    def get(self) -> None:
        """Return it, or null."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(notices.standing(self.told, time.time())))


class Script(JupyterHandler):  # type: ignore[misc]
    """What shows it."""

    @authenticated
    def get(self) -> None:
        """Return the script."""
        self.set_header("Content-Type", "text/javascript")
        self.finish(resources("aws_research_wizard.host").joinpath("templates/notice.js").read_text())


class Flush(APIHandler):  # type: ignore[misc]
    """Writes down documents that several people edit live, before the machine stops."""

    @authenticated
    async def post(self) -> None:
        """Return how many were written."""
        self.finish(json.dumps({"flushed": await documents.flush(self.settings)}))


class Bar(OutputTransform):  # type: ignore[misc]  # tornado ships no types we follow
    """Puts the line into pages."""

    source = ""

    def __init__(self, request: Any) -> None:
        self._page = request.method == "GET" and _PAGES.search(request.path) and not _API.search(request.path)

    def transform_first_chunk(self, status_code: int, headers: Any, chunk: bytes, finishing: bool) -> Any:
        """Change a page that is complete in one piece; leave all else."""
        if self._page and finishing and status_code == 200 and "text/html" in headers.get("Content-Type", ""):
            changed = notices.with_bar(chunk, self.source)
            if changed is not chunk and "Content-Length" in headers:
                headers["Content-Length"] = str(len(changed))
            return status_code, headers, changed
        return status_code, headers, chunk
