"""How do people bring their notebooks? A folder into a bucket, with their own credentials; no control plane is asked."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import screen
from aws_research_wizard.cli.session import Format, emit

if TYPE_CHECKING:
    from aws_research_wizard.uploads.credentials import Finding
    from aws_research_wizard.uploads.sending import Outcome
    from aws_research_wizard.uploads.tree import File, Left

SHOWN = 30


@click.option("--source", type=click.Path(path_type=Path), required=True, metavar="DIR", help="The folder (or one notebook).")
@click.option("--destination", required=True, metavar="S3", help="s3://bucket/prefix/")
@click.option("--dry-run", is_flag=True, help="Look at both sides, and upload nothing.")
@click.option("--replace", is_flag=True, help="Put yours in the place of another file of the same name.")
@click.option("--at-once", type=click.IntRange(1, 32), default=8, show_default=True, help="Files under way at once.")
def import_notebooks(source: Path, destination: str, dry_run: bool, replace: bool, at_once: int, output: Format) -> None:
    """Upload a folder of notebooks to S3.

    What is there with the same checksum is not sent again, so whatever broke off goes on with the same command. Names stay
    as they are; checkpoints and hidden files stay at home. Notebooks that hold what looks like a credential are named.
    """
    from aws_research_wizard.uploads import s3, sending, tree

    to = tree.Destination.of(destination)
    files, left = tree.look(source, to)
    if not files:
        raise tree.UploadRefused(f"there is nothing to upload in {source}", left[0].why if left else "it is empty")
    warnings = _warned(files, output)
    bucket = s3.Bucket.open(to.bucket)
    outcomes: list[Outcome] = []
    try:
        with _progress(files, quiet=output is Format.JSON) as sent:
            for one in sending.send(bucket, files, to, sending.Way(dry_run, replace, at_once), sent):
                outcomes.append(one)
    except KeyboardInterrupt:
        screen.tell("Interrupted: what is there is whole; the same command goes on with the rest.")
        raise click.exceptions.Exit(130) from None
    outcomes.sort(key=lambda one: one.file.name)
    emit(output, _told(outcomes, left, warnings, destination), lambda: _page(outcomes, left, warnings, destination))
    if any(one.state in (s3.State.FAILED, s3.State.OTHER) for one in outcomes):
        raise click.exceptions.Exit(1)


def _warned(files: "Sequence[File]", output: Format) -> "list[tuple[str, Finding]]":
    """Notebooks that hold what looks like a credential, before anything is sent."""
    from aws_research_wizard.uploads import credentials

    notebooks = [file for file in files if file.name.endswith(".ipynb")]
    if not notebooks:
        return []
    if credentials.missing():
        from aws_research_wizard.uploads.tree import UploadRefused

        hint = "pip install 'aws-research-wizard[notebooks]'"
        raise UploadRefused("notebooks are looked through for credentials by detect-secrets, which is not installed", hint)
    found: list[tuple[str, Finding]] = []
    for file in notebooks:
        if file.size > credentials.MOST_BYTES:
            screen.tell(f"{screen.paint('!', 'yellow')} {file.name} is too large to be looked through for credentials")
            continue
        try:
            content = file.path.read_bytes()
        except OSError:
            continue  # told as failed when it is sent
        found += [(file.name, one) for one in credentials.look(content)]
    for name, one in found[:SHOWN] if output is not Format.JSON else ():
        screen.tell(f"{screen.paint('!', 'yellow')} {name}: {one.words}")
    if len(found) > SHOWN and output is not Format.JSON:
        screen.tell(f"  and {len(found) - SHOWN} more; all of them: --output json")
    return found


@contextmanager
def _progress(files: "Sequence[File]", *, quiet: bool) -> "Iterator[Callable[[File], Callable[[int], None]]]":
    """On a terminal a bar of bytes and files; without one, nothing (the end says it all)."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield lambda _file: lambda _count: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    parts = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as shown:
        bar = shown.add_task(f"{len(files)} files", total=sum(file.size for file in files))
        yield lambda file: lambda count: shown.update(bar, advance=count, description=screen.cut(file.name, 30))


def _told(
    outcomes: "Sequence[Outcome]", left: "Sequence[Left]", warnings: "Sequence[tuple[str, Finding]]", destination: str
) -> dict[str, Any]:
    return {
        "destination": destination,
        "files": [
            {"name": one.file.name, "bytes": one.file.size, "state": one.state.value, "why": one.why or None} for one in outcomes
        ],
        "left": [{"name": one.name, "why": one.why} for one in left],
        "warnings": [{"name": name, "cell": one.cell, "where": one.where, "kind": one.kind} for name, one in warnings],
    }


def _page(
    outcomes: "Sequence[Outcome]", left: "Sequence[Left]", warnings: "Sequence[tuple[str, Finding]]", destination: str
) -> str:
    from aws_research_wizard.uploads.s3 import State

    lines = []
    for state in State:
        some = [one for one in outcomes if one.state is state]
        if some:
            bad = state in (State.FAILED, State.OTHER)
            mark = screen.paint("✘", "red") if bad else screen.paint("✔", "green")
            lines.append(f"{mark} {_files(len(some))} {state.value}, {screen.size(sum(one.file.size for one in some))}")
            lines += [f"    {one.file.name}: {one.why}" for one in some[:SHOWN] if bad]
    kinds: dict[str, list[str]] = {}
    for one in left:
        kinds.setdefault(one.why, []).append(one.name)
    for why, names in kinds.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        lines.append(f"{screen.paint('·', 'yellow')} stayed: {shown} ({why})")
    if warnings:
        count = len({name for name, _ in warnings})
        what = "what looks like a credential: look at them before anybody else does"
        lines.append(f"{screen.paint('!', 'yellow')} {_notebooks(count)} {what}")
    return "\n".join([*lines, f"  Place   {destination}"])


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _notebooks(count: int) -> str:
    return "1 notebook holds" if count == 1 else f"{count} notebooks hold"
