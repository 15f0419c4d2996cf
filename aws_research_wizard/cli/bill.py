"""What does AWS itself say it cost, and how far is that from our estimate? For whoever looks after the account.

`import` uploads an export's files, each once and checked by its SHA-256, and the control plane takes them in; or it names an
export in S3, which is looked at every night from then on. There is no second way: what reads the lines is always the same.
"""

import hashlib
import time
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aws_research_wizard.cli import live, screen
from aws_research_wizard.cli.board import State, Step
from aws_research_wizard.cli.session import PROGRAM, Format, command, connect, emit, group

if TYPE_CHECKING:
    from aws_research_wizard.client.calls import Calls
    from aws_research_wizard.client.shapes import BillGroupView, BillImportView, BillMonthView, BillView, DriftView, ReconcileView

app = group("The account's bill: take it in, look at it, lay it beside the estimate.")
ENDINGS = (".csv", ".csv.gz", ".parquet")
AT_ONCE = 100  # files asked about in one request
LARGEST = 5 * 10**9
TRIES = 3
SHOWN = 20
READING = "The control plane reads what is new"


def _month(_ctx: Any, _param: Any, text: str | None) -> str:
    """A month as the bill names it; without one, the present."""
    found = text or f"{screen.today():%Y-%m}"
    year, _, number = found.partition("-")
    if len(found) != 7 or not (year.isdecimal() and number.isdecimal() and 1 <= int(number) <= 12):
        raise click.BadParameter(f"'{text}' is no month; for example 2026-10")
    return found


month = click.option("--month", callback=_month, metavar="YYYY-MM", help="Which month; without it, the present one.")


# ---- import --------------------------------------------------------------------------------------------------------------


@command(app, "import", "bill import ./export/", "bill import october.csv.gz", "bill import s3://university-bills/exports")
@click.argument("place", metavar="PATH|s3://…")
@click.option(
    "--format", "format_", type=click.Choice(["auto", "cur2", "focus"]), default="auto", show_default=True, help="What it is."
)
@click.option("--no-wait", is_flag=True, help="Return at once; the control plane goes on by itself.")
def import_bill(place: str, format_: Any, no_wait: bool, output: Format) -> None:
    """Take in an export of AWS Data Exports: a file, a folder, or where it is in S3.

    CUR 2.0 and FOCUS 1.x, as csv, csv.gz or parquet. What is imported is the whole of each month that it tells of: importing a
    month again replaces it, and files that are the same are neither sent nor read again. An s3:// address is looked at every
    night, too.
    """
    steps: list[Step] = []
    began = time.monotonic()
    with connect() as calls, live.display(quiet=output is Format.JSON) as shown:
        if place.startswith("s3://"):
            wish: Any = {"uri": place, "format": format_}
        else:
            files = [(file, _sha256(file)) for file in _files(Path(place))]
            steps = _upload(calls, files, shown)
            wish = {"files": [{"name": file.name, "sha256": digest} for file, digest in files], "format": format_}
        made = calls.import_bill(wish)
        while not no_wait and made["state"] == "RUNNING":
            shown.show([*steps, Step("read", READING, State.RUNNING, 0.0)])
            time.sleep(0.5)
            made = calls.bill_import(made["id"])
        if made["state"] == "FINISHED":
            shown.show([*steps, Step("read", READING, State.DONE, 0.0, time.monotonic() - began)])
    _ended(made, output)


def _ended(made: "BillImportView", output: Format) -> None:
    from aws_research_wizard.client.errors import WizardError

    if made["state"] == "FAILED":
        raise WizardError(made["cause"], made["hint"])
    emit(output, made, lambda: _taken(made))


def _taken(made: "BillImportView") -> str:
    if made["state"] == "RUNNING":
        return f"Import {made['id']} goes on by itself; see: {PROGRAM} bill show"
    read = f"{made['files_read']} files read, {made['files_unchanged']} known before, {made['lines']} lines"
    lines = [f"{screen.paint('✔', 'green')} {', '.join(made['months'])}: {read}"]
    if made["malformed"]:
        lines.append(f"  {made['malformed']} lines are malformed: {PROGRAM} bill show --month {made['months'][-1]} --malformed")
    return "\n".join(lines)


