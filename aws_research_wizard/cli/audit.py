"""Who did what, from where, for whom; and is the log of it whole? For administrators; a lead sees their own team's labs.

`verify` believes nobody: it works every hash out again on this machine, from the control plane's pages or from a file, and
compares them with the anchors of the locked bucket and with the end that this machine saw last time.
"""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import evidence, screen
from aws_research_wizard.cli.session import PROGRAM, Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.chain import Verdict
    from aws_research_wizard.client.history import Gap, State

app = group("What happened, in a log that cannot be bent unseen.")
HEADS = ("NO", "WHEN", "WHAT", "ABOUT", "WHO", "FROM", "CHANGES")
SHOWN = 5  # breaks that are named


def _moment(_ctx: Any, _param: Any, text: str | None) -> str:
    """A moment as the log writes it; one without a zone is this machine's."""
    if not text:
        return ""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"'{text}' is no moment; for example 2026-11-23T09:00") from None
    return then.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@command(
    app, "list", "audit list", "audit list --lab genomics-k3x9 --limit 20", "audit list --person ada@uni.edu --since 2026-11-01"
)
@click.option("--lab", default="", metavar="LAB", help="Only what happened to this lab (its id).")
@click.option("--person", default="", metavar="EMAIL", help="Only what this person did, had done, or met.")
@click.option("--since", callback=_moment, metavar="TIME", help="Only what happened since.")
@click.option("--until", callback=_moment, metavar="TIME", help="Only what happened until then.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, metavar="N", help="The newest N.")
def list_entries(lab: str, person: str, since: str, until: str, limit: int, output: Format) -> None:
    """What happened, the newest last."""
    with connect() as calls:
        plain = not (lab or person or since or until)
        after = max(0, calls.audit_head()["seq"] - limit) if plain else 0
        found = list(deque(calls.audit(after=after, lab=lab, person=person, since=since, until=until), maxlen=limit))
    emit(output, found, lambda: screen.table(HEADS, map(_row, found), spare=("FROM", "NO")))


def _row(entry: Any) -> tuple[str, ...]:
    origin = entry["origin"]
    who = f"{entry['who']} for {entry['on_behalf_of']}" if entry["on_behalf_of"] else entry["who"]
    whence = " ".join(filter(None, (origin.get("door"), origin.get("ip") or origin.get("function"))))
    changes = ", ".join(f"{name}: {_short(old)} → {_short(new)}" for name, (old, new) in entry["changes"].items())
    return str(entry["seq"]), screen.clock(entry["at"]), entry["name"], entry["subject"], who, whence, changes


def _short(value: Any) -> str:
    return "-" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)


@command(app, "verify", "audit verify", "audit verify audit.jsonl --anchors ./anchors")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--anchors",
    "trusted",
    type=click.Path(exists=True, path_type=Path),
    help="Anchors that you fetched from the bucket yourself: a folder of its objects, or a file of JSON lines.",
)
def verify(file: Path | None, trusted: Path | None, output: Format) -> None:
    """Work out every hash again, and compare with the anchors. Exit code 1, and the first broken entry, if it is not whole."""
    from aws_research_wizard.client import chain

    with evidence.of(file) as found:
        own = evidence.anchors_in(trusted) if trusted else []
        verdict = chain.verify(found.entries, found.chain, [*found.anchors, *own, *found.remembered()])
        if not verdict.breaks:
            found.remember(verdict.seq, verdict.hash)
    emit(output, _as_json(verdict), lambda: _words(verdict))
    if verdict.breaks:
        if output is Format.TABLE:
            for one in sorted(verdict.breaks)[:SHOWN]:
                screen.complain(str(one))
            screen.tell(f"  {len(verdict.breaks)} breaks. Keep what there is: {PROGRAM} audit export")
        raise click.exceptions.Exit(1)


def _as_json(verdict: "Verdict") -> dict[str, Any]:
    breaks = [{"seq": one.seq, "kind": one.kind, "said": one.said} for one in sorted(verdict.breaks)]
    return {"entries": verdict.seq, "hash": verdict.hash, "anchored": verdict.anchored, "breaks": breaks}


def _words(verdict: "Verdict") -> str:
    if verdict.breaks:
        return ""
    mark = screen.paint("✔", "green")
    found = f"{verdict.seq} entries, none altered, missing or moved; {verdict.anchored} anchored"
    return f"{mark} {found}; ends with {verdict.hash[:16]}"


@command(app, "export", "audit export audit.jsonl", "audit export > audit.jsonl")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
def export(file: Path | None, output: Format) -> None:
    """The whole log as JSON lines: where it ends, every entry, every anchor. `audit verify FILE` reads it, here or elsewhere."""
    with evidence.of(None) as found:
        lines = _lines(found)
        if file is None:
            for line in lines:
                screen.say(line)
            return
        count = 0
        with file.open("w", encoding="utf-8") as out:
            for line in lines:
                count += 1
                out.write(f"{line}\n")
    emit(output, {"file": str(file), "lines": count}, f"{screen.paint('✔', 'green')} {count} lines in {file}")


def _lines(found: evidence.Evidence) -> Iterator[str]:
    head = {"format": 1, "chain": found.chain, "head": found.head, "exported_at": screen.today().isoformat()}
    for value in (head, *found.entries, *({"anchor": one} for one in found.anchors if "at" in one)):
        yield json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@command(app, "state", "audit state --at 2026-11-23T09:00 --lab genomics-k3x9", "audit state --check")
@click.option("--at", "until", callback=_moment, metavar="TIME", help="As it stood then; left out: now.")
@click.option("--lab", default="", metavar="LAB", help="Only this lab (its id).")
@click.option("--check", is_flag=True, help="Compare with what the control plane's tables say now.")
def state(until: str, lab: str, check: bool, output: Format) -> None:
    """How everything stood at a moment, rebuilt from the log alone."""
    from aws_research_wizard.client import history

    if check and until:
        raise click.UsageError("--check compares with what is now: leave --at out")
    with connect() as calls:
        rebuilt, gaps = history.rebuild(calls.audit(lab=lab), until)
        apart = evidence.differences(calls, rebuilt, lab) if check else []
    shown = {subject: history.nested(known) for subject, known in sorted(rebuilt.items())}
    emit(output, {"state": shown, "gaps": [str(one) for one in gaps], "differences": apart}, lambda: _stood(rebuilt))
    _judge(gaps, apart, check and output is Format.TABLE)


def _stood(rebuilt: "State") -> str:
    blocks = []
    for subject, known in sorted(rebuilt.items()):
        pairs = [(name, _short(value)) for name, value in sorted(known.items())]
        blocks.append(f"{screen.paint(subject, 'bold')}\n{screen.block(pairs)}")
    return "\n\n".join(blocks)


def _judge(gaps: "list[Gap]", apart: Iterable[str], tell: bool) -> None:
    """Exit code 1 when the log does not explain itself, or the tables say otherwise."""
    wrong = [*map(str, gaps), *apart]
    for one in wrong[:SHOWN]:
        screen.complain(one)
    if wrong:
        raise click.exceptions.Exit(1)
    if tell:
        screen.tell(f"{screen.paint('✔', 'green')} The tables say the same.")
