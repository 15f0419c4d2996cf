"""What the API takes and answers, as pydantic models. Generated from openapi.json: do not edit."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from re import compile
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType


class Access(StrEnum):
    """
    Who may read a data set, as the AWS Registry of Open Data says it.
    """

    public = "public"
    requester_pays = "requester-pays"
    account_required = "account-required"
    controlled = "controlled"


class Action(StrEnum):
    keep = "keep"
    warn = "warn"
    withdraw = "withdraw"
    stop = "stop"
    probe = "probe"


Kernel = TypeAliasType("Kernel", Annotated[str, Field(examples=["r"], pattern="^[a-z0-9][a-z0-9-]{0,30}$")])


class ActivateRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    pack: Annotated[
        str,
        Field(examples=["climate_modeling"], max_length=64, min_length=1, title="Pack"),
    ]
    kernels: Annotated[list[Kernel] | None, Field(max_length=10, title="Kernels")] = None
    """
    Kernels on request, by key
    """


class AnchorQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    after: Annotated[int, Field(ge=0, title="After")] = 0
    """
    Anchors behind this number
    """
    limit: Annotated[int, Field(ge=1, le=1000, title="Limit")] = 1000


class AnchorView(BaseModel):
    seq: Annotated[int, Field(title="Seq")]
    hash: Annotated[str, Field(title="Hash")]
    at: Annotated[str, Field(title="At")]
    """
    When the bucket took it
    """
    standing: Annotated[bool, Field(title="Standing")]
    """
    False: somebody tried to remove it; the lock kept it
    """


class AuditEntryView(BaseModel):
    seq: Annotated[int, Field(title="Seq")]
    """
    1, 2, 3 … without a gap
    """
    prev: Annotated[str, Field(title="Prev")]
    """
    The hash of the entry before
    """
    hash: Annotated[str, Field(title="Hash")]
    """
    SHA-256 over the canonical JSON (RFC 8785) of all other fields
    """
    fact: Annotated[str, Field(title="Fact")]
    name: Annotated[str, Field(title="Name")]
    subject: Annotated[str, Field(title="Subject")]
    """
    A lab's id, or a person's address
    """
    who: Annotated[str, Field(title="Who")]
    on_behalf_of: Annotated[str, Field(title="On Behalf Of")]
    """
    The person for whom the system acted; blank when who acted by themselves
    """
    origin: Annotated[dict[str, str], Field(title="Origin")]
    """
    Through which door: door, ip, agent, token, function, request
    """
    correlation_id: Annotated[str, Field(title="Correlation Id")]
    at: Annotated[str, Field(title="At")]
    recorded_at: Annotated[str, Field(title="Recorded At")]
    changes: Annotated[dict[str, Any], Field(title="Changes")]
    """
    Attribute → [before, after]; null where there was nothing
    """
    data: Annotated[dict[str, Any], Field(title="Data")]


class AuditHead(BaseModel):
    chain: Annotated[str, Field(title="Chain")]
    """
    The chain's name; the first entry's `prev` is the SHA-256 of it
    """
    seq: Annotated[int, Field(title="Seq")]
    hash: Annotated[str, Field(title="Hash")]
    recorded_at: Annotated[str, Field(title="Recorded At")]


class AuditList(BaseModel):
    items: Annotated[list[AuditEntryView], Field(title="Items")]
    next: Annotated[int | None, Field(title="Next")] = None
    """
    Ask with it as `after` for the next page; null at the end
    """


Lab = TypeAliasType("Lab", Annotated[str, Field(max_length=80, title="Lab")])
"""
Only what happened to this lab
"""


Person = TypeAliasType("Person", Annotated[str, Field(max_length=254, title="Person")])
"""
Only what this person did, had done, or met
"""


class AuditQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    after: Annotated[int, Field(ge=0, title="After")] = 0
    """
    Entries behind this number
    """
    limit: Annotated[int, Field(ge=1, le=1000, title="Limit")] = 100
    lab: Annotated[Lab | None, Field(title="Lab")] = None
    """
    Only what happened to this lab
    """
    person: Annotated[Person | None, Field(title="Person")] = None
    """
    Only what this person did, had done, or met
    """
    since: Annotated[AwareDatetime | None, Field(title="Since")] = None
    """
    Only what happened at or after this moment
    """
    until: Annotated[AwareDatetime | None, Field(title="Until")] = None
    """
    Only what happened up to this moment
    """


class Then(StrEnum):
    """
    What to do with the lab afterwards
    """

    stop = "stop"
    delete = "delete"


class Data(StrEnum):
    """
    With then=delete: what becomes of the people's files
    """

    keep = "keep"
    delete = "delete"


class BackupRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    then: Annotated[Then | None, Field(title="Then")] = None
    """
    What to do with the lab afterwards
    """
    data: Annotated[Data, Field(title="Data")] = Data.keep
    """
    With then=delete: what becomes of the people's files
    """


class BakeRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    pack: Annotated[str, Field(examples=["genomics"], max_length=64, min_length=1, title="Pack")]


class BakeStep(BaseModel):
    name: Annotated[str, Field(title="Name")]
    seconds: Annotated[float, Field(title="Seconds")]


class BakedImageView(BaseModel):
    """
    The baked image that the lab's machine was launched from.
    """

    image_id: Annotated[str, Field(title="Image Id")]
    bake_id: Annotated[str, Field(title="Bake Id")]
    baked_at: Annotated[AwareDatetime, Field(title="Baked At")]


class BakedKernel(BaseModel):
    name: Annotated[str, Field(title="Name")]
    lock_sha256: Annotated[str, Field(title="Lock Sha256")]
    """
    The lock it was made from
    """
    megabytes: Annotated[int, Field(title="Megabytes")]
    seconds: Annotated[float, Field(title="Seconds")]


class BakedLesson(BaseModel):
    """
    An example notebook, run on the builder before there was an image.
    """

    file: Annotated[str, Field(title="File")]
    kernel: Annotated[str, Field(title="Kernel")]
    cells: Annotated[int, Field(title="Cells")]
    seconds: Annotated[float, Field(title="Seconds")]
    ok: Annotated[bool, Field(title="Ok")]
    said: Annotated[str, Field(title="Said")]
    """
    The last line it printed
    """


class BillFaultView(BaseModel):
    file: Annotated[str, Field(title="File")]
    line: Annotated[int | None, Field(title="Line")]
    """
    Counted from 1, the header included; null: the file's format has no lines
    """
    place: Annotated[str, Field(title="Place")]
    """
    What else names the line, where something does
    """
    reason: Annotated[str, Field(title="Reason")]


class BillFileWish(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    name: Annotated[str, Field(max_length=200, title="Name")]
    """
    The file's own name: it ends with .csv, .csv.gz or .parquet
    """
    size: Annotated[int, Field(ge=1, title="Size")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", title="Sha256")]
    """
    Of the file's content, in hexadecimal
    """


class BillImportView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    state: Annotated[str, Field(title="State")]
    """
    RUNNING, FINISHED or FAILED
    """
    cause: Annotated[str, Field(title="Cause")]
    hint: Annotated[str, Field(title="Hint")]
    months: Annotated[list[str], Field(title="Months")]
    files_read: Annotated[int, Field(title="Files Read")]
    files_unchanged: Annotated[int, Field(title="Files Unchanged")]
    """
    They were known, and were not read again
    """
    lines: Annotated[int, Field(title="Lines")]
    malformed: Annotated[int, Field(title="Malformed")]
    """
    Lines that could not be counted; the month's bill lists them
    """
    at: Annotated[AwareDatetime, Field(title="At")]
    by: Annotated[str, Field(title="By")]


class BillNote(BaseModel):
    message: Annotated[str, Field(title="Message")]
    hint: Annotated[str, Field(title="Hint")]


class BillTotal(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    currency: Annotated[str, Field(title="Currency")]
    amount: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Amount")]
    """
    As billed (unblended), rounded to the currency's smallest coin
    """


class BillUploadRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    files: Annotated[list[BillFileWish], Field(max_length=200, min_length=1, title="Files")]


class BillUploadView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    url: Annotated[str | None, Field(title="Url")]
    """
    Put the file there within an hour; null: it is there already
    """
    headers: Annotated[dict[str, str], Field(title="Headers")]
    """
    Headers to send with it, its checksum among them
    """


class BillUploaded(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    name: Annotated[str, Field(max_length=200, title="Name")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", title="Sha256")]


Monthly = TypeAliasType(
    "Monthly",
    Annotated[float, Field(examples=["500"], ge=0.0, le=10000000.0, title="Monthly")],
)


Monthly1 = TypeAliasType(
    "Monthly1",
    Annotated[
        str,
        Field(
            examples=["500"],
            pattern=compile("^(?!^[-+.]*$)[+-]?0*(?:\\d{0,8}|(?=[\\d.]{1,15}0*$)\\d{0,8}\\.\\d{0,6}0*$)"),
            title="Monthly",
        ),
    ],
)


Monthly2 = TypeAliasType(
    "Monthly2",
    Annotated[
        str,
        Field(pattern=compile("^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"), title="Monthly"),
    ],
)
"""
Null: no budget, and so no limit
"""


Left = TypeAliasType(
    "Left",
    Annotated[str, Field(pattern=compile("^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"), title="Left")],
)
"""
What may still be started; null: no budget
"""


RefusesAt = TypeAliasType(
    "RefusesAt",
    Annotated[
        str,
        Field(pattern=compile("^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"), title="Refuses At"),
    ],
)
"""
Starts are refused above this much
"""


class By(StrEnum):
    user = "user"
    lab = "lab"
    domain = "domain"
    team = "team"
    day = "day"


class Charge(StrEnum):
    usage = "usage"
    commitment = "commitment"
    credit = "credit"
    refund = "refund"
    discount = "discount"
    tax = "tax"
    fee = "fee"
    other = "other"


class Cost(StrEnum):
    unblended = "unblended"
    amortized = "amortized"


class CostForecastView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    amount: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Amount")]
    currency: Annotated[str, Field(title="Currency")]
    as_of: Annotated[str, Field(title="As Of")]
    how: Annotated[str, Field(title="How")]
    """
    How it was made
    """


class CostPartView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    part: Annotated[str, Field(title="Part")]
    title: Annotated[str, Field(title="Title")]
    estimate: Annotated[bool, Field(title="Estimate")]
    """
    True: it is in no sum
    """
    how: Annotated[str, Field(title="How")]
    today: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Today")]
    month: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Month")]
    unpriced_seconds: Annotated[int, Field(title="Unpriced Seconds")]
    """
    How long it stood there this month without a known price
    """


Lab1 = TypeAliasType("Lab1", Annotated[str, Field(max_length=80, title="Lab")])
"""
Only this lab
"""


Team = TypeAliasType("Team", Annotated[str, Field(max_length=40, title="Team")])
"""
Only this team's labs
"""


class CostQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    from_: Annotated[date | None, Field(alias="from", title="From")] = None
    """
    First day (UTC); left out: the first of this month
    """
    to: Annotated[date | None, Field(title="To")] = None
    """
    Last day (UTC), included; left out: today
    """
    by: By = By.lab
    """
    One row for each of these
    """
    lab: Annotated[Lab1 | None, Field(title="Lab")] = None
    """
    Only this lab
    """
    team: Annotated[Team | None, Field(title="Team")] = None
    """
    Only this team's labs
    """


class CostRowView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    key: Annotated[str, Field(title="Key")]
    """
    An address, `others`, `idle`, `overhead`; a lab's id, a domain, a team, or a day
    """
    amount: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Amount")]
    """
    machine + disk + files, which is users + idle + overhead
    """
    machine: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Machine")]
    disk: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Disk")]
    files: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Files")]
    users: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Users")]
    idle: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Idle")]
    overhead: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Overhead")]
    seconds: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Seconds")]
    """
    The machines' time
    """
    unpriced_seconds: Annotated[
        str,
        Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Unpriced Seconds"),
    ]
    """
    Time without a known price: in no sum
    """


class CostShareView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    who: Annotated[str, Field(title="Who")]
    """
    An address, or `idle`, `overhead`, or `others` (whose shares are not shown)
    """
    seconds: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Seconds")]
    """
    The machines' time this month; a second that two share counts half for each
    """
    today: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Today")]
    month: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Month")]


class CostSum(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    amount: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Amount")]
    currency: Annotated[str, Field(title="Currency")]
    as_of: Annotated[str, Field(title="As Of")]
    """
    Date of the oldest list price in it; blank: nothing was charged
    """


class Data1(StrEnum):
    """
    What becomes of the people's files
    """

    keep = "keep"
    delete = "delete"


class DeleteQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    data: Annotated[Data1, Field(title="Data")] = Data1.keep
    """
    What becomes of the people's files
    """


Estimate = TypeAliasType(
    "Estimate",
    Annotated[
        str,
        Field(pattern=compile("^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"), title="Estimate"),
    ],
)
"""
null: nothing was estimated in this currency
"""


Drift = TypeAliasType(
    "Drift",
    Annotated[str, Field(pattern=compile("^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"), title="Drift")],
)
"""
Bill less estimate
"""


Percent = TypeAliasType(
    "Percent",
    Annotated[
        str,
        Field(pattern=compile("^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$"), title="Percent"),
    ],
)


class DriftView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    lab: Annotated[str | None, Field(title="Lab")]
    """
    null: no lab's tag, or the row is a day's
    """
    day: Annotated[str | None, Field(title="Day")]
    estimate: Annotated[Estimate | None, Field(title="Estimate")]
    """
    null: nothing was estimated in this currency
    """
    bill: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Bill")]
    drift: Annotated[Drift | None, Field(title="Drift")]
    """
    Bill less estimate
    """
    percent: Annotated[Percent | None, Field(title="Percent")]
    users: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Users")]
    idle: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Idle")]
    overhead: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Overhead")]
    unattributed: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Unattributed")]


class Order(StrEnum):
    oldest = "oldest"
    newest = "newest"


class EventQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    cursor: Annotated[str | None, Field(title="Cursor")] = None
    limit: Annotated[int, Field(ge=1, le=100, title="Limit")] = 50
    order: Annotated[Order, Field(title="Order")] = Order.oldest


class EventView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    name: Annotated[str, Field(title="Name")]
    at: Annotated[AwareDatetime, Field(title="At")]
    by: Annotated[str, Field(title="By")]
    correlation_id: Annotated[str, Field(title="Correlation Id")]
    data: Annotated[dict[str, Any], Field(title="Data")]


ForMinutes = TypeAliasType("ForMinutes", Annotated[float, Field(gt=0.0, le=527040.0, title="For Minutes")])


class ExemptionRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    until: Annotated[AwareDatetime | None, Field(title="Until")] = None
    """
    When it ends; left out: for_minutes from now
    """
    for_minutes: Annotated[ForMinutes | None, Field(title="For Minutes")] = None
    reason: Annotated[
        str,
        Field(
            examples=["a course runs until Friday"],
            max_length=300,
            min_length=3,
            title="Reason",
        ),
    ]


class ExemptionView(BaseModel):
    until: Annotated[AwareDatetime, Field(title="Until")]
    by: Annotated[str, Field(title="By")]
    reason: Annotated[str, Field(title="Reason")]


class ExtendRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    for_minutes: Annotated[float, Field(examples=[120], gt=0.0, le=44640.0, title="For Minutes")]
    """
    From now on
    """


class FailedReport(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    step: Annotated[str, Field(max_length=80, title="Step")]
    cause: Annotated[str, Field(max_length=500, title="Cause")]
    log_tail: Annotated[list[str] | None, Field(max_length=100, title="Log Tail")] = None


class Fate(StrEnum):
    """
    What becomes of a thing that was seen.
    """

    keep = "keep"
    adopt = "adopt"
    remove = "remove"
    report = "report"


Cursor = TypeAliasType("Cursor", Annotated[str, Field(max_length=2048, title="Cursor")])
"""
From the page before
"""


class FileQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    cursor: Annotated[Cursor | None, Field(title="Cursor")] = None
    """
    From the page before
    """
    limit: Annotated[int, Field(ge=1, le=100, title="Limit")] = 50
    path: Annotated[str, Field(max_length=4096, title="Path")] = ""
    """
    A folder or file; blank: everything, or your own home
    """


class Kind(StrEnum):
    file = "file"
    folder = "folder"
    link = "link"


class FileView(BaseModel):
    path: Annotated[str, Field(title="Path")]
    kind: Annotated[Kind, Field(title="Kind")]
    bytes: Annotated[int, Field(title="Bytes")]
    modified_at: Annotated[AwareDatetime, Field(title="Modified At")]
    carried_from: Annotated[str | None, Field(title="Carried From")]
    """
    An earlier backup: this file could not be read for the present one
    """


class Health(BaseModel):
    status: Annotated[str, Field(title="Status")]
    stage: Annotated[str, Field(title="Stage")]
    access_mode: Annotated[str, Field(title="Access Mode")]


class HeldView(BaseModel):
    lab_id: Annotated[str, Field(title="Lab Id")]
    vcpus: Annotated[int, Field(title="Vcpus")]
    gpus: Annotated[int, Field(title="Gpus")]
    storage_gb: Annotated[int, Field(title="Storage Gb")]
    frees_at: Annotated[AwareDatetime | None, Field(title="Frees At")]
    """
    When it is going to stop, if anybody knows
    """
    frees_why: Annotated[str, Field(title="Frees Why")]


class HoursRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    stop: Annotated[str, Field(examples=["19:00"], max_length=5, title="Stop")] = ""
    """
    Local time of day; blank: never
    """
    start: Annotated[str, Field(examples=["08:00"], max_length=5, title="Start")] = ""
    """
    Local time of day; blank: never
    """
    tz: Annotated[str, Field(examples=["Europe/Berlin"], max_length=60, title="Tz")]
    """
    A time zone of IANA's
    """
    days: Annotated[str, Field(examples=["mon-fri"], max_length=60, title="Days")] = "all"
    holidays: Annotated[list[date] | None, Field(max_length=400, title="Holidays")] = None
    """
    Days on which it is not started
    """
    grace_minutes: Annotated[int, Field(ge=0, le=720, title="Grace Minutes")] = 0
    """
    How long a stop waits for what works
    """
    notice_minutes: Annotated[int, Field(ge=1, le=240, title="Notice Minutes")] = 15
    """
    How long before people are told
    """


class HoursView(BaseModel):
    stop: Annotated[str, Field(title="Stop")]
    start: Annotated[str, Field(title="Start")]
    tz: Annotated[str, Field(title="Tz")]
    days: Annotated[str, Field(title="Days")]
    holidays: Annotated[list[date], Field(title="Holidays")]
    grace_minutes: Annotated[int, Field(title="Grace Minutes")]
    notice_minutes: Annotated[int, Field(title="Notice Minutes")]
    by: Annotated[str, Field(title="By")]
    set_at: Annotated[AwareDatetime, Field(title="Set At")]
    lab_id: Annotated[str, Field(title="Lab Id")]
    team: Annotated[str, Field(title="Team")]
    """
    Whose timetable it keeps; blank: its own
    """
    next_stop: Annotated[AwareDatetime | None, Field(title="Next Stop")]
    next_start: Annotated[AwareDatetime | None, Field(title="Next Start")]
    told: Annotated[bool, Field(title="Told")]
    """
    Were people told of the next stop?
    """


class IdleThresholds(BaseModel):
    cpu_percent: Annotated[float, Field(title="Cpu Percent")]
    gpu_percent: Annotated[float, Field(title="Gpu Percent")]
    network_kb_per_second: Annotated[float, Field(title="Network Kb Per Second")]


class ImageCopy(BaseModel):
    region: Annotated[str, Field(title="Region")]
    image_id: Annotated[str, Field(title="Image Id")]


Pack = TypeAliasType("Pack", Annotated[str, Field(max_length=64, title="Pack")])
"""
Only this pack's
"""


class ImageQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    cursor: Annotated[Cursor | None, Field(title="Cursor")] = None
    """
    From the page before
    """
    limit: Annotated[int, Field(ge=1, le=100, title="Limit")] = 50
    pack: Annotated[Pack | None, Field(title="Pack")] = None
    """
    Only this pack's
    """


class ImageView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    pack: Annotated[str, Field(title="Pack")]
    state: Annotated[str, Field(title="State")]
    """
    BAKING, READY (labs get it), FAILED, RETIRING or RETIRED
    """
    image_id: Annotated[str | None, Field(title="Image Id")]
    architecture: Annotated[str, Field(title="Architecture")]
    region: Annotated[str, Field(title="Region")]
    release: Annotated[str, Field(title="Release")]
    """
    The release of the hub in it
    """
    why: Annotated[str, Field(title="Why")]
    """
    Why it was baked
    """
    asked_at: Annotated[AwareDatetime, Field(title="Asked At")]
    asked_by: Annotated[str, Field(title="Asked By")]
    finished_at: Annotated[AwareDatetime | None, Field(title="Finished At")]
    """
    When it became READY, or failed
    """
    instance_type: Annotated[str | None, Field(title="Instance Type")]
    builder_id: Annotated[str | None, Field(title="Builder Id")]
    passed: Annotated[bool, Field(title="Passed")]
    """
    Every lesson of the pack ran well on its builder
    """
    seconds: Annotated[float, Field(title="Seconds")]
    """
    What the builder took
    """
    size_gb: Annotated[int, Field(title="Size Gb")]
    kernels: Annotated[list[BakedKernel], Field(title="Kernels")]
    lessons: Annotated[list[BakedLesson], Field(title="Lessons")]
    steps: Annotated[list[BakeStep], Field(title="Steps")]
    copies: Annotated[list[ImageCopy], Field(title="Copies")]
    cause: Annotated[str | None, Field(title="Cause")]
    """
    Why it failed
    """
    log_tail: Annotated[list[str], Field(title="Log Tail")]


class Job(StrEnum):
    general = "general"
    memory = "memory"
    gpu = "gpu"


class KernelMade(BaseModel):
    """
    A kernel that the orders name, as it stands on the machine.
    """

    name: Annotated[str, Field(max_length=80, title="Name")]
    asked: Annotated[str, Field(max_length=60, title="Asked")] = ""
    """
    The activation it was ordered for
    """
    state: Annotated[str, Field(title="State")] = ""
    """
    ready or failed; anything else is not news
    """
    cause: Annotated[str, Field(max_length=500, title="Cause")] = ""
    lock: Annotated[str, Field(max_length=64, title="Lock")] = ""
    """
    SHA-256 of the lock it was made from
    """
    solved: Annotated[str, Field(max_length=20, title="Solved")] = ""
    pins: Annotated[int, Field(ge=0, title="Pins")] = 0


class KernelReport(BaseModel):
    id: Annotated[str, Field(title="Id")] = ""
    name: Annotated[str | None, Field(title="Name")] = None
    state: Annotated[str | None, Field(title="State")] = None
    """
    busy, idle, starting; anything else counts as unknown
    """
    for_s: Annotated[float | None, Field(title="For S")] = None
    """
    How long it has been in this state
    """
    connections: Annotated[int, Field(title="Connections")] = 0
    notebook: Annotated[str | None, Field(title="Notebook")] = None


class KernelResources(BaseModel):
    cpus: Annotated[int, Field(title="Cpus")]
    memory_gb: Annotated[int, Field(title="Memory Gb")]
    gpus: Annotated[int, Field(title="Gpus")]


class KernelView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    display_name: Annotated[str, Field(title="Display Name")]
    pack: Annotated[str, Field(title="Pack")]
    """
    The pack that brought it
    """
    state: Annotated[str, Field(title="State")]
    """
    installing, ready, failed with a cause, or stalled: nothing was heard of it for long
    """
    cause: Annotated[str | None, Field(title="Cause")]
    lock: Annotated[str | None, Field(title="Lock")]
    """
    SHA-256 of the lock it was made from, as its machine says; null: not told yet
    """
    solved: Annotated[str | None, Field(title="Solved")]
    """
    The day that lock was solved
    """
    pins: Annotated[int | None, Field(title="Pins")]
    """
    How many packages it pins
    """


class LabCostView(BaseModel):
    lab_id: Annotated[str, Field(title="Lab Id")]
    name: Annotated[str, Field(title="Name")]
    team: Annotated[str, Field(title="Team")]
    phase: Annotated[str, Field(title="Phase")]
    at: Annotated[AwareDatetime, Field(title="At")]
    """
    Metered up to here
    """
    currency: Annotated[str, Field(title="Currency")]
    prices_as_of: Annotated[str, Field(title="Prices As Of")]
    price_sources: Annotated[list[str], Field(title="Price Sources")]
    per_hour: CostSum | None
    """
    As it stands now; null: a price is not known
    """
    today: CostSum
    month: CostSum
    forecast: CostForecastView | None
    """
    Of this month; null: a price is not known
    """
    parts: Annotated[list[CostPartView], Field(title="Parts")]
    people: Annotated[list[CostShareView], Field(title="People")]
    notes: Annotated[list[str], Field(title="Notes")]
    """
    What must be known to read the figures
    """


class LabMoney(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    lab_id: Annotated[str, Field(title="Lab Id")]
    spent: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Spent")]
    reserved: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Reserved")]


class LabPackView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    own: Annotated[bool, Field(title="Own")]
    """
    The lab's own pack, its domain
    """
    on_request: Annotated[list[str], Field(title="On Request")]
    """
    Kernels that were asked for by key
    """
    state: Annotated[str, Field(title="State")]
    """
    installing, ready, failed: then it is not active, and the lab is as it was; or stalled: it may still come
    """
    cause: Annotated[str | None, Field(title="Cause")]
    hint: Annotated[str | None, Field(title="Hint")]
    """
    What a person can do about it
    """
    kernels: Annotated[list[str], Field(title="Kernels")]


InstanceType = TypeAliasType(
    "InstanceType",
    Annotated[
        str,
        Field(
            examples=["r6i.4xlarge"],
            pattern="^[a-z0-9-]{1,30}\\.[a-z0-9-]{1,30}$",
            title="Instance Type",
        ),
    ],
)
"""
Left out: what the pack advises for so many users
"""


Team1 = TypeAliasType(
    "Team1",
    Annotated[
        str,
        Field(examples=["lovelace"], pattern="^[a-z0-9][a-z0-9-]{0,38}$", title="Team"),
    ],
)
"""
Which of your teams pays; left out: the first
"""


class LabRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    domain: Annotated[str, Field(examples=["genomics"], max_length=64, min_length=1, title="Domain")]
    users: Annotated[int, Field(ge=1, le=200, title="Users")] = 1
    """
    How many people work in it at once
    """
    instance_type: Annotated[InstanceType | None, Field(title="Instance Type")] = None
    """
    Left out: what the pack advises for so many users
    """
    shared_storage: Annotated[str, Field(examples=["500GB", "1TB"], max_length=20, title="Shared Storage")] = "100GB"
    """
    Quota of homes and the shared directory together
    """
    name: Annotated[str, Field(max_length=80, title="Name")] = ""
    team: Annotated[Team1 | None, Field(title="Team")] = None
    """
    Which of your teams pays; left out: the first
    """
    notebook_examples: Annotated[bool, Field(title="Notebook Examples")] = True
    kernels: Annotated[list[Kernel] | None, Field(max_length=10, title="Kernels")] = None
    """
    Kernels on request, by key, beside the usual
    """


class LabRole(StrEnum):
    lead = "lead"
    member = "member"
    viewer = "viewer"


class Language(StrEnum):
    python = "python"
    r = "r"
    julia = "julia"


class LineView(BaseModel):
    at: Annotated[AwareDatetime, Field(title="At")]
    text: Annotated[str, Field(title="Text")]


class LookRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    dry_run: Annotated[bool, Field(title="Dry Run")] = True
    """
    Only say what would be done
    """
    grace_minutes: Annotated[int, Field(ge=0, le=1440, title="Grace Minutes")] = 15
    """
    What is younger is left alone: it may be in the making
    """


class LookView(BaseModel):
    run: Annotated[str, Field(title="Run")]
    """
    The look that was begun; its report is the account's once its `run` is not earlier
    """


class MachineView(BaseModel):
    last_heartbeat: Annotated[AwareDatetime | None, Field(title="Last Heartbeat")]
    uptime_s: Annotated[float | None, Field(title="Uptime S")]
    cpu: Annotated[float | None, Field(title="Cpu")]
    """
    Percent in use; null: not known
    """
    memory: Annotated[float | None, Field(title="Memory")]
    disk: Annotated[float | None, Field(title="Disk")]
    servers: Annotated[int | None, Field(title="Servers")]
    """
    People who have a server running
    """


class Money(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    amount: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Amount")]
    currency: Annotated[str, Field(title="Currency")]
    as_of: Annotated[str, Field(title="As Of")]


class OwnPackView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    version: Annotated[str, Field(title="Version")]
    """
    follows from the pack's files alone; a lab keeps the one it was made with
    """
    team: Annotated[str, Field(title="Team")]
    added_by: Annotated[str, Field(title="Added By")]
    added_at: Annotated[AwareDatetime, Field(title="Added At")]


class PackDataset(BaseModel):
    name: Annotated[str, Field(title="Name")]
    registry: Annotated[str, Field(title="Registry")]
    """
    its name in the AWS Registry of Open Data
    """
    title: Annotated[str, Field(title="Title")]
    bucket: Annotated[str, Field(title="Bucket")]
    prefix: Annotated[str, Field(title="Prefix")]
    region: Annotated[str, Field(title="Region")]
    access: Access
    licence: Annotated[str, Field(title="Licence")]


class PackExample(BaseModel):
    file: Annotated[str, Field(title="File")]
    title: Annotated[str, Field(title="Title")]
    kernel: Annotated[str, Field(title="Kernel")]


class PackFile(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    name: Annotated[str, Field(max_length=120, title="Name")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", title="Sha256")]


class PackFileWish(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    name: Annotated[
        str,
        Field(
            examples=["pack.yaml", "python-py311-x86_64.txt"],
            max_length=120,
            title="Name",
        ),
    ]
    size: Annotated[int, Field(ge=1, le=1000000000, title="Size")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", title="Sha256")]


class PackIdle(BaseModel):
    auto_shutdown: Annotated[int, Field(title="Auto Shutdown")]
    """
    minutes without anybody at work
    """
    thresholds: IdleThresholds
    max_busy: Annotated[float, Field(title="Max Busy")]
    """
    hours that something may be busy without any load before people are asked
    """
    hours_a_day: Annotated[float, Field(title="Hours A Day")]
    """
    how long a lab may run each day (UTC); 0: no cap
    """


class PackInstances(BaseModel):
    team: Annotated[dict[TeamSize, list[str]], Field(title="Team")]
    """
    by team size, each in the order to try
    """
    job: Annotated[dict[Job, list[str]], Field(title="Job")]


class PackKernel(BaseModel):
    name: Annotated[str, Field(examples=["genomics-python"], title="Name")]
    """
    the name Jupyter knows it by
    """
    display_name: Annotated[str, Field(examples=["Genomics Research (Python 3.11)"], title="Display Name")]
    language: Language
    version: Annotated[str, Field(title="Version")]
    packages: Annotated[list[str], Field(title="Packages")]
    system: Annotated[list[str], Field(title="System")]
    """
    Debian packages
    """
    widgets: Annotated[list[str], Field(title="Widgets")]
    env: Annotated[dict[str, str], Field(title="Env")]
    resources: KernelResources
    on_request: Annotated[bool, Field(title="On Request")]
    """
    not installed in a new lab
    """


class PackQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    resolved: Annotated[bool, Field(title="Resolved")] = False
    """
    also say which pack each value came from
    """


class PackRequest(BaseModel):
    """
    A team's own pack, of files that were uploaded: pack.yaml, and the lock of each kernel that it brings.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    name: Annotated[str, Field(examples=["my_group"], max_length=64, title="Name")]
    team: Annotated[str, Field(max_length=40, title="Team")] = ""
    """
    Whose it is; without it, the asker's first team
    """
    files: Annotated[list[PackFile], Field(max_length=6, min_length=1, title="Files")]


