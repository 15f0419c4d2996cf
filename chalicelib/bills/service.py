"""The verbs of the bill: import files or name an export, take in what is new, show a month, and lay it beside the estimate."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.bills import estimating, finding, ingesting, months, rules, s3, sql, store
from chalicelib.bills.finding import Publication
from chalicelib.bills.ingesting import OutOfTime
from chalicelib.bills.months import Bill
from chalicelib.bills.rules import Cost, Reconciliation, container_of
from chalicelib.bills.seen import Seen, Upload, Wish
from chalicelib.bills.store import Import, Month, Source
from chalicelib.runtime import functions, metrics, settings
from chalicelib.runtime.clock import iso
from chalicelib.runtime.errors import AppError, BadInput, Conflict, NotFound
from chalicelib.runtime.log import logger
from chalicelib.runtime.requests import RequestKey, remembered
from chalicelib.runtime.store import commit

UPLOADS, OWN = "uploads", "own"
LARGEST = 5 * 10**9  # bytes that S3 takes in one piece
EVER = datetime(2023, 11, 26, tzinfo=UTC)  # since when there are such exports
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,199}")
SHA256 = re.compile(r"[0-9a-f]{64}")
INACTIVE = f"no line of this bill bears the tag {sql.TAG}, though labs have cost: it is not activated for cost allocation"
ACTIVATE = (
    f"aws ce update-cost-allocation-tags-status --cost-allocation-tags-status TagKey={sql.TAG},Status=Active "
    "(up to 24 hours until lines bear it; earlier ones: aws ce start-cost-allocation-tag-backfill)"
)


# ---- importing -----------------------------------------------------------------------------------------------------------


def offer(wishes: Iterable[Wish]) -> list[Upload]:
    """Where each file is to be put; what was put before need not be again."""
    return [_offered(one) for one in wishes]


def _offered(one: Wish) -> Upload:
    key = s3.upload_key(_checked_sha(one.sha256), _checked_name(one.name))
    if one.size > LARGEST:
        raise BadInput(f"{one.name} has more than 5 GB", hint="put it into S3 and import its s3:// address")
    if s3.etag(s3.bucket(), key):
        return Upload(one.name, "", {})
    checksum = base64.b64encode(bytes.fromhex(one.sha256)).decode()
    url, headers = s3.upload_url(key, checksum)
    return Upload(one.name, url, headers)


def import_files(files: Iterable[tuple[str, str]], format_: str, by: str, now: datetime, key: RequestKey | None = None) -> Import:
    """Take in what was uploaded (name, SHA-256): together they are the whole of each month that they tell of."""
    named = {_checked_name(name): _checked_sha(digest) for name, digest in files}
    for name, digest in named.items():
        if not s3.etag(s3.bucket(), s3.upload_key(digest, name)):
            raise Conflict(f"{name} has not been uploaded", hint="ask for its address at /bills/uploads, and put it there")
    told = tuple({"name": name, "key": s3.upload_key(digest, name), "sha256": digest} for name, digest in named.items())
    return _asked(Import(_new_id(now), UPLOADS, by, now, files=told, format=format_), now, key)


def import_export(uri: str, format_: str, by: str, now: datetime, key: RequestKey | None = None) -> Import:
    """Look at an export now, and every night from now on."""
    finding.place_of(uri)
    source = Source(hashlib.sha256(uri.encode()).hexdigest()[:12], uri.rstrip("/"), format_, by, now)
    commit(store.put_source(source))
    return _asked(Import(_new_id(now), source.id, by, now, format=format_), now, key)


def _asked(one: Import, now: datetime, key: RequestKey | None) -> Import:
    commit(store.put_import(one), *remembered(key, {"id": one.id}))
    functions.later("ingest_bill", {"import": one.id}, now)
    return one


def import_of(import_id: str) -> Import:
    found = store.import_of(import_id)
    if found is None:
        raise NotFound(f"there is no import {import_id}")
    return found


def _new_id(now: datetime) -> str:
    return f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def _checked_name(name: str) -> str:
    plain = name.rpartition("/")[2]
    if not NAME.fullmatch(plain) or container_of(plain) is None:
        raise BadInput(f"'{name[:80]}' is no file of an export", hint="its name ends with .csv, .csv.gz or .parquet")
    return plain


def _checked_sha(digest: str) -> str:
    if not SHA256.fullmatch(digest):
        raise BadInput(f"'{digest[:80]}' is no SHA-256", hint="write it as 64 hexadecimal digits")
    return digest


# ---- taking in -----------------------------------------------------------------------------------------------------------


def ingest(now: datetime, over: Callable[[], bool], import_id: str = "") -> dict[str, Any]:
    """Everything that is new: what people asked for, then every export. One that cannot be read keeps no other waiting."""
    wanted = store.import_of(import_id) if import_id else None
    waiting = [wanted] if wanted and wanted.state == "RUNNING" else [] if import_id else store.running_imports()
    done: dict[str, Any] = {"at": iso(now), "read": 0, "unchanged": 0, "months": [], "troubles": []}
    for one in waiting:
        _carry_out(one, now, over, done)
    if not import_id:
        for source in _sources():
            _take_source(source, now, over, done)
        commit(store.put_run(done))
    metrics.count("BillFilesRead", done["read"])
    metrics.count("BillTroubles", len(done["troubles"]))
    return done


def _sources() -> list[Source]:
    known = settings.current()
    if known.bill_export == "none":
        return store.sources()
    return [Source(OWN, f"s3://{s3.bucket()}/exports", known.bill_export, "the stack", EVER), *store.sources()]


def _carry_out(one: Import, now: datetime, over: Callable[[], bool], done: dict[str, Any]) -> None:
    source = store.source(one.source)
    try:
        if source:
            before = len(done["troubles"])
            taken = _take_source(source, now, over, done)
            if len(done["troubles"]) > before and not taken:
                raise BadInput(done["troubles"][-1], hint="the export is looked at again every night")
        else:
            taken = [_take(UPLOADS, _uploaded(one), one.format, now, over, done)]
    except OutOfTime:
        functions.later("ingest_bill", {"import": one.id}, now)
        return
    except AppError as error:
        logger().warning("import failed", import_id=one.id, cause=error.message)
        commit(store.put_import(one._replace(state="FAILED", cause=error.message, hint=error.hint), one))
        return
    ended = one._replace(
        state="FINISHED",
        months=tuple(sorted({month for each in taken for month in each.months})),
        read=sum(each.read for each in taken),
        unchanged=sum(each.unchanged for each in taken),
        lines=sum(each.lines for each in taken),
        malformed=sum(each.malformed for each in taken),
    )
    commit(store.put_import(ended, one))


def _uploaded(one: Import) -> Publication:
    files = tuple(s3.looked_up(s3.bucket(), str(said["key"])) for said in one.files)
    return Publication("", one.id, one.at, files)


def _take_source(source: Source, now: datetime, over: Callable[[], bool], done: dict[str, Any]) -> list[ingesting.Taken]:
    """Every month of an export that was published since; what stands in the way of one is told, and the others are taken."""
    taken = []
    try:
        found = list(finding.publications(source.uri))
    except AppError as error:
        done["troubles"].append(f"{source.uri}: {error.message}")
        return []
    if not found:
        done["troubles"].append(f"{source.uri}: no manifest of an export is there (yet); the first comes within 24 hours")
    for one in found:
        known = store.month_of(one.period, source.id)
        if known and known.token == one.token:
            taken.append(ingesting.Taken((one.period,), 0, known.files, known.lines, known.malformed))
            continue
        try:
            if one.trouble:
                raise s3.Republished(one.trouble)
            taken.append(_take(source.id, one, source.format, now, over, done))
        except OutOfTime:
            raise
        except AppError as error:
            done["troubles"].append(f"{source.uri} {one.period}: {error.message}")
    return taken


def _take(
    source: str, one: Publication, format_: str, now: datetime, over: Callable[[], bool], done: dict[str, Any]
) -> ingesting.Taken:
    taken = ingesting.take(source, one, format_, now, ingesting.engine(), over)
    if not taken.months:
        raise BadInput(
            f"none of {taken.lines} lines could be read",
            hint="is it a CUR 2.0 or FOCUS export? aws-research-wizard bill import --help",
        )
    done["read"] += taken.read
    done["unchanged"] += taken.unchanged
    done["months"] += [month for month in taken.months if month not in done["months"]]
    return taken


# ---- looking -------------------------------------------------------------------------------------------------------------


def overview() -> list[Month]:
    """The months that there are, the newest first; each is told by the publication that is youngest."""
    found: dict[str, Month] = {}
    for one in store.months():
        known = found.get(one.period)
        if known is None or one.published_at > known.published_at:
            found[one.period] = one
    return [found[period] for period in sorted(found, reverse=True)]


def troubles() -> list[str]:
    """What the last run could not take in."""
    return list(store.last_run().get("troubles", []))


def seen(period: str, now: datetime) -> Seen:
    """One month's bill. NotFound when no export tells of it."""
    told = sorted(store.months(checked_period(period, now)), key=lambda one: one.published_at)
    document = s3.kept(told[-1].document) if told else None
    if not told or document is None:
        raise NotFound(
            f"there is no bill of {period}", hint="aws-research-wizard bill import PATH, or connect the account's export"
        )
    bill = months.bill(document)
    others = tuple(one.source for one in told[:-1])
    return Seen(told[-1], bill, others, tuple(_notes(bill, period)))


