"""What of people's work is saved before the machine stops? All that a machine can reach, and a list of it for each person.

Of each server at once: documents that several people edit live are written down, what is open in JupyterLab gets a checkpoint
(the file as it is on disk; a tab keeps unsaved keystrokes to itself for at most two minutes), a busy cell is interrupted, each
kernel is told to end, so that what it does at its end is done (atexit). Then the list is left in the person's home.

Keeps true: one server that hangs holds up no other; there is an end to it whatever happens; the list is written as the person,
so that no link in a home leads anywhere else.
"""

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aws_research_wizard.host import accounts, homes
from aws_research_wizard.host.ages import BUSY, state_of
from aws_research_wizard.host.hub_api import HubApi, HubAway, Server, running
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.work import Tell

SECONDS, INTERRUPT_SECONDS, KERNEL_SECONDS, ASK_SECONDS = 90.0, 5.0, 40.0, 15.0
LISTED = 100
"""So many names the report brings home; the person's own list has all."""
PLACE = ".local/share/aws-research-wizard"
_WRITE = (
    "import json, os, sys\n"
    "place, said = sys.argv[1], json.load(sys.stdin)\n"
    "os.makedirs(place, mode=0o700, exist_ok=True)\n"
    "for name, text in said.items():\n"
    "    path = os.path.join(place, name)\n"
    "    with open(path + '.coming', 'w') as file:\n"
    "        file.write(text)\n"
    "    os.replace(path + '.coming', path)\n"
)


@dataclass
class Session:
    """What a person had open, and what became of it."""

    user: str
    notebooks: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    kernels: list[dict[str, Any]] = field(default_factory=list)
    terminals: list[str] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    live_documents: int = 0
    trouble: list[str] = field(default_factory=list)
    over: bool = False


class Ask:
    """One server, asked so that what does not answer is a line in the list and not the end."""

    def __init__(self, hub: HubApi, server: Server, session: Session, until: float) -> None:
        self.hub, self.server, self.session, self.until = hub, server, session, until

    def __call__(self, method: str, path: str, what: str, body: Any = None, seconds: float = ASK_SECONDS) -> Any:
        """Return the answer; None when there is none."""
        left = self.until - time.monotonic()
        if left <= 0:
            self.session.trouble.append(f"{what}: there was no time left")
            return None
        try:
            return self.hub.server(self.server.person, self.server.port, method, path, body, timeout=min(seconds, left))
        except (HubAway, ValueError) as error:
            self.session.trouble.append(f"{what}: {error}"[:200])
            return None


def carry_out(machine: Machine, order: Mapping[str, Any], tell: Tell, hub: HubApi | None = None) -> dict[str, Any]:
    """Save every person's work; return `{saved, kernels, terminals, notebooks, people, trouble}`."""
    seconds = min(float(order.get("seconds") or SECONDS), SECONDS)
    until = time.monotonic() + seconds
    asked = hub or HubApi(machine)
    sessions = [(one, Session(one.person)) for one in running(asked.users(), time.time())]
    with ThreadPoolExecutor(16) as pool:
        wait([pool.submit(_save, asked, server, session, until) for server, session in sessions], timeout=seconds)
        tell({"saved": sum(session.over for _, session in sessions)})
        for future in [pool.submit(_leave_list, machine, session) for _, session in sessions]:
            future.result()
    return report([session for _, session in sessions])


def report(sessions: Iterable[Session]) -> dict[str, Any]:
    """Return what the control plane hears."""
    all_of = list(sessions)
    books = [f"{session.user}: {path}" for session in all_of for path in session.notebooks]
    return {
        "saved": sum(len(session.checkpoints) + session.live_documents for session in all_of),
        "kernels": sum(len(session.kernels) for session in all_of),
        "terminals": sum(len(session.terminals) for session in all_of),
        "people": len(all_of),
        "notebooks": books[:LISTED],
        "trouble": [f"{session.user}: {line}" for session in all_of for line in session.trouble][:LISTED],
    }


def _save(hub: HubApi, server: Server, session: Session, until: float) -> None:
    ask = Ask(hub, server, session, until)
    kernels, sessions = ask("GET", "/api/kernels", "kernels") or [], ask("GET", "/api/sessions", "notebooks") or []
    session.terminals = [str(one.get("name")) for one in ask("GET", "/api/terminals", "terminals") or []]
    books = {str((row.get("kernel") or {}).get("id")): str(row.get("path") or "") for row in sessions}
    session.notebooks, session.files = opened(sessions, ask("GET", "/lab/api/workspaces", "what is open") or {})
    session.live_documents = int((ask("POST", "/wizard/flush", "live documents", {}) or {}).get("flushed", 0))
    for path in (*session.notebooks, *session.files):
        if ask("POST", f"/api/contents/{quote(path)}/checkpoints", path) is not None:
            session.checkpoints.append(path)
    session.kernels = [
        {"id": str(one.get("id")), "name": one.get("name"), "notebook": books.get(str(one.get("id")), ""), "state": state_of(one)}
        for one in kernels
    ]
    _end_kernels(ask, session)
    session.over = True


