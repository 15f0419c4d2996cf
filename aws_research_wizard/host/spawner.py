"""How does a person's server start? A process in its own session, in their home, under their own account (on AWS).

Runs inside JupyterHub. Keeps true: the server outlives the hub (its output goes to a file, not to the hub), and the hub
hears within 50 ms that it listens.
"""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyterhub.spawner import LocalProcessSpawner, set_user_setuid
from traitlets import Bool, Unicode

from aws_research_wizard.host import accounts, homes, processes
from aws_research_wizard.host.accounts import Account


class LabSpawner(LocalProcessSpawner):  # type: ignore[misc]  # jupyterhub ships no types
    """One server a person."""

    storage = Unicode(help="The lab's file system.").tag(config=True)
    examples = Unicode(help="The pack's example notebooks; blank for none.").tag(config=True)
    logs = Unicode(help="Where servers write their logs.").tag(config=True)
    runtime = Unicode(help="Where servers and kernels keep connection files: on the machine's own disk.").tag(config=True)
    accounts = Bool(False, help="Give every person a system account (on AWS).").tag(config=True)

    _account: Account | None = None
    _born = ""
    pid: int

    async def start(self) -> tuple[str, int]:
        """Start the server; return where it listens, once it does."""
        await asyncio.to_thread(self._prepare)
        log = Path(self.logs) / "servers" / f"{self._slug()}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
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
        env["JUPYTER_RUNTIME_DIR"] = str(Path(self.runtime) / self._slug())
        return env

    def make_preexec_fn(self, name: str) -> Callable[[], None]:
        """Go to the person's home, as the person where there are accounts."""
        if self._account:
            become: Callable[[], None] = set_user_setuid(self._account.name)
            return become
        home = homes.place(Path(self.storage), name)
        return lambda: os.chdir(home)

    def _prepare(self) -> None:
        storage = Path(self.storage)
        self._account = accounts.ensure(storage, self.user.name) if self.accounts else None
        owner = (self._account.uid, self._account.uid) if self._account else None
        homes.settle_in(storage, Path(self.examples) if self.examples else None, self.user.name, owner)
        own = Path(self.runtime) / self._slug()
        own.mkdir(parents=True, exist_ok=True)
        own.chmod(0o700)
        if owner:
            os.chown(own, *owner)

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
