"""How does a person get from a link to the hub: by the browser, or through an SSM tunnel first?"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from aws_research_wizard.cli import screen

if TYPE_CHECKING:
    from aws_research_wizard.client.shapes import LoginView, TunnelView

TUNNEL_PATIENCE = 20.0


def described(link: "LoginView") -> dict[str, object]:
    """The link with, in tunnel mode, the command that opens the tunnel."""
    tunnel = link["tunnel"]
    if tunnel is None:
        return {**link}
    port = urlsplit(link["url"]).port or tunnel["port"]
    return {**link, "tunnel": {**tunnel, "command": shlex.join(command(tunnel, port))}}


def command(tunnel: "TunnelView", local_port: int) -> list[str]:
    """The AWS CLI's words for forwarding a local port to the lab's hub; nothing of the lab is open to the world."""
    return [
        "aws",
        "ssm",
        "start-session",
        "--target",
        str(tunnel["instance_id"]),
        "--document-name",
        "AWS-StartPortForwardingSession",
        "--parameters",
        f'{{"portNumber":["{tunnel["port"]}"],"localPortNumber":["{local_port}"]}}',
    ]


def browse(url: str, *, wanted: bool) -> None:
    """Open the browser where there is a person with one; never in a pipe or on a machine without a screen."""
    has_screen = sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if wanted and has_screen and sys.stdout.isatty():
        import webbrowser

        webbrowser.open(url)


def through_tunnel(link: "LoginView", tunnel: "TunnelView", *, browser: bool) -> None:
    """Open the tunnel, then the link; the tunnel lasts until Ctrl-C. Without the AWS CLI's parts, say how to go by hand."""
    port = _free_port(urlsplit(link["url"]).port or tunnel["port"])
    url = _with_port(link["url"], port)
    words = command(tunnel, port)
    missing = [name for name in ("aws", "session-manager-plugin") if not shutil.which(name)]
    if missing or not browser:
        if missing:
            screen.tell(f"The tunnel needs {' and '.join(missing)}, not found on this machine. With them in place:")
        screen.say(f"1. {shlex.join(words)}")
        screen.say(f"2. {url}")
        return
    _hold(words, url, port)


@contextmanager
def reachable(link: "LoginView") -> Iterator[str]:
    """The link's address for a while, through a tunnel of its own where it needs one."""
    from aws_research_wizard.client.errors import WizardError

    if link["tunnel"] is None:
        yield link["url"]
        return
    port = _free_port(urlsplit(link["url"]).port or link["tunnel"]["port"])
    words = command(link["tunnel"], port)
    missing = [name for name in ("aws", "session-manager-plugin") if not shutil.which(name)]
    if missing:
        raise WizardError(f"the tunnel to the lab needs {' and '.join(missing)}, not found on this machine", shlex.join(words))
    tunnel = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        if not _listening(port, tunnel):
            raise WizardError("the tunnel did not open", f"try it by hand: {shlex.join(words)}")
        yield _with_port(link["url"], port)
    finally:
        tunnel.terminate()
        with suppress(subprocess.TimeoutExpired):
            tunnel.wait(5)


def _hold(words: list[str], url: str, port: int) -> None:
    from aws_research_wizard.client.errors import WizardError

    tunnel = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        if not _listening(port, tunnel):
            raise WizardError("the tunnel did not open", f"try it by hand: {shlex.join(words)}")
        screen.say(url)
        screen.tell("The tunnel is open. Ctrl-C closes it; the lab goes on.")
        browse(url, wanted=True)
        tunnel.wait()
    except KeyboardInterrupt:
        screen.tell("Tunnel closed.")
    finally:
        tunnel.terminate()
        with suppress(subprocess.TimeoutExpired):
            tunnel.wait(5)


def _listening(port: int, tunnel: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + TUNNEL_PATIENCE
    while time.monotonic() < deadline and tunnel.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.2)
    return False


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    return wanted


def _with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.hostname}:{port}"))
