"""Starts a kernel, ends it when its server is gone, and speaks in its place when it does not start.

A copy lies beside each kernel.json and is run by the Python of whichever Jupyter starts the kernel, so it needs nothing of this
package. A kernel that dies before it listens leaves a person with "dead" and no word of why; here a stand-in takes its ports
and answers every cell with the reason, until the kernel is restarted.

Keeps true: signals reach the kernel as if this process were not there; the kernel's own output goes where it went before.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LISTENS_EVERY, SETTLED_SECONDS, PATIENCE_SECONDS = 0.1, 3.0, 5.0
"""How often a starting kernel is looked at; how long it listens before it counts as started; how long it may take to end."""
KEPT_BYTES, SHOWN_LINES = 8192, 20
EXTENSIONS = {"python": ".py", "r": ".r", "julia": ".jl"}


class Kernel:
    """The kernel as a child of this process."""

    def __init__(self, command: list[str], connection: dict[str, Any]) -> None:
        self.connection, self.said, self.listening, self.ending = connection, b"", 0.0, False
        self.output, theirs = os.pipe()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, preexec_fn=_end_with_parent
        )
        os.close(theirs)
        signal.signal(signal.SIGINT, lambda *_: None)  # sent to the whole group: the kernel's to answer
        signal.signal(signal.SIGTERM, self._asked_to_end)

    def _asked_to_end(self, *_: object) -> None:
        self.ending = True
        self.process.terminate()

    def watch(self, server: int) -> int:
        """Stay until the kernel has ended; return its status. `server` is the handle of who wants it."""
        own = os.pidfd_open(self.process.pid)
        watched = select.poll()
        for handle in (own, server, self.output):
            watched.register(handle, select.POLLIN)
        while True:
            ready = {handle for handle, _ in watched.poll(None if self.settled() else LISTENS_EVERY * 1000)}
            if self.output in ready and not self._pass_on():
                watched.unregister(self.output)
            if own in ready:
                return self._ended()
            if server in ready:
                watched.unregister(server)
                self.ending = True
                self._end()

    def settled(self) -> bool:
        """Say whether the kernel has started; look whether it listens."""
        if not self.listening and listens(self.connection):
            self.listening = time.monotonic()
        return self.listening > 0 and time.monotonic() - self.listening > SETTLED_SECONDS

    def failed(self, status: int) -> bool:
        """Say whether this end was no end but a start that failed."""
        return not self.ending and (not self.listening or (status > 0 and not self.settled()))

    def _pass_on(self) -> bytes:
        part = os.read(self.output, 65536)
        self.said = (self.said + part)[-KEPT_BYTES:]
        with contextlib.suppress(OSError):  # a full disk takes no log, and stops no kernel
            os.write(2, part)
        return part

    def _end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _ended(self) -> int:
        """Take the last words. What the kernel left running may go on to write: another process listens to that."""
        status = self.process.wait()
        os.set_blocking(self.output, False)
        try:
            while self._pass_on():
                pass
        except BlockingIOError:
            if os.fork() == 0:
                os.set_blocking(self.output, True)
                while self._pass_on():
                    pass
                os._exit(0)
        return status


def _end_with_parent() -> None:
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: whatever ends this process ends the kernel


def listens(connection: dict[str, Any]) -> bool:
    """Say whether the kernel takes requests."""
    if connection.get("transport", "tcp") != "tcp":
        return Path("{ip}-{shell_port}".format(**connection)).exists()
    try:
        socket.create_connection((connection["ip"], connection["shell_port"]), 0.5).close()
    except OSError:
        return False
    return True


def reason(status: int, said: bytes) -> tuple[str, list[str]]:
    """Return in one line why a kernel did not start, and its last words."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line or "not found" in line or "cannot" in line]
    words = (telling or lines or [""])[-1 if not telling else 0].strip()
    how = f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"
    return (f"{words} ({how})" if words else how), lines[-SHOWN_LINES:]


