"""How does an answer look on a terminal, in a pipe, without colour, and at 40 columns?

Plain text made here, with the standard library only: `list` must answer at once, and rich costs 100 ms to import.
Rich draws only where something moves (live.py). Results go to stdout; progress, warnings and errors go to stderr.
"""

import json
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TextIO

GAP = "  "
NARROWEST_TABLE = 50
STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
PHASE_STYLES = {"READY": "green", "FAILED": "red", "STOPPED": "dim", "DELETED": "dim"}
ANSI = re.compile(r"\033\[[0-9;]*m")
ASCII = {"✔": "ok", "✘": "x", "…": "...", "·": "-", "→": "->", "—": "-", "▸": ">"}


def say(text: str = "") -> None:
    """A line of the result, on stdout."""
    _write(sys.stdout, text)


def tell(text: str = "") -> None:
    """A line about the work (progress, hint, warning), on stderr."""
    _write(sys.stderr, text)


def say_json(value: Any) -> None:
    """The result as JSON, and nothing else."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=not _speaks_unicode(sys.stdout)))


def complain(message: str, hint: str = "") -> None:
    """One line that says what went wrong, and one that says what to do."""
    tell(f"{paint('✘', 'red', sys.stderr)} {message}")
    if hint:
        tell(f"  {paint('→', 'dim', sys.stderr)} {hint}")


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in a style, if this stream shows colours."""
    return f"\033[{STYLES[style]}m{text}\033[0m" if style and colours(stream or sys.stdout) else text


def colours(stream: TextIO) -> bool:
    """Whether to send colours: a terminal that is not dumb, and nobody said NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def phase(name: str) -> str:
    """A lab's phase in its colour."""
    return paint(name, PHASE_STYLES.get(name, "yellow"))


def width() -> int | None:
    """Columns of the terminal (COLUMNS wins), or None in a pipe: nothing is cut there."""
    if os.environ.get("COLUMNS", "").isdigit() or sys.stdout.isatty():
        return max(shutil.get_terminal_size((80, 24)).columns, 20)
    return None


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, spare: Sequence[str] = (), room: int | None = None) -> str:
    """Columns with a head. Where they do not fit, the `spare` ones go in their order, then the widest give way.

    A very narrow terminal gets a block per row with everything in it.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    room = room or width()
    widths = [max(map(columns, column)) for column in zip(heads, *cells, strict=True)]
    if spare and room and _total(widths) > room >= NARROWEST_TABLE:
        place = heads.index(spare[0])
        fewer = [[*row[:place], *row[place + 1 :]] for row in [list(heads), *cells]]
        return table(fewer[0], fewer[1:], spare=spare[1:], room=room)
    if room and _total(widths) > room:
        if room < NARROWEST_TABLE:
            return "\n\n".join(block(list(zip(heads, row, strict=True))) for row in cells)
        widths = _squeeze(widths, [max(columns(head), 8) for head in heads], room)
    lines = [paint(_line(heads, widths), "bold"), *(_line(row, widths) for row in cells)]
    return "\n".join(lines)


def block(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values, one a line; empty values are left out."""
    shown = [(name, value) for name, value in pairs if value]
    pad = max((columns(name) for name, _ in shown), default=0)
    return "\n".join(f"{paint(name.ljust(pad), 'bold')}{GAP}{hanging(value, pad + len(GAP))}" for name, value in shown)


def span(seconds: float) -> str:
    """A duration for the eye: 0.4 s, 41 s, 2 min 05 s, 3 h 10 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 6000:
        return f"{whole // 60} min {whole % 60:02d} s"
    hours = whole // 3600
    return f"{hours} h {whole % 3600 // 60:02d} min" if hours < 48 else f"{hours // 24} days"


def ago(moment: str | None, now: datetime | None = None) -> str:
    """How long since an ISO moment; empty for none."""
    if not moment:
        return ""
    passed = ((now or today()) - datetime.fromisoformat(moment)).total_seconds()
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= unit * (1 if unit > 60 else 1.5):
            return f"{passed / unit:.0f} {name} ago"
    return f"{max(passed, 0):.0f} s ago"


def today() -> datetime:
    """The present moment; the one place that asks."""
    return datetime.now(UTC)


def clock(moment: str) -> str:
    """An ISO moment as the local time of day, with the date when it is not today."""
    then = datetime.fromisoformat(moment).astimezone()
    return then.strftime("%H:%M:%S" if then.date() == today().astimezone().date() else "%Y-%m-%d %H:%M:%S")


def money(price: Mapping[str, Any] | None, per: str = "") -> str:
    """An amount as people write it, never rounded below what was quoted; empty for none."""
    if not price:
        return ""
    amount = Decimal(str(price["amount"]))
    shown = f"{amount:.2f}" if amount == amount.quantize(Decimal("0.01")) else f"{amount.normalize():f}"
    currency = str(price.get("currency") or "USD")
    return (f"${shown}" if currency == "USD" else f"{shown} {currency}") + (f"/{per}" if per else "")


def size(count: int | None) -> str:
    """Bytes for the eye: 12 MB, 3.4 GB."""
    if count is None:
        return ""
    amount, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.0f} {units[0]}" if amount >= 10 or units[0] == "B" else f"{amount:.1f} {units[0]}"


def gigabytes(count: int) -> str:
    """A storage size as one orders it: 100 GB, 1 TB."""
    return f"{count / 1000:g} TB" if count >= 1000 else f"{count} GB"


def _write(stream: TextIO, text: str) -> None:
    if not _speaks_unicode(stream):
        text = "".join(ASCII.get(letter, letter) for letter in text).encode("ascii", "replace").decode()
    print(text, file=stream, flush=True)


def _speaks_unicode(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")


def columns(text: str) -> int:
    """How many columns a text takes: wide letters take two, colours none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in ANSI.sub("", text))


def hanging(text: str, indent: int) -> str:
    """Long values, and values of several lines, go on below themselves; words (addresses, commands) are never broken."""
    room = (width() or 10_000) - indent
    lines = [part for line in text.split("\n") for part in _wrapped(line, room)]
    return ("\n" + " " * indent).join(lines)


def _wrapped(line: str, room: int) -> list[str]:
    if columns(line) <= room or room < 20:
        return [line]
    return textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _squeeze(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Take from the widest column (never the first: it is the name one types) until the table fits."""
    now = list(widths)
    while _total(now) > room:
        loose = [i for i in range(1, len(now)) if now[i] > least[i]]
        if not loose:
            break
        now[max(loose, key=lambda i: now[i])] -= 1
    return now


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(_fit(cell, room) for cell, room in zip(row, widths, strict=True)).rstrip()


def cut(text: str, room: int) -> str:
    """The text, or as much of it as there is room for and an ellipsis."""
    if columns(text) <= room:
        return text
    text = ANSI.sub("", text)
    while text and columns(text) > room - 1:
        text = text[:-1]
    return text + "…"


def _fit(text: str, room: int) -> str:
    text = cut(text, room)
    return text + " " * (room - columns(text))
