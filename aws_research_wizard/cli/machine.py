"""What is missing on this machine, which version is this, and how does the shell complete it?"""

import os
import platform
from pathlib import Path

import click

from aws_research_wizard import __version__
from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import PROGRAM, Format, command, emit, group, impatient

app = group("About this program and this machine.")
INSTALL = {
    "bash": f'eval "$({PROGRAM} completion bash)"   # in ~/.bashrc',
    "zsh": f'eval "$({PROGRAM} completion zsh)"   # in ~/.zshrc',
    "fish": f"{PROGRAM} completion fish | source   # in ~/.config/fish/config.fish",
}


@command(app, "version", "version", "version --output json")
def version(output: Format) -> None:
    """The version of this program."""
    known = {"version": __version__, "python": platform.python_version()}
    emit(output, known, f"{PROGRAM} {__version__} (Python {known['python']})")


@command(app, "completion", 'completion bash        (use it: eval "$(aws-research-wizard completion bash)")')
@click.argument("shell", type=click.Choice(sorted(INSTALL)), required=False)
def completion(shell: str | None, output: Format) -> None:
    """The script that completes commands and lab names in your shell."""
    from click.shell_completion import get_completion_class

    named = shell or Path(os.environ.get("SHELL", "bash")).name
    maker = get_completion_class(named)
    if named not in INSTALL or maker is None:
        raise click.UsageError(
            f"no completion for '{named}'; there is: {', '.join(sorted(INSTALL))}", click.get_current_context()
        )
    from aws_research_wizard.cli.main import app as program

    script = maker(program, {}, PROGRAM, f"_{PROGRAM.replace('-', '_').upper()}_COMPLETE").source()
    screen.tell(f"# to have it always: {INSTALL[named]}")
    emit(output, {"shell": named, "script": script}, script)


@command(app, "doctor", "doctor", "doctor --account", "doctor --account --fix")
@click.option("--account", is_flag=True, help="Look at the cloud account instead: what of it has no owner (for administrators).")
@click.option("--fix", is_flag=True, help="With --account: adopt and remove what safely can be; never anybody's files.")
@click.option(
    "--older-than", type=click.IntRange(0, 1440), default=15, show_default=True, metavar="MIN",
    help="With --account: leave alone what is younger.",
)  # fmt: skip
def doctor(account: bool, fix: bool, older_than: int, output: Format) -> None:
    """What is missing on this machine, and how to get it.

    With --account: what exists in the cloud account beside what the labs count as theirs, with what it costs a month. Ends with 1
    while something has no owner.
    """
    if fix and not account:
        raise click.UsageError("--fix goes with --account", click.get_current_context())
    if account:
        from aws_research_wizard.cli import census

        return census.doctor(fix=fix, older_than=older_than, output=output)
    findings = [*_about_machine(), _about_api()]
    emit(output, findings, lambda: "\n".join(map(_line, findings)))
    if not all(one["ok"] for one in findings):
        raise click.exceptions.Exit(1)
    return None


def _about_machine() -> list[dict[str, object]]:
    from aws_research_wizard.local import doctor as local

    return [{"name": one.name, "ok": one.ok, "message": one.message, "remedy": one.remedy} for one in local.checks()]


def _about_api() -> dict[str, object]:
    from aws_research_wizard.client import profiles
    from aws_research_wizard.client.errors import WizardError

    if not profiles.any_known():
        return {"name": "control plane", "ok": True, "message": f"none yet; {profiles.HOW_TO_START}", "remedy": ""}
    try:
        with impatient() as calls:
            person, where = calls.whoami(), calls.wire.url
    except WizardError as error:
        return {"name": "control plane", "ok": False, "message": error.message, "remedy": error.hint}
    return {"name": "control plane", "ok": True, "message": f"{where} knows you as {person['email']}", "remedy": ""}


def _line(finding: dict[str, object]) -> str:
    mark = screen.paint("✔", "green") if finding["ok"] else screen.paint("✘", "red")
    remedy = "" if finding["ok"] or not finding["remedy"] else f"\n  {screen.paint('→', 'dim')} {finding['remedy']}"
    return f"{mark} {finding['name']}: {finding['message']}{remedy}"