class PackSummaryView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    title: Annotated[str, Field(title="Title")]
    purpose: Annotated[str, Field(title="Purpose")]
    """
    two lines
    """
    kernels: Annotated[list[str], Field(title="Kernels")]
    """
    display names
    """
    own: OwnPackView | None = None
    """
    a team's own pack: whose, and which version a new lab gets
    """


class PackUploadRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    files: Annotated[list[PackFileWish], Field(max_length=6, min_length=1, title="Files")]


class PackUploadView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    url: Annotated[str, Field(title="Url")]
    """
    Put the file there within an hour
    """
    headers: Annotated[dict[str, str], Field(title="Headers")]
    """
    Headers to send with it, its checksum among them
    """


class PackView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    title: Annotated[str, Field(title="Title")]
    purpose: Annotated[str, Field(title="Purpose")]
    version: Annotated[str, Field(title="Version")] = ""
    """
    of a team's own pack
    """
    lineage: Annotated[list[str], Field(title="Lineage")]
    """
    from the oldest pack it extends to itself
    """
    kernels: Annotated[list[PackKernel], Field(title="Kernels")]
    examples: Annotated[list[PackExample], Field(title="Examples")]
    datasets: Annotated[list[PackDataset], Field(title="Datasets")]
    instances: PackInstances
    idle: PackIdle
    cost_tracking: Annotated[bool, Field(title="Cost Tracking")]
    why: Annotated[dict[str, str] | None, Field(title="Why")] = None
    """
    with resolved=true: value → the pack it came from
    """