def _files(place: Path) -> list[Path]:
    """The data files of an export; a folder is looked through."""
    from aws_research_wizard.client.errors import WizardError

    if not place.exists():
        raise WizardError(f"there is no {place}", "name a file, a folder, or an s3:// address")
    found = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.name.endswith(ENDINGS))
    if not found or not found[0].name.endswith(ENDINGS):
        raise WizardError(f"there is no export in {place}", "its files end with .csv, .csv.gz or .parquet")
    twice = {file.name for file in found if [one.name for one in found].count(file.name) > 1}
    if twice:
        raise WizardError(f"two files are called {min(twice)}", "import one folder (one month of one export) at a time")
    large = next((file for file in found if file.stat().st_size > LARGEST), None)
    if large:
        raise WizardError(f"{large.name} has more than 5 GB", "put it into S3 and import its s3:// address")
    return found


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _upload(calls: "Calls", files: list[tuple[Path, str]], shown: live.Display) -> list[Step]:
    """Put whatever is not there yet; each file by itself, so that what broke off goes on with the next one."""
    steps: list[Step] = []
    for start in range(0, len(files), AT_ONCE):
        batch = files[start : start + AT_ONCE]
        wishes: Any = [{"name": file.name, "size": max(1, file.stat().st_size), "sha256": digest} for file, digest in batch]
        offers = {one["name"]: one for one in calls.offer_bill_uploads({"files": wishes})["items"]}
        for file, _ in batch:
            began, offer = time.monotonic(), offers[file.name]
            shown.show([*steps, Step(file.name, f"Uploading {file.name}", State.RUNNING, 0.0)])
            if offer["url"]:
                _put(calls, offer["url"], offer["headers"], file)
            said = f"{file.name} uploaded" if offer["url"] else f"{file.name} was there already"
            steps.append(Step(file.name, said, State.DONE, 0.0, time.monotonic() - began))
    return steps


def _put(calls: "Calls", url: str, headers: dict[str, str], file: Path) -> None:
    from aws_research_wizard.client.errors import WizardError

    status = 0
    for _ in range(TRIES):
        status = calls.wire.put(url, headers, file)
        if status < 300:
            return
    raise WizardError(
        f"{file.name} could not be uploaded: the bucket answers {status or 'nothing'}", "run the same command again"
    )


# ---- show ----------------------------------------------------------------------------------------------------------------


@command(app, "show", "bill show --month 2026-10", "bill show --month 2026-10 --malformed", "bill show --all")
@month
@click.option("--all", "every", is_flag=True, help="List the months whose bill is known.")
@click.option("--malformed", is_flag=True, help="List the lines that could not be counted.")
def show(month: str, every: bool, malformed: bool, output: Format) -> None:
    """A month's bill by lab and product, as billed (unblended) and as used (amortized)."""
    with connect() as calls:
        if every:
            listed = calls.bills()
            emit(output, listed, lambda: _months(listed["items"], listed["troubles"]))
            return
        found = calls.bill(month)
    if malformed:
        emit(output, found["faults"], lambda: _faults(found))
    else:
        emit(output, found, lambda: _bill(found))


def _months(found: Iterable["BillMonthView"], troubles: Iterable[str]) -> str:
    rows = [
        (one["month"], " + ".join(_money(part["amount"], part["currency"]) for part in one["totals"]), str(one["lines"]),
         str(one["malformed"]), screen.ago(one["as_of"]))
        for one in found
    ]  # fmt: skip
    text = screen.table(("MONTH", "BILLED", "LINES", "MALFORMED", "TAKEN IN"), rows) if rows else "No bill is known yet."
    return "\n".join([text, *(f"  ! {one}" for one in troubles)])