def _notes(bill: Bill, period: str) -> Iterable[tuple[str, str]]:
    first, last = days_of(period)
    if rules.untagged(bill.groups.values(), estimating.estimates(first, last)):
        yield INACTIVE, ACTIVATE
    if bill.malformed:
        said = f"{bill.malformed} of {bill.lines} lines are malformed and not in these sums"
        yield said, f"aws-research-wizard bill show --month {period} --malformed"
    if len({one.currency for one in bill.groups.values()}) > 1:
        yield "this bill is in several currencies, which are not added up", ""


def reconcile(period: str, cost: Cost, by: str, now: datetime) -> tuple[Seen, list[Reconciliation]]:
    """Estimate and bill of a month side by side, one for each currency."""
    found = seen(period, now)
    first, last = days_of(found.month.period)
    estimates = estimating.estimates(first, min(last, now.date()))
    groups = list(found.bill.groups.values())
    currencies = sorted({one.currency for one in groups})
    return found, [rules.reconciled(found.month.period, groups, estimates, currency, cost, by) for currency in currencies]


def checked_period(period: str, now: datetime) -> str:
    if not rules.is_month(period):
        raise BadInput(f"'{period[:20]}' is no month", hint=f"write it like {now:%Y-%m}")
    return period


def days_of(period: str) -> tuple[date, date]:
    """Its first and its last day."""
    first = date.fromisoformat(f"{period}-01")
    return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