class PageQuery(BaseModel):
    """
    How much of a list, and from where.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    cursor: Annotated[Cursor | None, Field(title="Cursor")] = None
    """
    From the page before
    """
    limit: Annotated[int, Field(ge=1, le=100, title="Limit")] = 50


Team2 = TypeAliasType(
    "Team2",
    Annotated[str, Field(examples=["lovelace"], pattern="^[a-z0-9][a-z0-9-]{0,38}$")],
)


class Phase(StrEnum):
    PROVISIONING = "PROVISIONING"
    READY = "READY"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    STARTING = "STARTING"
    SCALING = "SCALING"
    DELETING = "DELETING"
    DELETED = "DELETED"
    FAILED = "FAILED"


Idle = TypeAliasType("Idle", Annotated[float, Field(gt=0.0, le=44640.0, title="Idle")])


Warning = TypeAliasType("Warning", Annotated[float, Field(ge=0.0, le=1440.0, title="Warning")])


MaxBusy = TypeAliasType("MaxBusy", Annotated[float, Field(gt=0.0, le=44640.0, title="Max Busy")])


HoursADay = TypeAliasType("HoursADay", Annotated[float, Field(ge=0.0, le=24.0, title="Hours A Day")])


Silence = TypeAliasType("Silence", Annotated[float, Field(gt=0.0, le=1440.0, title="Silence")])


CpuPercent = TypeAliasType("CpuPercent", Annotated[float, Field(ge=0.0, le=100.0, title="Cpu Percent")])


GpuPercent = TypeAliasType("GpuPercent", Annotated[float, Field(ge=0.0, le=100.0, title="Gpu Percent")])


NetworkKbPerSecond = TypeAliasType(
    "NetworkKbPerSecond",
    Annotated[float, Field(ge=0.0, le=1000000.0, title="Network Kb Per Second")],
)


class PolicyChanges(BaseModel):
    """
    What is to be other than it is; times in minutes.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    idle: Annotated[Idle | None, Field(title="Idle")] = None
    warning: Annotated[Warning | None, Field(title="Warning")] = None
    max_busy: Annotated[MaxBusy | None, Field(title="Max Busy")] = None
    hours_a_day: Annotated[HoursADay | None, Field(title="Hours A Day")] = None
    silence: Annotated[Silence | None, Field(title="Silence")] = None
    cpu_percent: Annotated[CpuPercent | None, Field(title="Cpu Percent")] = None
    gpu_percent: Annotated[GpuPercent | None, Field(title="Gpu Percent")] = None
    network_kb_per_second: Annotated[NetworkKbPerSecond | None, Field(title="Network Kb Per Second")] = None


