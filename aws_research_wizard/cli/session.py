"""Which control plane does this run of the command line speak to, and how are its options spelled everywhere?"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aws_research_wizard.cli import screen

if TYPE_CHECKING:
    import httpx

    from aws_research_wizard.client.calls import Calls

PROGRAM = "aws-research-wizard"
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
Act = TypeVar("Act", bound=Callable[..., Any])


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"


@dataclass
class Session:
    """What was said before the command's name; tests put a transport in."""

    profile: str | None = None
    debug: bool = bool(os.environ.get("AWR_DEBUG"))
    transport: "httpx.BaseTransport | None" = None


session = Session()


class InOrder(click.Group):
    """Its commands in the order they were written, which is the order one meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (as the base class has it)
        """Every name."""
        return list(self.commands)


def command(group: click.Group, name: str, *examples: str) -> Callable[[Act], click.Command]:
    """A command of a group: with an example at the end of its help, and --output like every other."""
    shown = "\b\nExample:\n" + "\n".join(f"  {PROGRAM} {line}" for line in examples)

    def register(act: Act) -> click.Command:
        parameters = _output(act).__click_params__  # type: ignore[attr-defined]
        parameters.insert(0, parameters.pop())  # click lists them in reverse: --output stands last
        return group.command(name, epilog=shown, context_settings=HELP)(act)

    return register


def group(help_text: str) -> click.Group:
    """A group of commands; its help is shown when nothing is said."""
    return InOrder(help=help_text, no_args_is_help=True, context_settings=HELP)


no_wait = click.option("--no-wait", is_flag=True, help="Return at once; the lab goes on by itself.")
_output = click.option(
    "--output",
    "-o",
    type=click.Choice([word.value for word in Format]),
    default=Format.TABLE.value,
    show_default=True,
    callback=lambda _ctx, _param, word: Format(word),
    help="How to write the result.",
)


def connect(**wire: Any) -> "Calls":
    """The API as the current profile's person; WizardError when nothing is configured."""
    from aws_research_wizard.client import profiles

    profile = profiles.current(session.profile)
    return connect_to(profile.url, profile.token, **wire)


def connect_to(url: str, token: str, **wire: Any) -> "Calls":
    """The API at an address that is not (yet) a profile's."""
    _without_httpx_command_line()
    from aws_research_wizard.client.calls import Calls

    return Calls(url, token, session.transport, **wire)


def impatient() -> "Calls":
    """Like `connect`, for questions that are not worth a wait."""
    return connect(attempts=1, timeout=1.5)


def emit(output: Format, value: Any, text: str | Callable[[], str]) -> None:
    """The result, in the form that was asked for; `text` may be a function, called only for people."""
    if output is Format.JSON:
        screen.say_json(value)
    else:
        screen.say(text if isinstance(text, str) else text())


def _without_httpx_command_line() -> None:
    """`import httpx` also imports its own command line with rich and pygments (100 ms) if those are installed.

    Only this process, only before httpx was imported, and only that one module, which we never call.
    """
    if "httpx" not in sys.modules:
        stand_in = ModuleType("httpx._main")
        stand_in.main = lambda: None  # type: ignore[attr-defined]
        sys.modules.setdefault("httpx._main", stand_in)
