"""The hub's door: whoever brings a good ticket is signed in, everybody else is told how to get one.

Runs inside JupyterHub. Keeps true: what the control plane says of a person's role holds within seconds, with no restart, and goes
on holding while the control plane is away.
"""

import asyncio
import base64
import time
from pathlib import Path
from typing import Any

import jupyterhub.log
from jupyterhub.auth import Authenticator
from jupyterhub.handlers import BaseHandler
from traitlets import Unicode

from aws_research_wizard.host import files, identity, orders, people, tickets
from aws_research_wizard.host.tickets import Reason, Ticket, TicketRefused

jupyterhub.log.SCRUB_PARAM_KEYS = (*jupyterhub.log.SCRUB_PARAM_KEYS, "ticket")  # a ticket is a secret until it is used

WORDS = {
    Reason.MISSING: ("Sign in with a link", "This lab has no passwords: you come in with a link that is made for you."),
    Reason.EXPIRED: ("This link is too old", "Your link was good for two minutes, and these are over."),
    Reason.USED: ("This link was used already", "A link opens the lab once."),
    Reason.FOREIGN: ("This link is not for this lab", "It was made for another lab, or is damaged."),
    Reason.VIEWER: ("You may look, not work", "Your role in this lab is viewer. Its lead can make you a member."),
    Reason.REMOVED: (
        "You are no longer a member",
        "You were taken off this lab's list. Your files are kept. Its lead can add you again.",
    ),
}


class TicketAuthenticator(Authenticator):  # type: ignore[misc]  # jupyterhub ships no types
    """Signs people in by ticket, and keeps to the list of the last orders."""

    state = Unicode(help="Directory of this machine's state.").tag(config=True)
    lab_id = Unicode(help="The lab whose tickets open this door.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._used = tickets.Used(Path(self.state) / "used_tickets.json")

    def get_handlers(self, _app: Any) -> list[tuple[str, type]]:
        """Answer /hub/login ourselves."""
        return [(r"/login", TicketLogin)]

    def open(self, text: str) -> Ticket:
        """Return the ticket, now used, of someone who may come in; raise TicketRefused otherwise."""
        state, now = Path(self.state), time.time()
        key = base64.b64decode(files.read_json(identity.path(state))["login_key"])
        ticket = tickets.read(text, key, self.lab_id, now)
        listed = people.load(state)
        tickets.admit(ticket, listed)
        self._used.take(ticket, now)
        if ticket.person in listed.removed:
            people.change(state, lambda now_listed: people.readmit(now_listed, ticket.person))
        return ticket

    async def authenticate(self, _handler: Any, data: Ticket) -> dict[str, Any]:
        """Turn an accepted ticket into a hub user."""
        return {"name": data.person, "admin": False, "groups": people.groups_of(data.role)}

    def validate_username(self, username: str) -> bool:
        """Accept e-mail addresses; what could leave a home directory is refused."""
        return bool(username) and "/" not in username and not username.startswith(".") and len(username) <= 254

    async def refresh_user(self, user: Any, handler: Any = None) -> bool | dict[str, Any]:
        """Say whether someone signed in may go on, and with which rights; also take over a changed capacity."""
        state = Path(self.state)
        wanted = orders.load(state)
        if wanted and handler is not None:
            handler.settings["active_server_limit"] = wanted.capacity
        listed = people.load(state)
        if not listed.may_work(user.name):
            return False
        return {"name": user.name, "groups": listed.groups(user.name)}


class TicketLogin(BaseHandler):  # type: ignore[misc]  # jupyterhub ships no types
    """GET /hub/login?ticket=…"""

    async def get(self) -> None:
        """Sign in and go on to the person's server, or explain."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        text = self.get_argument("ticket", default="")
        if self.current_user and not text:
            self.redirect(self.get_next_url(self.current_user))
            return
        try:
            ticket = await asyncio.to_thread(self.authenticator.open, text)
        except TicketRefused as refusal:
            await self._refuse(refusal)
            return
        user = await self.login_user(ticket)
        self._jupyterhub_user = user
        self.redirect(self.get_next_url(user))

    def append_query_parameters(self, url: str, exclude: Any = None) -> str:
        """Leave the ticket out of where we send the person on to."""
        cleaned: str = super().append_query_parameters(url, exclude=[*(exclude or ("next", "_xsrf")), "ticket"])
        return cleaned

    async def head(self) -> None:
        """Answer link checkers without using the ticket up."""
        self.set_status(200)

    async def _refuse(self, refusal: TicketRefused) -> None:
        if refusal.reason is Reason.USED and self.current_user and self.current_user.name == refusal.person:
            self.redirect(self.get_next_url(self.current_user))  # a reload of the link by the person it let in
            return
        heading, message = WORDS[refusal.reason]
        ask = refusal.reason in (Reason.MISSING, Reason.EXPIRED, Reason.USED, Reason.FOREIGN)
        self.set_status(200 if refusal.reason is Reason.MISSING else 403)
        self.finish(await self.render_template("ticket.html", heading=heading, message=message, ask=ask))