class PolicyView(BaseModel):
    idle: Annotated[float, Field(title="Idle")]
    """
    Minutes without anybody at work
    """
    warning: Annotated[float, Field(title="Warning")]
    max_busy: Annotated[float, Field(title="Max Busy")]
    cap_warning: Annotated[float, Field(title="Cap Warning")]
    silence: Annotated[float, Field(title="Silence")]
    stalled: Annotated[float, Field(title="Stalled")]
    hours_a_day: Annotated[float, Field(title="Hours A Day")]
    cpu_percent: Annotated[float, Field(title="Cpu Percent")]
    gpu_percent: Annotated[float, Field(title="Gpu Percent")]
    network_kb_per_second: Annotated[float, Field(title="Network Kb Per Second")]
    minute_s: Annotated[float, Field(title="Minute S")]
    """
    How long a minute is on this stage; 60 but where rules are tried
    """


class Problem(BaseModel):
    """
    What every error looks like.
    """

    code: Annotated[str, Field(title="Code")]
    message: Annotated[str, Field(title="Message")]
    hint: Annotated[str, Field(title="Hint")] = ""
    correlation_id: Annotated[str, Field(title="Correlation Id")] = ""


class Proof(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    headers: Annotated[dict[str, str], Field(title="Headers")]
    body: Annotated[str, Field(max_length=200, title="Body")]


class PutView(BaseModel):
    path: Annotated[str, Field(title="Path")]
    to: Annotated[str, Field(title="To")]


Labs = TypeAliasType("Labs", Annotated[int, Field(ge=0, le=10000000, title="Labs")])


Vcpus = TypeAliasType("Vcpus", Annotated[int, Field(ge=0, le=10000000, title="Vcpus")])


Gpus = TypeAliasType("Gpus", Annotated[int, Field(ge=0, le=10000000, title="Gpus")])


StorageGb = TypeAliasType("StorageGb", Annotated[int, Field(ge=0, le=10000000, title="Storage Gb")])


Families = TypeAliasType("Families", Annotated[list[str], Field(max_length=50, title="Families")])
"""
Instance families, as m7i or g5
"""


class ResetEnum(StrEnum):
    labs = "labs"
    vcpus = "vcpus"
    gpus = "gpus"
    storage_gb = "storage_gb"
    families = "families"


class QuotaRequest(BaseModel):
    """
    What is left out stays; what stands in `reset` is the stage's again.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    labs: Annotated[Labs | None, Field(title="Labs")] = None
    vcpus: Annotated[Vcpus | None, Field(title="Vcpus")] = None
    gpus: Annotated[Gpus | None, Field(title="Gpus")] = None
    storage_gb: Annotated[StorageGb | None, Field(title="Storage Gb")] = None
    families: Annotated[Families | None, Field(title="Families")] = None
    """
    Instance families, as m7i or g5
    """
    reset: Annotated[list[ResetEnum] | None, Field(max_length=5, title="Reset")] = None


class QuotaView(BaseModel):
    what: Annotated[str, Field(title="What")]
    """
    labs, vcpus, gpus or storage_gb
    """
    used: Annotated[int, Field(title="Used")]
    limit: Annotated[int | None, Field(title="Limit")]
    """
    Null: no limit
    """
    left: Annotated[int | None, Field(title="Left")]


class Reach(StrEnum):
    """
    What happens at a threshold.
    """

    warn = "warn"
    stop = "stop"
    refuse = "refuse"


class ReconcileQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    cost: Cost = Cost.unblended
    """
    unblended: as billed; amortized: as used
    """
    by: Annotated[str, Field(pattern="^(lab|day|lab-day)$", title="By")] = "lab"


class ReconciliationView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    currency: Annotated[str, Field(title="Currency")]
    rows: Annotated[list[DriftView], Field(title="Rows")]
    """
    They sum up to the totals, to the last coin
    """
    estimate: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Estimate")]
    bill: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Bill")]
    users: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Users")]
    idle: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Idle")]
    overhead: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Overhead")]
    unattributed: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Unattributed")]
    missing: Annotated[list[str], Field(title="Missing")]
    """
    Lab and day that were estimated, and of which the bill says nothing (yet)
    """


class RemovedView(BaseModel):
    kind: Annotated[str, Field(title="Kind")]
    id: Annotated[str, Field(title="Id")]
    verified_absent: Annotated[bool, Field(title="Verified Absent")]


Cursor3 = TypeAliasType("Cursor3", Annotated[str, Field(max_length=2048, title="Cursor")])


class ReplayRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    policy: PolicyChanges
    decision: Annotated[str, Field(max_length=40, title="Decision")] = ""
    """
    Only this one
    """
    cursor: Annotated[Cursor3 | None, Field(title="Cursor")] = None
    limit: Annotated[int, Field(ge=1, le=100, title="Limit")] = 50


Path = TypeAliasType(
    "Path",
    Annotated[
        str,
        Field(examples=["homes/ada@university.edu/analysis.ipynb"], max_length=4096),
    ],
)


SourceLab = TypeAliasType(
    "SourceLab",
    Annotated[
        str,
        Field(
            examples=["genomics-k3x9"],
            max_length=40,
            pattern="^[a-z][a-z0-9]{0,19}-[a-z0-9]{4}$",
            title="Source Lab",
        ),
    ],
)
"""
Whose backup, if it is another lab's, also one that is gone
"""


class RestoreRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    backup_id: Annotated[
        str,
        Field(
            examples=["b-20261123-030000-x7k2", "newest"],
            max_length=40,
            title="Backup Id",
        ),
    ]
    """
    A backup, or `newest`
    """
    paths: Annotated[list[Path] | None, Field(max_length=100, title="Paths")] = None
    """
    Files and folders; none: everything
    """
    over: Annotated[bool, Field(title="Over")] = False
    """
    Put them over what is there; what is replaced is kept beside it
    """
    source_lab: Annotated[SourceLab | None, Field(title="Source Lab")] = None
    """
    Whose backup, if it is another lab's, also one that is gone
    """


class Role(StrEnum):
    admin = "admin"
    lead = "lead"
    member = "member"
    viewer = "viewer"


class RoleRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    role: LabRole


Users = TypeAliasType("Users", Annotated[int, Field(ge=1, le=200, title="Users")])


InstanceType1 = TypeAliasType(
    "InstanceType1",
    Annotated[
        str,
        Field(
            examples=["r6i.4xlarge"],
            pattern="^[a-z0-9-]{1,30}\\.[a-z0-9-]{1,30}$",
            title="Instance Type",
        ),
    ],
)


SharedStorage = TypeAliasType(
    "SharedStorage",
    Annotated[str, Field(examples=["500GB", "1TB"], max_length=20, title="Shared Storage")],
)


class ScaleRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    users: Annotated[Users | None, Field(title="Users")] = None
    instance_type: Annotated[InstanceType1 | None, Field(title="Instance Type")] = None
    shared_storage: Annotated[SharedStorage | None, Field(title="Shared Storage")] = None


class Scope(StrEnum):
    labs_read = "labs:read"
    labs_write = "labs:write"
    users_write = "users:write"
    packs_read = "packs:read"
    tokens_write = "tokens:write"


class SkippedView(BaseModel):
    path: Annotated[str, Field(title="Path")]
    why: Annotated[str, Field(title="Why")]


class SpanQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    from_: Annotated[date | None, Field(alias="from", title="From")] = None
    """
    First day (UTC); left out: the first of this month
    """
    to: Annotated[date | None, Field(title="To")] = None
    """
    Last day (UTC), included; left out: today
    """


class State(StrEnum):
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    PASSED = "PASSED"


class State1(StrEnum):
    started = "started"
    done = "done"
    failed = "failed"


Seconds = TypeAliasType("Seconds", Annotated[float, Field(ge=0.0, title="Seconds")])


class StepReport(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    step: Annotated[str, Field(max_length=80, min_length=1, title="Step")]
    state: Annotated[State1, Field(title="State")]
    seconds: Annotated[Seconds | None, Field(title="Seconds")] = None
    detail: Annotated[str, Field(max_length=500, title="Detail")] = ""


class StepTime(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    name: Annotated[str, Field(max_length=80, title="Name")]
    seconds: Annotated[float, Field(ge=0.0, title="Seconds")]


class StepView(BaseModel):
    name: Annotated[str, Field(title="Name")]
    seconds: Annotated[float, Field(title="Seconds")]


class StockView(BaseModel):
    lab_id: Annotated[str, Field(title="Lab Id")]
    owner: Annotated[str, Field(title="Owner")]
    phase: Annotated[str, Field(title="Phase")]
    """
    The lab's; DELETED: only its backups are left
    """
    backups: Annotated[int, Field(title="Backups")]
    newest: Annotated[str | None, Field(title="Newest")]
    newest_at: Annotated[AwareDatetime | None, Field(title="Newest At")]
    stored_bytes: Annotated[int, Field(title="Stored Bytes")]
    monthly_cost: Money | None
    """
    List price of a month of them, in all regions; null: not known
    """
    drilled_at: Annotated[AwareDatetime | None, Field(title="Drilled At")]


class StorageView(BaseModel):
    file_system_id: Annotated[str, Field(title="File System Id")]
    used_bytes: Annotated[int | None, Field(title="Used Bytes")]
    quota_gb: Annotated[int, Field(title="Quota Gb")]


class TeamHoursView(BaseModel):
    stop: Annotated[str, Field(title="Stop")]
    start: Annotated[str, Field(title="Start")]
    tz: Annotated[str, Field(title="Tz")]
    days: Annotated[str, Field(title="Days")]
    holidays: Annotated[list[date], Field(title="Holidays")]
    grace_minutes: Annotated[int, Field(title="Grace Minutes")]
    notice_minutes: Annotated[int, Field(title="Notice Minutes")]
    by: Annotated[str, Field(title="By")]
    set_at: Annotated[AwareDatetime, Field(title="Set At")]
    team: Annotated[str, Field(title="Team")]


class TeamLimits(BaseModel):
    team: Annotated[str, Field(title="Team")]
    quotas: Annotated[list[QuotaView], Field(title="Quotas")]
    families: Annotated[list[str], Field(title="Families")]
    """
    Instance families that may be used; empty: all
    """
    own: Annotated[list[str], Field(title="Own")]
    """
    What an admin decided for this team; the rest is the stage's
    """
    labs: Annotated[list[HeldView], Field(title="Labs")]
    frees_at: Annotated[AwareDatetime | None, Field(title="Frees At")]
    """
    The next moment at which something is given back, if it is known
    """


class TeamSize(StrEnum):
    small = "small"
    medium = "medium"
    large = "large"


class TeamUsage(BaseModel):
    team: Annotated[str, Field(title="Team")]
    labs: Annotated[int, Field(title="Labs")]
    limit: Annotated[int | None, Field(title="Limit")]
    """
    Null: no limit
    """


class TerminalReport(BaseModel):
    name: Annotated[str, Field(title="Name")] = ""
    children: Annotated[int, Field(title="Children")] = 0
    """
    Processes that run in it
    """
    cpu: Annotated[float | None, Field(title="Cpu")] = None
    idle_s: Annotated[float | None, Field(title="Idle S")] = None
    """
    Age of its last output or input
    """


class ThresholdRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    percent: Annotated[int, Field(examples=[80], ge=1, le=100, title="Percent")]
    action: Reach


class ThresholdView(BaseModel):
    percent: Annotated[int, Field(title="Percent")]
    action: Reach
    reached: Annotated[bool, Field(title="Reached")]


class TokenMade(BaseModel):
    token_id: Annotated[str, Field(title="Token Id")]
    email: Annotated[str, Field(title="Email")]
    label: Annotated[str, Field(title="Label")]
    scopes: Annotated[list[str], Field(title="Scopes")]
    created_at: Annotated[AwareDatetime, Field(title="Created At")]
    expires_at: Annotated[AwareDatetime, Field(title="Expires At")]
    token: Annotated[str | None, Field(title="Token")]
    """
    The secret. Shown once: a repeated request answers null
    """


class TokenRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    label: Annotated[str, Field(examples=["laptop"], max_length=80, title="Label")] = ""
    """
    What it is for, to recognise it later
    """
    scopes: Annotated[list[Scope] | None, Field(title="Scopes")] = None
    """
    What it may do; left out: all that your own token may
    """
    expires_in_days: Annotated[int, Field(ge=1, le=365, title="Expires In Days")] = 90


class TokenView(BaseModel):
    token_id: Annotated[str, Field(title="Token Id")]
    email: Annotated[str, Field(title="Email")]
    label: Annotated[str, Field(title="Label")]
    scopes: Annotated[list[str], Field(title="Scopes")]
    created_at: Annotated[AwareDatetime, Field(title="Created At")]
    expires_at: Annotated[AwareDatetime, Field(title="Expires At")]


class TunnelView(BaseModel):
    instance_id: Annotated[str, Field(title="Instance Id")]
    port: Annotated[int, Field(title="Port")]


class UserRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    email: Annotated[str, Field(examples=["ada@university.edu"], max_length=254, title="Email")]
    role: LabRole = LabRole.member


class UserView(BaseModel):
    email: Annotated[str, Field(title="Email")]
    role: LabRole
    owner: Annotated[bool, Field(title="Owner")]
    added_at: Annotated[AwareDatetime, Field(title="Added At")]


class Verdict(StrEnum):
    busy = "busy"
    idle = "idle"
    unknown = "unknown"


class WakeKeyView(BaseModel):
    path: Annotated[str, Field(title="Path")]
    """
    The lab's lasting address, from the API's own: /open/LAB
    """
    key: Annotated[str | None, Field(title="Key")]
    """
    Told once; it stands after # in a link. Null when the request is repeated
    """
    expires_at: Annotated[AwareDatetime | None, Field(title="Expires At")]


class WayStep(BaseModel):
    name: Annotated[str, Field(title="Name")]
    state: Annotated[str, Field(title="State")]
    seconds: Annotated[float | None, Field(title="Seconds")]


class Whoami(BaseModel):
    email: Annotated[str, Field(title="Email")]
    role: Role
    teams: Annotated[list[str], Field(title="Teams")]
    scopes: Annotated[list[str], Field(title="Scopes")]
    token_id: Annotated[str, Field(title="Token Id")]
    stage: Annotated[str, Field(title="Stage")]


class WhoseQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    email: Annotated[str | None, Field(title="Email")] = None
    """
    Whose: another person's (admins only)
    """


class WhyQuery(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    at: Annotated[AwareDatetime | None, Field(title="At")] = None
    """
    The decision that held at this moment
    """
    decision: Annotated[str, Field(max_length=40, title="Decision")] = ""
    """
    One decision, by its id
    """


class State2(StrEnum):
    running = "running"
    done = "done"
    failed = "failed"


class WorkReport(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    state: Annotated[State2, Field(title="State")]
    report: Annotated[dict[str, Any] | None, Field(title="Report")] = None
    """
    What came of it; its fields depend on the kind of work
    """
    cause: Annotated[str, Field(max_length=2000, title="Cause")] = ""
    """
    Why it failed
    """


class AnchorList(BaseModel):
    bucket: Annotated[str, Field(title="Bucket")]
    items: Annotated[list[AnchorView], Field(title="Items")]
    next: Annotated[int | None, Field(title="Next")] = None
    """
    Ask with it as `after` for the next page; null at the end
    """


class BackupView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    lab_id: Annotated[str, Field(title="Lab Id")]
    state: State
    asked_at: Annotated[AwareDatetime, Field(title="Asked At")]
    asked_by: Annotated[str, Field(title="Asked By")]
    by_hand: Annotated[bool, Field(title="By Hand")]
    """
    Somebody asked for it; else it is one of every night's
    """
    then: Annotated[str | None, Field(title="Then")]
    """
    What was to follow: stop or delete
    """
    then_failed: Annotated[str | None, Field(title="Then Failed")]
    """
    Why that did not follow
    """
    base: Annotated[str | None, Field(title="Base")]
    files: Annotated[int, Field(title="Files")]
    bytes: Annotated[int, Field(title="Bytes")]
    new_bytes: Annotated[int, Field(title="New Bytes")]
    """
    What was not there already
    """
    skipped_count: Annotated[int, Field(title="Skipped Count")]
    skipped: Annotated[list[SkippedView], Field(title="Skipped")]
    """
    Files that could not be read, the first of them
    """
    started_at: Annotated[AwareDatetime | None, Field(title="Started At")]
    finished_at: Annotated[AwareDatetime | None, Field(title="Finished At")]
    copied_at: Annotated[AwareDatetime | None, Field(title="Copied At")]
    """
    Since when it is in the second region too
    """
    stale: Annotated[bool, Field(title="Stale")]
    """
    Somebody has worked in the lab since
    """
    stale_reason: Annotated[str | None, Field(title="Stale Reason")]
    cause: Annotated[str | None, Field(title="Cause")]
    """
    Why it failed
    """


class BillGroupView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    lab: Annotated[str | None, Field(title="Lab")]
    """
    null: no lab's tag is on these lines
    """
    product: Annotated[str, Field(title="Product")]
    charge: Charge
    currency: Annotated[str, Field(title="Currency")]
    unblended: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Unblended")]
    """
    As billed: what the invoice says
    """
    amortized: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Amortized")]
    """
    As used: what was paid ahead is laid on the hours that used it
    """
    lines: Annotated[int, Field(title="Lines")]


class BillImportRequest(BaseModel):
    """
    Either files that were uploaded, or an export in S3.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    files: Annotated[list[BillUploaded] | None, Field(max_length=500, title="Files")] = None
    """
    The whole of each month they tell of
    """
    uri: Annotated[str, Field(max_length=1024, title="Uri")] = ""
    """
    s3://bucket/prefix of an export; it is looked at every night
    """
    format: Annotated[str, Field(pattern="^(auto|cur2|focus)$", title="Format")] = "auto"


class BillMonthView(BaseModel):
    month: Annotated[str, Field(title="Month")]
    source: Annotated[str, Field(title="Source")]
    as_of: Annotated[AwareDatetime, Field(title="As Of")]
    """
    When it was taken in
    """
    published_at: Annotated[AwareDatetime, Field(title="Published At")]
    totals: Annotated[list[BillTotal], Field(title="Totals")]
    files: Annotated[int, Field(title="Files")]
    lines: Annotated[int, Field(title="Lines")]
    malformed: Annotated[int, Field(title="Malformed")]


class BillUploadList(BaseModel):
    items: Annotated[list[BillUploadView], Field(title="Items")]


class BillView(BaseModel):
    month: BillMonthView
    groups: Annotated[list[BillGroupView], Field(title="Groups")]
    """
    Lab, product and charge, over the month's days
    """
    faults: Annotated[list[BillFaultView], Field(title="Faults")]
    """
    Malformed lines, the first 200; none of them is in the sums
    """
    notes: Annotated[list[BillNote], Field(title="Notes")]
    not_counted: Annotated[list[str], Field(title="Not Counted")]
    """
    Other sources that tell of this month; the youngest publication counts
    """
    tag: Annotated[str, Field(title="Tag")] = "aws-research-wizard:lab"
    """
    The tag by which lines are a lab's
    """


class BudgetRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    monthly: Annotated[Monthly | Monthly1, Field(examples=["500"], title="Monthly")]
    currency: Annotated[str, Field(examples=["USD"], pattern="^[A-Z]{3}$", title="Currency")] = "USD"
    thresholds: Annotated[list[ThresholdRequest] | None, Field(max_length=10, title="Thresholds")] = None
    """
    Empty: 80 warn, 100 refuse
    """


class BudgetView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    team: Annotated[str, Field(title="Team")]
    month: Annotated[str, Field(title="Month")]
    monthly: Annotated[Monthly2 | None, Field(title="Monthly")]
    """
    Null: no budget, and so no limit
    """
    currency: Annotated[str, Field(title="Currency")]
    spent: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Spent")]
    """
    As far as it is settled, which happens every hour and when a lab stops
    """
    reserved: Annotated[str, Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Reserved")]
    """
    Set aside for labs that run
    """
    left: Annotated[Left | None, Field(title="Left")]
    """
    What may still be started; null: no budget
    """
    refuses_at: Annotated[RefusesAt | None, Field(title="Refuses At")]
    """
    Starts are refused above this much
    """
    thresholds: Annotated[list[ThresholdView], Field(title="Thresholds")]
    labs: Annotated[list[LabMoney], Field(title="Labs")]
    renews_at: Annotated[AwareDatetime, Field(title="Renews At")]
    """
    When the next month begins
    """


class ClaimRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    lab_id: Annotated[str, Field(max_length=40, title="Lab Id")]
    instance_id: Annotated[str, Field(pattern="^i-[0-9a-f]{8,32}$", title="Instance Id")]
    proof: Proof


class CostReportView(BaseModel):
    model_config = ConfigDict(
        regex_engine="python-re",
    )
    by: Annotated[str, Field(title="By")]
    first: Annotated[str, Field(title="First")]
    last: Annotated[str, Field(title="Last")]
    up_to: Annotated[AwareDatetime, Field(title="Up To")]
    """
    Everything up to here is in it
    """
    currency: Annotated[str, Field(title="Currency")]
    prices_as_of: Annotated[str, Field(title="Prices As Of")]
    price_sources: Annotated[list[str], Field(title="Price Sources")]
    rows: Annotated[list[CostRowView], Field(title="Rows")]
    total: CostRowView
    transfer_at_most: Annotated[
        str,
        Field(pattern="^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", title="Transfer At Most"),
    ]
    """
    An estimate, in no sum: at most: what the network carried, as if all of it had left AWS, at the price of the first tier
    """
    notes: Annotated[list[str], Field(title="Notes")]


class DecisionView(BaseModel):
    id: Annotated[str | None, Field(title="Id")]
    """
    null: decided for this answer, and not carried out
    """
    at: Annotated[AwareDatetime, Field(title="At")]
    verdict: Verdict
    action: Action
    rule: Annotated[str, Field(title="Rule")]
    law: Annotated[str, Field(title="Law")]
    """
    The rule in words
    """
    reason: Annotated[str, Field(title="Reason")]
    """
    In words, with the evidence
    """
    version: Annotated[str, Field(title="Version")]
    """
    Of the rules
    """
    kind: Annotated[str | None, Field(title="Kind")]
    """
    What the warning is for: idle, stuck, hours, budget
    """
    deadline: Annotated[AwareDatetime | None, Field(title="Deadline")]
    idle_since: Annotated[AwareDatetime | None, Field(title="Idle Since")]
    next_check: Annotated[AwareDatetime, Field(title="Next Check")]
    evidence: Annotated[dict[str, Any] | None, Field(title="Evidence")]
    """
    What the machine had said, and when that was received
    """
    policy: PolicyView


class DrillView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    lab_id: Annotated[str, Field(title="Lab Id")]
    backup_id: Annotated[str, Field(title="Backup Id")]
    state: State
    asked_at: Annotated[AwareDatetime, Field(title="Asked At")]
    asked_by: Annotated[str, Field(title="Asked By")]
    files: Annotated[int, Field(title="Files")]
    bytes: Annotated[int, Field(title="Bytes")]
    rto_seconds: Annotated[float, Field(title="Rto Seconds")]
    """
    How long it took to read everything back
    """
    rpo_seconds: Annotated[float, Field(title="Rpo Seconds")]
    """
    How many seconds' work this backup lacks
    """
    failed: Annotated[list[SkippedView], Field(title="Failed")]
    """
    Files that would not come back, the first of them
    """
    failed_count: Annotated[int, Field(title="Failed Count")]
    finished_at: Annotated[AwareDatetime | None, Field(title="Finished At")]
    cause: Annotated[str | None, Field(title="Cause")]


class EventList(BaseModel):
    items: Annotated[list[EventView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class FileList(BaseModel):
    items: Annotated[list[FileView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class FindingView(BaseModel):
    kind: Annotated[str, Field(title="Kind")]
    id: Annotated[str, Field(title="Id")]
    lab_id: Annotated[str | None, Field(title="Lab Id")]
    verdict: Fate
    reason: Annotated[str, Field(title="Reason")]
    hint: Annotated[str | None, Field(title="Hint")]
    monthly_cost: Money | None
    """
    What a month of it costs; null: nothing, or not known
    """
    since: Annotated[AwareDatetime | None, Field(title="Since")]
    """
    When it was first found like this
    """
    outcome: Annotated[str | None, Field(title="Outcome")]
    """
    `done`, or why it is not done yet; null: nothing was tried
    """
    unowned: Annotated[bool, Field(title="Unowned")]
    """
    Somebody has to do something, or something was done
    """


class ImageList(BaseModel):
    items: Annotated[list[ImageView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class KeptView(BaseModel):
    kind: Annotated[str, Field(title="Kind")]
    id: Annotated[str, Field(title="Id")]
    monthly_cost: Money


class LimitsView(BaseModel):
    teams: Annotated[list[TeamUsage], Field(title="Teams")]
    max_users_per_lab: Annotated[int, Field(title="Max Users Per Lab")]
    allowed_families: Annotated[list[str], Field(title="Allowed Families")]
    """
    Instance families that may be used; empty: all
    """


class LineList(BaseModel):
    items: Annotated[list[LineView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class LoginView(BaseModel):
    url: Annotated[str, Field(title="Url")]
    """
    Opens the hub; counts once, until it expires
    """
    expires_at: Annotated[AwareDatetime, Field(title="Expires At")]
    tunnel: TunnelView | None
    """
    Set when the address is only reached through a tunnel to this port
    """


class OpenView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    name: Annotated[str, Field(title="Name")]
    domain: Annotated[str, Field(title="Domain")]
    phase: Phase
    changed_at: Annotated[AwareDatetime, Field(title="Changed At")]
    cause: Annotated[str | None, Field(title="Cause")]
    hint: Annotated[str | None, Field(title="Hint")]
    steps: Annotated[list[WayStep], Field(title="Steps")]
    """
    Of the start under way, oldest first
    """
    may_start: Annotated[bool, Field(title="May Start")]
    price_per_hour: Annotated[str | None, Field(title="Price Per Hour")]
    """
    List price while it runs
    """
    access_mode: Annotated[str, Field(title="Access Mode")]


class Orders(BaseModel):
    """
    What the machine shall be now.
    """

    lab_id: Annotated[str, Field(title="Lab Id")]
    phase: Phase
    domain: Annotated[str, Field(title="Domain")]
    capacity: Annotated[int, Field(title="Capacity")]
    shared_storage_gb: Annotated[int, Field(title="Shared Storage Gb")]
    owner: Annotated[str, Field(title="Owner")]
    users: Annotated[list[dict[str, str]], Field(title="Users")]
    packs: Annotated[list[str], Field(title="Packs")]
    """
    Whose notebooks people get; the lab's own first
    """
    kernels: Annotated[list[dict[str, Any]], Field(title="Kernels")]
    examples: Annotated[bool, Field(title="Examples")]
    access: Annotated[dict[str, str | None], Field(title="Access")]
    storage: Annotated[dict[str, str | None], Field(title="Storage")]
    heartbeat_seconds: Annotated[int, Field(title="Heartbeat Seconds")]
    notice: Annotated[dict[str, Any] | None, Field(title="Notice")]
    """
    What people here are warned of: kind, at, in_s, text; null: nothing
    """
    price: Annotated[dict[str, str] | None, Field(title="Price")]
    """
    List price of the machine: hourly, currency, as_of; null: not known
    """
    idle: Annotated[dict[str, int], Field(title="Idle")]
    """
    auto_shutdown in minutes (a server nobody uses ends then) of minute_seconds each
    """
    cost_tracking: Annotated[bool, Field(title="Cost Tracking")]
    """
    Do notebooks tell what their cells cost?
    """
    work: Annotated[list[dict[str, Any]], Field(title="Work")]
    """
    What to do, oldest first: id, kind and order of each piece
    """


class PackList(BaseModel):
    items: Annotated[list[PackSummaryView], Field(title="Items")]


class PackUploadList(BaseModel):
    items: Annotated[list[PackUploadView], Field(title="Items")]


class PersonRequest(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    email: Annotated[str, Field(examples=["ada@university.edu"], max_length=254, title="Email")]
    role: Role = Role.member
    teams: Annotated[list[Team2], Field(max_length=10, min_length=1, title="Teams")] = ["default"]
    """
    The first one pays by default
    """


class PersonView(BaseModel):
    email: Annotated[str, Field(title="Email")]
    role: Role
    teams: Annotated[list[str], Field(title="Teams")]
    added_at: Annotated[AwareDatetime, Field(title="Added At")]
    added_by: Annotated[str, Field(title="Added By")]


class ReadyReport(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
    )
    boot_id: Annotated[str, Field(max_length=80, min_length=1, title="Boot Id")]
    address: Annotated[
        str,
        Field(max_length=200, pattern="^https?://[A-Za-z0-9.:-]+/?$", title="Address"),
    ]
    steps: Annotated[list[StepTime] | None, Field(max_length=30, title="Steps")] = None
    kernels: Annotated[list[str] | None, Field(max_length=50, title="Kernels")] = None


class ReceiptView(BaseModel):
    removed: Annotated[list[RemovedView], Field(title="Removed")]
    kept: Annotated[list[KeptView], Field(title="Kept")]


class ReconcileView(BaseModel):
    month: BillMonthView
    cost: Cost
    """
    Which amounts of the bill these are
    """
    currencies: Annotated[list[ReconciliationView], Field(title="Currencies")]
    notes: Annotated[list[BillNote], Field(title="Notes")]


class Replayed(BaseModel):
    at: Annotated[AwareDatetime, Field(title="At")]
    was: DecisionView
    verdict: Verdict
    action: Action
    rule: Annotated[str, Field(title="Rule")]
    reason: Annotated[str, Field(title="Reason")]
    differs: Annotated[bool, Field(title="Differs")]


class RestoreView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    lab_id: Annotated[str, Field(title="Lab Id")]
    source_lab: Annotated[str, Field(title="Source Lab")]
    backup_id: Annotated[str, Field(title="Backup Id")]
    state: State
    asked_at: Annotated[AwareDatetime, Field(title="Asked At")]
    asked_by: Annotated[str, Field(title="Asked By")]
    paths: Annotated[list[str], Field(title="Paths")]
    over: Annotated[bool, Field(title="Over")]
    label: Annotated[str, Field(title="Label")]
    files: Annotated[int, Field(title="Files")]
    bytes: Annotated[int, Field(title="Bytes")]
    restored: Annotated[list[PutView], Field(title="Restored")]
    """
    What was put where, the first of it
    """
    failed: Annotated[list[SkippedView], Field(title="Failed")]
    failed_count: Annotated[int, Field(title="Failed Count")]
    finished_at: Annotated[AwareDatetime | None, Field(title="Finished At")]
    cause: Annotated[str | None, Field(title="Cause")]


class ServerReport(BaseModel):
    user: Annotated[str, Field(title="User")] = ""
    started_s: Annotated[float | None, Field(title="Started S")] = None
    kernels: Annotated[list[KernelReport] | None, Field(title="Kernels")] = None
    terminals: Annotated[list[TerminalReport] | None, Field(title="Terminals")] = None
    requests_s: Annotated[float | None, Field(title="Requests S")] = None
    """
    Age of the last request that a person caused; null: none yet
    """
    uploads: Annotated[int, Field(title="Uploads")] = 0
    """
    Uploads under way
    """
    connections: Annotated[int, Field(title="Connections")] = 0
    """
    WebSockets that are open
    """
    cpu: Annotated[float | None, Field(title="Cpu")] = None
    """
    Percent of one core
    """
    memory_mb: Annotated[float | None, Field(title="Memory Mb")] = None
    gpu: Annotated[float | None, Field(title="Gpu")] = None
    last_activity: Annotated[str | None, Field(title="Last Activity")] = None
    """
    Said by agents from before `seq`
    """


class StockList(BaseModel):
    items: Annotated[list[StockView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class TokenList(BaseModel):
    items: Annotated[list[TokenView], Field(title="Items")]


class UserList(BaseModel):
    items: Annotated[list[UserView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class WhyView(BaseModel):
    lab_id: Annotated[str, Field(title="Lab Id")]
    phase: Phase
    cause: Annotated[str | None, Field(title="Cause")]
    """
    Why it is stopped, if it was not asked for
    """
    now: DecisionView | None
    """
    What the rules say now; null while it does not run
    """
    decision: DecisionView | None
    """
    What was asked for with at or decision
    """
    last_stop: DecisionView | None
    """
    The decision that last stopped it
    """
    stops_at: Annotated[AwareDatetime | None, Field(title="Stops At")]
    """
    A warning stands
    """
    kept_until: Annotated[AwareDatetime | None, Field(title="Kept Until")]
    """
    Somebody asked to keep it running
    """
    kept_by: Annotated[str | None, Field(title="Kept By")]
    exemption: ExemptionView | None
    next_check: Annotated[AwareDatetime | None, Field(title="Next Check")]
    may_be_culled: Annotated[list[str], Field(title="May Be Culled")]
    """
    People whose servers nobody uses, though the lab may be busy
    """
    policy: PolicyView


class AccountView(BaseModel):
    run: Annotated[str, Field(title="Run")]
    at: Annotated[AwareDatetime, Field(title="At")]
    by: Annotated[str, Field(title="By")]
    dry_run: Annotated[bool, Field(title="Dry Run")]
    looked_at: Annotated[int, Field(title="Looked At")]
    """
    How many things were seen
    """
    unowned: Annotated[int, Field(title="Unowned")]
    """
    How many of them nobody counts as theirs
    """
    findings: Annotated[list[FindingView], Field(title="Findings")]
    """
    The dearest first
    """
    left_out: Annotated[int, Field(title="Left Out")]
    """
    Findings beyond those listed
    """


class BackupList(BaseModel):
    items: Annotated[list[BackupView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class BillList(BaseModel):
    items: Annotated[list[BillMonthView], Field(title="Items")]
    troubles: Annotated[list[str], Field(title="Troubles")]
    """
    What stood in the way of the last nightly run
    """


class Claimed(BaseModel):
    token: Annotated[str, Field(title="Token")]
    login_key: Annotated[str, Field(title="Login Key")]
    orders: Orders


class DecisionList(BaseModel):
    items: Annotated[list[DecisionView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class DrillList(BaseModel):
    items: Annotated[list[DrillView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class HeartbeatReport(BaseModel):
    """
    All times are ages in seconds, measured on the machine.
    """

    boot_id: Annotated[str, Field(max_length=80, title="Boot Id")]
    seq: Annotated[int, Field(ge=0, lt=9007199254740992, title="Seq")] = 0
    """
    Grows within a boot; what is not newer is ignored. 0: not told
    """
    uptime_s: Annotated[float, Field(title="Uptime S")] = 0
    storage_used_bytes: Annotated[int | None, Field(title="Storage Used Bytes")] = None
    cpu: Annotated[float | None, Field(title="Cpu")] = None
    memory: Annotated[float | None, Field(title="Memory")] = None
    disk: Annotated[float | None, Field(title="Disk")] = None
    gpu: Annotated[float | None, Field(title="Gpu")] = None
    network_kb_per_second: Annotated[float | None, Field(title="Network Kb Per Second")] = None
    servers: Annotated[list[ServerReport] | None, Field(max_length=500, title="Servers")] = None
    release: Annotated[str, Field(max_length=40, title="Release")] = ""
    kernels: Annotated[list[KernelMade] | None, Field(max_length=100, title="Kernels")] = None


class LabView(BaseModel):
    id: Annotated[str, Field(title="Id")]
    name: Annotated[str, Field(title="Name")]
    domain: Annotated[str, Field(title="Domain")]
    phase: Phase
    cause: Annotated[str | None, Field(title="Cause")]
    """
    Why it failed, or why it is stopped unasked
    """
    hint: Annotated[str | None, Field(title="Hint")]
    owner: Annotated[str, Field(title="Owner")]
    team: Annotated[str, Field(title="Team")]
    users: Annotated[int, Field(title="Users")]
    instance_type: Annotated[str, Field(title="Instance Type")]
    shared_storage_gb: Annotated[int, Field(title="Shared Storage Gb")]
    address: Annotated[str | None, Field(title="Address")]
    access_mode: Annotated[str, Field(title="Access Mode")]
    price_per_hour: Money | None
    """
    List price while it runs; null: not known
    """
    packs: Annotated[list[LabPackView], Field(title="Packs")]
    """
    Its own pack first, then what was activated
    """
    kernels: Annotated[list[KernelView], Field(title="Kernels")]
    image: BakedImageView | None
    """
    What its machine was launched from; null: the plain image, it installed
    """
    example_notebooks: Annotated[int, Field(title="Example Notebooks")]
    generation: Annotated[int, Field(title="Generation")]
    created_at: Annotated[AwareDatetime, Field(title="Created At")]
    changed_at: Annotated[AwareDatetime, Field(title="Changed At")]
    ready_at: Annotated[AwareDatetime | None, Field(title="Ready At")]
    steps: Annotated[list[StepView], Field(title="Steps")]
    """
    Steps of its last start, and how long each took
    """
    instance_id: Annotated[str | None, Field(title="Instance Id")]
    storage: StorageView | None
    machine: MachineView | None
    """
    What its machine said last; null in lists
    """
    release: Annotated[str | None, Field(title="Release")]
    """
    What its machine runs; 0.1.0: from before releases were told
    """
    newer_release: Annotated[str | None, Field(title="Newer Release")]
    """
    Set when a newer release is there than it runs
    """
    upgrading: Annotated[str | None, Field(title="Upgrading")]
    """
    The upgrade under way; people go on working
    """
    release_note: Annotated[str | None, Field(title="Release Note")]
    """
    Why it does not run the release that was asked for, or when it will
    """
    stops_at: Annotated[AwareDatetime | None, Field(title="Stops At")]
    """
    People are warned that it stops then, unless somebody or something works
    """
    notice: Annotated[str | None, Field(title="Notice")]
    """
    The warning in words; null in lists, and while there is none
    """
    receipt: ReceiptView | None
    """
    Once deleted: what was removed, and what is kept at which cost
    """


class PersonList(BaseModel):
    items: Annotated[list[PersonView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None
    """
    Ask with it for the next page; null at the end
    """


class ReplayView(BaseModel):
    policy: PolicyView
    items: Annotated[list[Replayed], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None


class LabList(BaseModel):
    items: Annotated[list[LabView], Field(title="Items")]
    cursor: Annotated[str | None, Field(title="Cursor")] = None
    """
    Ask with it for the next page; null at the end
    """
