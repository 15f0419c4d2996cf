"""What does somebody see whose home is full? What takes the room, and a way to remove it.

An extension of their own server, loaded in rescue mode alone: `/rescue` (the page), `/rescue/found`, `/rescue/remove`,
`/rescue/leave`. Runs as the person, so it can do no more than they can.
"""

import html
import json
import os
from importlib.resources import files as resources
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import authenticated

from aws_research_wizard.host import large, room
from aws_research_wizard.host.large import Place, Search
from aws_research_wizard.host.rescue import VARIABLE

SECONDS = 0.5
"""Between the answer and the end of the server, which the hub then notices."""


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "aws_research_wizard.host.rescue_page"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the page to a server that was started in rescue mode."""
    told = json.loads(os.environ.get(VARIABLE) or "{}")
    if not told:
        return
    base = server.web_app.settings["base_url"].rstrip("/")
    handlers = (("", Page), ("/found", Found), ("/remove", Remove), ("/leave", Leave))
    given = {"rescue": Rescued(told, server)}
    server.web_app.add_handlers(".*$", [(f"{base}/rescue{path}", handler, given) for path, handler in handlers])


class Rescued:
    """What the page knows."""

    def __init__(self, told: dict[str, str], server: Any) -> None:
        self.notice, self.lack, self.server = told["notice"], told["lack"], server
        self.home = Path(told["home"])
        self.places = (
            Place("home", self.home),
            Place("shared", Path(told["shared"]), own=False),
            Place("machine", Path(told["scratch"]), own=False),
        )
        self.search = Search(self.places)

    def look(self) -> None:
        """Look again."""
        self.search = Search(self.places).start()

    def lacking(self) -> room.Lack | None:
        """Return what is still missing."""
        try:
            return next(filter(None, map(room.lacking, (self.home, self.places[2].path))), None)
        except OSError as error:
            return room.lack_of(error) or room.Lack.SPACE


class _Asked(JupyterHandler):  # type: ignore[misc]  # jupyter_server's base is untyped here
    rescue: Rescued

    def initialize(self, rescue: Rescued) -> None:
        """Take over what all share."""
        self.rescue = rescue

    def say(self, **words: Any) -> None:
        """Answer in JSON."""
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(words))


class Page(_Asked):
    """GET /rescue"""

    @authenticated
    def get(self) -> None:
        """Show the page, and begin to look."""
        self.rescue.look()
        person, hub = os.environ.get("JUPYTERHUB_USER", ""), os.environ.get("JUPYTERHUB_BASE_URL", "/")
        values = {
            "notice": html.escape(self.rescue.notice),
            "base": html.escape(self.base_url, quote=True),
            "again": html.escape(f"{hub}hub/spawn/{quote(person, safe='@')}", quote=True),
            "xsrf": html.escape(self.xsrf_token.decode(), quote=True),
            "order": "items" if self.rescue.lack == room.Lack.FILES else "size",
        }
        page = resources("aws_research_wizard.host").joinpath("templates", "rescue.html").read_text()
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Cache-Control", "no-store")
        self.finish(Template(page).substitute(values))


class Found(_Asked):
    """GET /rescue/found"""

    @authenticated
    def get(self) -> None:
        """Tell what was found so far."""
        seen = os.statvfs(self.rescue.home if self.rescue.home.is_dir() else self.rescue.places[1].path)
        self.say(
            **self.rescue.search.told(), free=seen.f_bavail * seen.f_frsize, free_files=seen.f_favail if seen.f_files else None
        )


class Remove(_Asked):
    """POST /rescue/remove"""

    @authenticated
    def post(self) -> None:
        """Remove what was ticked; say what could not be."""
        failed = []
        for one in (self.get_json_body() or {}).get("things", ()):
            try:
                large.remove(self.rescue.search.places, str(one["place"]), bytes.fromhex(str(one["key"])))
            except FileNotFoundError:
                continue  # it went with the folder that it was in
            except (OSError, ValueError, KeyError) as error:
                failed.append({"key": one.get("key"), "why": getattr(error, "strerror", None) or str(error)})
        self.rescue.look()
        self.say(failed=failed)


class Leave(_Asked):
    """POST /rescue/leave"""

    @authenticated
    def post(self) -> None:
        """End this server if there is room, so that the next one is an ordinary one."""
        lack = self.rescue.lacking()
        if lack is None:
            self.rescue.server.io_loop.call_later(SECONDS, self.rescue.server.stop)
        self.say(room=lack is None, lack=lack)