class StandIn:
    """Answers in the place of a kernel that did not start. Speaks Jupyter's messages, runs nothing."""

    def __init__(self, connection: dict[str, Any], spec: dict[str, Any], why: str, lines: list[str]) -> None:
        import zmq
        from jupyter_client.session import Session

        self.zmq, self.count, self.over = zmq, 0, False
        self.spec, self.why, self.lines = spec, why, lines
        self.session = Session(key=connection["key"].encode(), signature_scheme=connection["signature_scheme"])
        context, self.sockets = zmq.Context(), dict[str, Any]()
        kinds = {"shell": zmq.ROUTER, "control": zmq.ROUTER, "stdin": zmq.ROUTER, "iopub": zmq.PUB, "hb": zmq.REP}
        transport = connection.get("transport", "tcp")
        between = "-" if transport == "ipc" else ":"
        for name, kind in kinds.items():
            one = self.sockets[name] = context.socket(kind)
            if connection.get("curve_secretkey"):
                one.curve_secretkey, one.curve_server = connection["curve_secretkey"].encode(), True
            one.bind(
                "{}://{}{}{}".format(connection.get("transport", "tcp"), connection["ip"], between, connection[f"{name}_port"])
            )

    def serve(self, server: int) -> None:
        """Answer until asked to end, or until nobody is there to ask."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        poller = self.zmq.Poller()
        for one in (*(self.sockets[name] for name in ("shell", "control", "hb")), server):
            poller.register(one, self.zmq.POLLIN)
        while not self.over:
            ready = dict(poller.poll())
            if server in ready:
                return
            if self.sockets["hb"] in ready:
                self.sockets["hb"].send(self.sockets["hb"].recv())
            for name in ("control", "shell"):
                if self.sockets[name] in ready:
                    self._answer(self.sockets[name])

    def _answer(self, asked: Any) -> None:
        idents, request = self.session.recv(asked, 0)
        if request is None:
            return
        kind = request["header"]["msg_type"]
        self._tell("status", {"execution_state": "busy"}, request)
        content = self._content(kind, request)
        self.session.send(asked, kind.replace("_request", "_reply"), content, parent=request, ident=idents)
        self._tell("status", {"execution_state": "idle"}, request)
        if kind == "shutdown_request":
            time.sleep(0.1)
            self.over = True

    def _tell(self, kind: str, content: dict[str, Any], request: dict[str, Any]) -> None:
        self.session.send(self.sockets["iopub"], kind, content, parent=request, ident=kind.encode())

    def _content(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        if kind == "execute_request":
            return self._execute(request)
        if kind == "kernel_info_request":
            return self._about()
        if kind == "shutdown_request":
            return {"status": "ok", "restart": request["content"].get("restart", False)}
        known: dict[str, dict[str, Any]] = {
            "complete_request": {"matches": [], "cursor_start": 0, "cursor_end": 0, "metadata": {}},
            "inspect_request": {"found": False, "data": {}, "metadata": {}},
            "is_complete_request": {"status": "complete"},
            "history_request": {"history": []},
            "comm_info_request": {"comms": {}},
        }
        return {"status": "ok", **known.get(kind, {})}

    def _execute(self, request: dict[str, Any]) -> dict[str, Any]:
        name = self.spec["display_name"]
        error: dict[str, Any] = {"ename": "KernelDidNotStart", "evalue": f"{name}: {self.why}"}
        after = "Nothing was run. When the cause is mended, restart the kernel (Kernel > Restart Kernel)."
        error["traceback"] = [f"{name} did not start: {self.why}", *(f"    {line}" for line in self.lines), after]
        if not request["content"].get("silent"):
            self.count += 1
            code = request["content"].get("code", "")
            self._tell("execute_input", {"code": code, "execution_count": self.count}, request)
            self._tell("error", error, request)
        return {"status": "error", "execution_count": self.count, "user_expressions": {}, **error}

    def _about(self) -> dict[str, Any]:
        language = self.spec["language"]
        info = {"name": language, "version": "", "mimetype": "text/plain", "file_extension": EXTENSIONS.get(language.lower(), "")}
        about = {"status": "ok", "protocol_version": "5.3", "implementation": "stand-in", "implementation_version": "1"}
        return {**about, "language_info": info, "banner": f"did not start: {self.why}", "help_links": []}


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def main(words: list[str]) -> int:
    """Run the kernel whose connection file and command are given; return the status to end with."""
    file, command = Path(words[0]), words[2:]
    server = os.pidfd_open(os.getppid())
    try:
        kernel = Kernel(command, _json(file))
        status = kernel.watch(server)
        if not kernel.failed(status):
            return status if status >= 0 else 128 - status
        why, lines = reason(status, kernel.said)
    except OSError as error:
        why, lines = f"{error.strerror}: {error.filename or command[0]}", []
    spec = _json(Path(__file__).with_name("kernel.json"))
    print(f"{spec['display_name']} did not start: {why}", file=sys.stderr, flush=True)
    StandIn(_json(file), spec, why, lines).serve(server)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
