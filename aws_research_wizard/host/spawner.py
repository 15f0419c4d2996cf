"""How does a person's server start? A process in its own session, in their home, under their own account (on AWS).

Runs inside JupyterHub. Keeps true: the server outlives the hub (its output goes to a file, not to the hub), and the hub
hears within 50 ms that it listens; it starts also when the home, the lab's storage or the machine's disk is full (rescue.py).
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from jupyterhub.spawner import LocalProcessSpawner, set_user_setuid
from traitlets import Bool, Unicode

from aws_research_wizard.host import accounts, examples, homes, processes, rescue, room
from aws_research_wizard.host.accounts import Account
from aws_research_wizard.host.rescue import Rescue
from aws_research_wizard.host.room import Lack, Owner


class LabSpawner(LocalProcessSpawner):  # type: ignore[misc]  # jupyterhub ships no types
    """One server a person."""

    storage = Unicode(help="The lab's file system.").tag(config=True)
    examples = Unicode(help="The pack's example notebooks; blank for none.").tag(config=True)
    more_examples = Unicode(help="Where the notebooks of packs are that were activated; blank for none.").tag(config=True)
    kernels = Unicode(help="Where the lab's kernels are registered: notebooks of others are not laid.").tag(config=True)
    logs = Unicode(help="Where servers write their logs.").tag(config=True)
    runtime = Unicode(help="Where servers and kernels keep connection files: on the machine's own disk.").tag(config=True)
    accounts = Bool(False, help="Give every person a system account (on AWS).").tag(config=True)

    _account: Account | None = None
    _rescue: Rescue | None = None
    _own = Path()
    _born = ""
    pid: int

    async def start(self) -> tuple[str, int]:
        """Start the server; return where it listens, once it does."""
        await asyncio.to_thread(self._prepare)
        with self._log() as output:
            self.popen_kwargs = {"stdout": output, "stderr": output, "stdin": subprocess.DEVNULL}
            ip, port = await super().start()
        self._born = processes.born(self.pid)
        await self._listening(port)
        return ip, port

    def get_state(self) -> dict[str, Any]:
        """Remember the port, at which the agent asks for kernels, and which process it was: numbers are used again."""
        return {**super().get_state(), "port": self.port, "born": self._born}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take a server over from before the hub's start, if it is that very process."""
        super().load_state(state)
        self._born = str(state.get("born", ""))
        if not self._born or processes.born(self.pid) != self._born:
            self.pid = 0

    async def _signal(self, sig: int) -> bool:
        """Signal the server, and never a stranger who has its number now; say whether it lives."""
        if not self._born or processes.born(self.pid) != self._born:
            return False
        lives: bool = await super()._signal(sig)
        return lives

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Set the variables that name a person and their places."""
        env["USER"] = env["LOGNAME"] = self._account.name if self._account else self.user.name
        env["HOME"] = str(homes.place(Path(self.storage), self.user.name))
        env["SHELL"] = "/bin/bash"
        env["JUPYTER_RUNTIME_DIR"] = str(self._own)
        return env | self._rescue.environment() if self._rescue else env

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """Go to the person's home, as the person where there are accounts."""
        if self._account:
            become: Callable[[], None] = set_user_setuid(self._account.name)
            return become
        home = homes.place(Path(self.storage), name)
        return lambda: os.chdir(home if home.is_dir() else self._own)

    def _prepare(self) -> None:
        self._account = accounts.ensure(Path(self.storage), self.user.name) if self.accounts else None
        owner = (self._account.uid, self._account.uid) if self._account else None
        lacking = self._settle_in(owner)
        self._own = rescue.corner(Path(self.runtime), self._slug())
        self._own.mkdir(parents=True, exist_ok=True)
        self._own.chmod(0o700)
        if owner:
            os.chown(self._own, *owner)
        shutil.rmtree(self._own / "rescue", ignore_errors=True)
        self._rescue = self._rescued(*lacking, owner) if lacking else None

    def _settle_in(self, owner: Owner) -> tuple[Lack, str] | None:
        """Make the home ready; return what lacks room and where, None when there is some everywhere."""
        storage, where = Path(self.storage), "home"
        own, more = (Path(one) if one else None for one in (self.examples, self.more_examples))
        try:
            home = homes.settle_in(storage, self.user.name, examples.offers(own, more, Path(self.kernels)), owner)
            lack = room.lacking(home, owner)
            if lack is None:
                lack, where = room.lacking(room.scratch(), owner), "machine"
        except OSError as error:
            lack = room.lack_of(error)
            if lack is None:
                raise
        if lack and where == "home" and room.same_storage(homes.place(storage, self.user.name), storage):
            where = "storage"
        return (lack, where) if lack else None

    def _rescued(self, lack: Lack, where: str, owner: Owner) -> Rescue:
        storage = Path(self.storage)
        made = Rescue(self._own / "rescue", homes.place(storage, self.user.name), storage / "shared", lack, where)
        made.prepare(owner)
        self.log.warning("%s starts in rescue mode: %s", self.user.name, made.notice)
        return made

    def _log(self) -> IO[bytes]:
        """Open the server's log; where nothing can be written, there is none."""
        log = Path(self.logs) / "servers" / f"{self._slug()}.log"
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            return log.open("ab")
        except OSError as error:
            if not room.lack_of(error):
                raise
            return Path(os.devnull).open("ab")

    def _slug(self) -> str:
        return str(self.user.name).replace("@", "_at_")

    async def _listening(self, port: int) -> None:
        """Wait until the server takes connections or is dead; the hub's own asking backs off to seconds."""
        while await self.poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
