"""How does a lab come from an older pack? Converted, locked and linted; added to the team's packs; then the lab is asked for."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_research_wizard.cli import converting, linting, own_packs, screen
from aws_research_wizard.cli.session import PROGRAM, Format

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.packs.older.writing import Written

INTO = Path("packs")


def prepare(config: Path, domain: str, output: Format) -> "Written":
    """The converted pack in its folder, with its locks and without an error. Every line that stays behind is told."""
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.packs import locking
    from aws_research_wizard.packs.older import writing

    (file,) = _one(config)
    made = writing.read(file, domain, with_r=False)
    written = writing.Written(file, writing.write(made, INTO), made)
    if output is not Format.JSON:
        for line in list(converting.page(written))[:-2]:
            screen.tell(line)
    began = time.monotonic()
    try:
        locking.write(list(locking.solve(written.folder / "pack.yaml", upgrade=False, today=linting.today())))
    except locking.LockRefused as error:
        hint = f"mend {written.folder / 'pack.yaml'}, then: {PROGRAM} packs lock {written.folder}"
        raise WizardError(error.message, hint) from None
    _step(f"Packages locked  {screen.span(time.monotonic() - began)}", output)
    _without_errors(written)
    return written


def bring(calls: "Calls", written: "Written", wish: dict[str, Any], preserve: bool) -> dict[str, Any]:
    """The pack among the team's own, and what it changes in the lab's request. What was said on the command line wins."""
    from aws_research_wizard.packs import own

    folder = own.read(written.folder)
    own_packs.upload(calls, folder, str(wish.get("team") or ""))
    kept = {key: value for key, value in written.made.wish.items() if preserve and wish.get(key) is None}
    screen.tell(f"{screen.paint('✔', 'green', sys.stderr)} Pack {folder.name} added to your team's packs")
    for key, value in kept.items():
        screen.tell(f"  {key.replace('_', ' ')}: {value}, as the older pack has it")
    return {"domain": folder.name, **kept}


def _one(config: Path) -> tuple[Path]:
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.packs import shelf

    files = shelf.files_of(config)
    if len(files) != 1:
        raise WizardError(f"{config} holds {len(files)} packs", "name one of them")
    return (files[0],)


def _without_errors(written: "Written") -> None:
    from aws_research_wizard.client.errors import WizardError
    from aws_research_wizard.packs import linting as checks
    from aws_research_wizard.packs.findings import Severity

    report = checks.one(written.folder / "pack.yaml", "us-east-1", linting.today())
    wrong = [one for one in report.findings if one.severity is Severity.ERROR]
    if wrong:
        raise WizardError(f"{wrong[0].place}: {wrong[0].said}", f"{wrong[0].remedy}; all: {PROGRAM} packs lint {written.folder}")


def _step(text: str, output: Format) -> None:
    if output is not Format.JSON:
        screen.tell(f"{screen.paint('✔', 'green', sys.stderr)} {text}")
