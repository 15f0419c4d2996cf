"""Which control plane does this run of the command line speak to, and how are its options spelled everywhere?"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
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
    CSV = "csv"


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


def command(group: click.Group, name: str, *examples: str, also: tuple[Format, ...] = ()) -> Callable[[Act], click.Command]:
    """A command of a group: with an example at the end of its help, and --output like every other (and `also` in these forms)."""
    shown = "\b\nExample:\n" + "\n".join(f"  {PROGRAM} {line}" for line in examples)

    def register(act: Act) -> click.Command:
        parameters = _output(*also)(act).__click_params__  # type: ignore[attr-defined]
        parameters.insert(0, parameters.pop())  # click lists them in reverse: --output stands last
        return group.command(name, epilog=shown, context_settings=HELP)(act)

    return register


def group(help_text: str) -> click.Group:
    """A group of commands; its help is shown when nothing is said."""
    return InOrder(help=help_text, no_args_is_help=True, context_settings=HELP)


no_wait = click.option("--no-wait", is_flag=True, help="Return at once; the lab goes on by itself.")


def _output(*also: Format) -> Callable[[Act], Act]:
    return click.option(
        "--output",
        "-o",
        type=click.Choice([word.value for word in (Format.TABLE, Format.JSON, *also)]),
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
    _import_httpx()
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
        words = text if isinstance(text, str) else text()
        if words:
            screen.say(words)


def _import_httpx() -> None:
    """httpx without what this program never uses of it, if it can be had: half of the time it takes to import.

    Its own command line (imports rich and pygments) and HTTP/2 (whose tables alone take 30 ms) count as not installed while
    httpx is imported here, which is how httpx behaves by itself where they are not. Afterwards nothing is hidden any more.
    """
    if "httpx" in sys.modules:
        return
    unused = {"httpx._main": sys.modules.get("httpx._main"), "h2": sys.modules.get("h2")}
    sys.modules |= dict.fromkeys(unused)  # type: ignore[arg-type]  # None: "import raises ImportError", as the language says
    try:
        import httpcore  # noqa: F401 (httpx imports it on first use)
        import httpx  # noqa: F401
    finally:
        for name, module in unused.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