def _bill(found: "BillView") -> str:
    sums: dict[tuple[str, str, str], tuple[Decimal, Decimal]] = {}
    for one in found["groups"]:
        key = (one["lab"] or "(no lab)", one["product"] if not _special(one) else one["charge"], one["currency"])
        billed, used = sums.get(key, (Decimal(0), Decimal(0)))
        sums[key] = (billed + Decimal(str(one["unblended"])), used + Decimal(str(one["amortized"])))
    rows = [
        (lab, what, _money(billed, currency), _money(used, currency))
        for (lab, what, currency), (billed, used) in sorted(sums.items())
    ]
    total = " + ".join(_money(one["amount"], one["currency"]) for one in found["month"]["totals"])
    lines = [screen.table(("LAB", "WHAT", "AS BILLED", "AS USED"), rows), f"Bill of {found['month']['month']}: {total}"]
    return "\n".join([*lines, *_notes(found["notes"])])


def _special(one: "BillGroupView") -> bool:
    return one["charge"] not in ("usage", "commitment")


def _faults(found: "BillView") -> str:
    if not found["faults"]:
        return f"No line of {found['month']['month']} is malformed."
    rows = [(one["file"].rpartition("/")[2], str(one["line"] or one["place"]), one["reason"]) for one in found["faults"]]
    more = found["month"]["malformed"] - len(rows)
    return screen.table(("FILE", "LINE", "WHY"), rows) + (f"\nand {more} more" if more > 0 else "")


# ---- reconcile -----------------------------------------------------------------------------------------------------------


@command(app, "reconcile", "bill reconcile --month 2026-10", "bill reconcile --month 2026-10 --by day --cost amortized")
@month
@click.option("--by", type=click.Choice(["lab", "day", "lab-day"]), default="lab", show_default=True, help="What a row is.")
@click.option(
    "--cost",
    type=click.Choice(["unblended", "amortized"]),
    default="unblended",
    show_default=True,
    help="The bill as billed, or as used (what was paid ahead laid on the hours that used it).",
)
def reconcile(month: str, by: Any, cost: Any, output: Format) -> None:
    """Estimate and bill side by side: how far they are apart, and whose the bill is.

    Users, idle time, overhead and what bears no lab's tag are the bill, to the last coin.
    """
    with connect() as calls:
        found = calls.reconcile_bill(month, by=by, cost=cost)
    emit(output, found, lambda: _reconciled(found))


HEADS = ("ESTIMATE", "BILL", "DRIFT", "%", "USERS", "IDLE", "OVERHEAD", "NO LAB")


def _reconciled(found: "ReconcileView") -> str:
    parts = []
    for one in found["currencies"]:
        rows = [(_name(row), *_figures(row)) for row in one["rows"]]
        said: Any = {**one, "drift": Decimal(str(one["bill"])) - Decimal(str(one["estimate"])), "percent": None}
        heads = (f"{one['currency']}", *HEADS)
        parts.append(screen.table(heads, [*rows, ("total", *_figures(said))], spare=("OVERHEAD", "IDLE", "USERS")))
        if one["missing"]:
            more = f" and {len(one['missing']) - SHOWN} more" if len(one["missing"]) > SHOWN else ""
            parts.append(f"estimated, and not on the bill (yet): {', '.join(one['missing'][:SHOWN])}{more}")
    parts.append(f"{found['month']['month']}, {found['cost']}; the bill as of {screen.clock(found['month']['as_of'])}")
    return "\n".join([*parts, *_notes(found["notes"])])


def _name(row: "DriftView") -> str:
    return " ".join(filter(None, (row["lab"], row["day"]))) or "(no lab)"


def _figures(row: Any) -> tuple[str, ...]:
    names = ("estimate", "bill", "drift", "percent", "users", "idle", "overhead", "unattributed")
    return tuple("-" if row[name] is None else str(row[name]) for name in names)


def _notes(notes: Iterable[Any]) -> list[str]:
    return [line for one in notes for line in (f"! {one['message']}", f"  → {one['hint']}" if one["hint"] else "") if line]


def _money(amount: Any, currency: str) -> str:
    value = Decimal(str(amount))
    return f"${value:,.2f}" if currency == "USD" else f"{value:,.2f} {currency}"
