"""When does a lab stop and start by itself? Its timetable: shown, set, taken away."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aws_research_wizard.cli import labs, screen
from aws_research_wizard.cli.session import Format, connect, emit

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import HoursRequest, HoursView, TeamHoursView

YEARS = 3  # so far ahead a holiday that comes every year is written down
LONGEST = 62  # days of one entry of a calendar


@labs.any_lab
@click.option("--team", default="", metavar="TEAM", help="Of all the team's labs that have no hours of their own.")
@click.option("--stop", default="", metavar="HH:MM", help="Local time of day at which it stops.")
@click.option("--start", default="", metavar="HH:MM", help="Local time of day at which it starts.")
@click.option("--tz", default="", metavar="ZONE", help="As IANA names it: Europe/Berlin. By default this machine's.")
@click.option("--days", default="all", show_default=True, metavar="DAYS", help="Like mon-fri or sat,sun.")
@click.option(
    "--holidays", default="", metavar="FILE.ics|DATES", help="Not started on these: a calendar, or 2026-12-25,2027-01-01."
)
@click.option(
    "--grace", type=click.IntRange(0), default=0, metavar="MINUTES", help="How long a stop waits while something works."
)
@click.option(
    "--notice", type=click.IntRange(1), default=15, show_default=True, metavar="MINUTES", help="People are told before."
)
@click.option("--off", is_flag=True, help="Take the timetable away.")
def hours(
    lab: str,
    team: str,
    stop: str,
    start: str,
    tz: str,
    days: str,
    holidays: str,
    grace: int,
    notice: int,
    off: bool,
    output: Format,
) -> None:
    """When a lab stops and starts by itself.

    With times its timetable is set, without any it is shown. With --team it is that of all the team's labs that have none of
    their own, those to come included. An hour that the clock skips comes at the first moment after, one
    that it shows twice comes the first time. What was missed is made up for.
    """
    if off and (stop or start):
        raise click.UsageError("--off, or times: not both", click.get_current_context())
    if lab and team:
        raise click.UsageError("LAB or --team TEAM: not both", click.get_current_context())
    wish: HoursRequest | None = None
    if stop or start:
        wish = {"stop": stop, "start": start, "tz": tz or _here(), "days": days, "grace_minutes": grace}
        wish |= {"notice_minutes": notice, "holidays": [one.isoformat() for one in _dates(holidays)]}
    with connect() as calls:
        whose = team or labs.find(calls, lab)["id"]
        if off:
            remove = calls.remove_team_hours if team else calls.remove_hours
            labs.ask(lambda: remove(whose), f"take the timetable of {whose} away")
            told = {"team": whose, "off": True} if team else {"lab_id": whose, "off": True}
            return emit(output, told, f"{screen.paint('✔', 'green')} {whose} keeps no hours any more")
        (_of_team if team else _of_lab)(calls, whose, wish, output)


def _of_lab(calls: "Calls", lab_id: str, wish: "HoursRequest | None", output: Format) -> None:
    set_it = partial(calls.put_hours, lab_id)
    found = calls.hours(lab_id) if wish is None else labs.ask(lambda: set_it(wish), f"set the timetable of {lab_id}")
    moments = [("Next stop", found["next_stop"]), ("Next start", found["next_start"])]
    more = [(word, screen.clock(at)) for word, at in moments if at]
    more += [("Of", f"the team {found['team']}: the lab has none of its own")] if found["team"] else []
    emit(output, found, lambda: screen.block([("Lab", lab_id), *_page(found), *more, _by(found)]))


def _of_team(calls: "Calls", team: str, wish: "HoursRequest | None", output: Format) -> None:
    set_it = partial(calls.put_team_hours, team)
    found = calls.team_hours(team) if wish is None else labs.ask(lambda: set_it(wish), f"set the timetable of the team {team}")
    whose = ("Team", f"{team}: all its labs that have no hours of their own")
    emit(output, found, lambda: screen.block([whose, *_page(found), _by(found)]))


def _page(found: "HoursView | TeamHoursView") -> list[tuple[str, str]]:
    times = ", ".join(f"{word} {found[name]}" for word, name in (("stops", "stop"), ("starts", "start")) if found[name])  # type: ignore[literal-required]
    pairs = [("Hours", f"{times}, {found['days']} ({found['tz']})")]
    if found["holidays"]:
        pairs.append(("Holidays", f"{len(found['holidays'])}, the first on {found['holidays'][0]}: not started then"))
    grace = f"waits up to {found['grace_minutes']} min while something works" if found["grace_minutes"] else "does not wait"
    return [*pairs, ("A stop", f"is told of {found['notice_minutes']} min before, and {grace}")]


def _by(found: "HoursView | TeamHoursView") -> tuple[str, str]:
    return "Set by", f"{found['by']}, {screen.ago(found['set_at'])}"


def _here() -> str:
    """This machine's zone, where it says so."""
    try:
        found = str(Path("/etc/localtime").resolve())
    except OSError:
        found = ""
    name = found.partition("zoneinfo/")[2]
    if not name:
        raise click.UsageError("say in which zone: --tz Europe/Berlin", click.get_current_context())
    return "UTC" if name.endswith("UTC") else name


def _dates(words: str) -> list[date]:
    """The days of a list, or of a calendar file."""
    if not words:
        return []
    if words.lower().endswith(".ics") or Path(words).is_file():
        return sorted(set(_calendar(Path(words))))
    try:
        return sorted({date.fromisoformat(word.strip()) for word in words.split(",")})
    except ValueError:
        said = f"'{words[:40]}' is neither a calendar file nor dates like 2026-12-25,2027-01-01"
        raise click.UsageError(said, click.get_current_context()) from None


def _calendar(file: Path) -> Iterator[date]:
    """The days of every entry of an .ics file (RFC 5545); one that comes every year, for the years to come."""
    text = re.sub(r"\r?\n[ \t]", "", file.read_text(encoding="utf-8", errors="replace"))
    entries = re.findall(r"BEGIN:VEVENT(.*?)END:VEVENT", text, re.DOTALL)
    if not entries:
        raise click.UsageError(f"{file} has no entries of a calendar in it", click.get_current_context())
    for entry in entries:
        begins, ends = _day(entry, "DTSTART"), _day(entry, "DTEND")
        if begins is None:
            continue
        days = min(LONGEST, max(1, (ends - begins).days)) if ends else 1
        for year in _years(entry, begins):
            first = _in_year(begins, year)
            yield from (first + timedelta(days=number) for number in range(days))


def _day(entry: str, name: str) -> date | None:
    found = re.search(rf"^{name}[^:\r\n]*:(\d{{4}})(\d\d)(\d\d)", entry, re.MULTILINE)
    return date(int(found[1]), int(found[2]), int(found[3])) if found else None


def _years(entry: str, begins: date) -> range:
    if "FREQ=YEARLY" not in entry:
        return range(begins.year, begins.year + 1)
    first = max(begins.year, screen.today().year)
    return range(first, first + YEARS)


def _in_year(day: date, year: int) -> date:
    try:
        return day.replace(year=year)
    except ValueError:  # 29 February
        return date(year, 3, 1)