def _end_kernels(ask: Ask, session: Session) -> None:
    """Interrupt what computes, give it a moment to notice, then ask each kernel to end."""
    at_work = [one for one in session.kernels if one["state"] == BUSY]
    for kernel in at_work:
        ask("POST", f"/api/kernels/{kernel['id']}/interrupt", f"kernel {kernel['name']}", {})
    patience = time.monotonic() + INTERRUPT_SECONDS
    while at_work and time.monotonic() < patience:
        now = {str(one.get("id")): state_of(one) for one in ask("GET", "/api/kernels", "kernels") or []}
        at_work = [one for one in at_work if now.get(one["id"]) == BUSY]
        time.sleep(0.2)
    with ThreadPoolExecutor(8) as pool:
        for kernel in session.kernels:
            pool.submit(ask, "DELETE", f"/api/kernels/{kernel['id']}", f"kernel {kernel['name']}", None, KERNEL_SECONDS)


def opened(sessions: Iterable[Mapping[str, Any]], workspaces: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the notebooks and the other files that are open, of the server's sessions and JupyterLab's layouts."""
    books = [str(one.get("path")) for one in sessions if one.get("type") == "notebook" and one.get("path")]
    files: list[str] = []
    for space in (workspaces.get("workspaces") or {}).get("values") or []:
        for key in space.get("data") or {}:
            kind, _, path = str(key).partition(":")
            name = path.removeprefix("RTC:")
            if kind in ("notebook", "editor") and name:
                (books if kind == "notebook" else files).append(name)
    return list(dict.fromkeys(books)), [name for name in dict.fromkeys(files) if name not in books]


def _leave_list(machine: Machine, session: Session) -> None:
    """Write what was saved into the person's home, as the person."""
    place = homes.place(machine.storage, session.user) / PLACE
    said = {
        "last-session.json": json.dumps(told(session, time.time()), indent=1),
        "last-session.txt": readable(session, time.time()),
    }
    words = [sys.executable, "-I", "-S", "-c", _WRITE, str(place)]
    try:
        become = {} if machine.local else _become(session.user)
        done = subprocess.run(
            words, input=json.dumps(said), capture_output=True, text=True, timeout=ASK_SECONDS, check=False, **become
        )
        if done.returncode:
            session.trouble.append(f"the list was not written: {done.stderr.strip().splitlines()[-1:]}")
    except (OSError, KeyError, subprocess.TimeoutExpired) as error:
        session.trouble.append(f"the list was not written: {error}")


def _become(person: str) -> dict[str, Any]:
    account = pwd.getpwnam(accounts.name_of(person))
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": [], "env": {"PATH": os.defpath}}


def told(session: Session, now: float) -> dict[str, Any]:
    """Return a person's list for programs."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    kept = {name: getattr(session, name) for name in ("notebooks", "files", "kernels", "terminals", "checkpoints", "trouble")}
    return {"saved_at": at, "user": session.user, **kept}


def readable(session: Session, now: float) -> str:
    """Return a person's list for the person."""
    lines = [f"What you had open when the lab stopped, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(now))}", ""]
    lines += _part("Notebooks", session.notebooks) + _part("Files", session.files)
    lines += _part("Kernels", [_kernel_line(one) for one in session.kernels])
    lines += _part("Terminals (what ran in them has ended)", session.terminals)
    lines += _part(
        "Checkpoints (JupyterLab: File > Revert Notebook to Checkpoint)", [_checkpoint(path) for path in session.checkpoints]
    )
    return "\n".join(lines + _part("What could not be done", session.trouble))


def _kernel_line(kernel: Mapping[str, Any]) -> str:
    state = "was computing: its cell was interrupted" if kernel["state"] == BUSY else "was idle"
    return f"{kernel['notebook'] or 'no notebook'} · {kernel['name']} · {state}; its variables are gone"


def _checkpoint(path: str) -> str:
    folder, name = Path(path).parent, Path(path)
    return f"{path} → {folder / '.ipynb_checkpoints' / f'{name.stem}-checkpoint{name.suffix}'}"


def _part(title: str, lines: list[str]) -> list[str]:
    return [f"{title}:", *(f"  {line}" for line in lines), ""] if lines else []
