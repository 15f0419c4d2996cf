"""The door: which command was meant, and how does a failure leave it?

Groups are imported when they are used, so `--help` stays quick. Exit codes: 0 done, 1 failed, 2 misuse, 130 interrupted.
Nobody sees a traceback unless they ask for one with --debug.
"""

import sys
from importlib import import_module

import click

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import HELP, PROGRAM, session

# name -> (module, whether the module's group itself is the command, one line of help)
DOORS: dict[str, tuple[str, bool, str]] = {
    "jupyter": ("jupyter", True, "Labs: make, open, stop, start, scale, delete, share them."),
    "packs": ("packs", True, "Domains a lab can be made for: kernels, notebooks, data."),
    "local": ("local", True, "The whole cloud on this machine."),
    "login": ("account", False, "Sign in to a control plane with a token."),
    "logout": ("account", False, "Forget a control plane and its token."),
    "whoami": ("account", False, "Who the token says you are."),
    "budget": ("budget", True, "What a team's labs may cost in a month: set, show, remove."),
    "quota": ("quota", True, "What a team may use at once, who uses it, when it frees: show, set."),
    "limits": ("account", False, "How many labs your teams have and may have."),
    "tokens": ("tokens", True, "Your access tokens: create, list, revoke."),
    "people": ("people", True, "Who may use this control plane (for its administrators)."),
    "bill": ("bill", True, "What AWS says it cost: import, show, reconcile."),
    "simulate": ("simulate", False, "What a month would have cost under other rules, and whose work they would have stopped."),
    "audit": ("audit", True, "What happened: list, verify, export, and how things stood."),
    "doctor": ("machine", False, "What is missing on this machine, and how to get it."),
    "version": ("machine", False, "The version of this program."),
    "completion": ("machine", False, "Completion of commands and lab names for your shell."),
}


class Doors(click.Group):
    """The top-level commands, each imported when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (as the base class has it)
        """Every name, in the order of the table above."""
        return list(DOORS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command behind a name, or None."""
        if cmd_name not in DOORS:
            return None
        module, whole, _ = DOORS[cmd_name]
        found: click.Group = import_module(f"aws_research_wizard.cli.{module}").app
        return found if whole else found.commands[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table above; nothing is imported for it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in DOORS.items()])


@click.group(cls=Doors, no_args_is_help=True, context_settings=HELP)
@click.option("--profile", metavar="NAME", help="Use this profile instead of the current one.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error; works anywhere.")
def app(profile: str | None, debug: bool) -> None:
    """Ready-to-use multi-user JupyterHub labs on AWS, with your field's kernels, tools and data.

    \b
    Start here:
      aws-research-wizard local up                               a cloud on this machine
      aws-research-wizard jupyter quick-start --domain genomics  a lab in it
    """
    session.profile = profile
    session.debug = session.debug or debug


def run(args: list[str]) -> int:
    """One command line, one exit code."""
    if "--debug" in args:
        session.debug = True
        args = [word for word in args if word != "--debug"]
    try:
        code = app.main(args, prog_name=PROGRAM, standalone_mode=False)
    except SystemExit:  # how click ends when the reader of a pipe has gone: `… | head` is no failure
        return 0
    except Exception as error:  # the outermost frame: everything ends in one line and an exit code
        return _failed(error)
    return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    if session.debug and not isinstance(error, click.exceptions.ClickException | click.Abort):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        screen.tell(error.format_message())
        return 2
    code, message, hint = _reading(error)
    screen.complain(message, hint)
    return code


def _reading(error: Exception) -> tuple[int, str, str]:
    """(exit code, what went wrong, what to do)."""
    from aws_research_wizard.client.errors import WizardError

    match error:
        case WizardError():
            return 1, error.message, error.hint
        case click.UsageError():
            return 2, _misuse(error), f"{error.ctx.command_path if error.ctx else PROGRAM} --help"
        case click.ClickException():
            return error.exit_code, error.format_message(), ""
        case click.Abort():
            return 130, "Interrupted.", ""
        case OSError() if error.strerror:
            return 1, f"{error.strerror}{f': {error.filename}' if error.filename else ''}", _more()
        case _:
            said = str(error).strip().splitlines()
            ours = type(error).__module__.startswith("aws_research_wizard.") and said
            return 1, said[0] if ours else f"unexpected {type(error).__name__}{f': {said[0]}' if said else ''}", _more()


def _misuse(error: click.UsageError) -> str:
    """The message in one line, with a near miss for a command nobody knows."""
    text = " ".join(error.format_message().split()).rstrip(".")
    if not text.startswith("No such command") or error.ctx is None or not isinstance(error.ctx.command, click.Group):
        return text
    typed = text.split("'")[1] if "'" in text else ""
    from difflib import get_close_matches  # only who mistypes pays for it

    near = get_close_matches(typed, error.ctx.command.list_commands(error.ctx), n=1)
    return f"no command '{typed}'{f': did you mean {near[0]!r}?' if near else ''}"


def _more() -> str:
    return f"run it again with --debug to see where; {PROGRAM} doctor checks this machine"


def main() -> None:
    """The console script."""
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
    sys.exit(code)


if __name__ == "__main__":
    main()
