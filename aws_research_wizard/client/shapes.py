"""What the API takes and answers, as dictionaries a type checker knows. Generated from openapi.json: do not edit."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Access: TypeAlias = Literal["public", "requester-pays", "account-required", "controlled"]
"""
Who may read a data set, as the AWS Registry of Open Data says it.
"""


Action: TypeAlias = Literal["keep", "warn", "withdraw", "stop", "probe"]


Kernel: TypeAlias = str


class ActivateRequest(TypedDict):
    pack: str
    kernels: NotRequired[list[Kernel]]
    """
    Kernels on request, by key
    """


class AnchorQuery(TypedDict):
    after: NotRequired[int]
    """
    Anchors behind this number
    """
    limit: NotRequired[int]


class AnchorView(TypedDict):
    seq: int
    hash: str
    at: str
    """
    When the bucket took it
    """
    standing: bool
    """
    False: somebody tried to remove it; the lock kept it
    """


class AuditEntryView(TypedDict):
    seq: int
    """
    1, 2, 3 … without a gap
    """
    prev: str
    """
    The hash of the entry before
    """
    hash: str
    """
    SHA-256 over the canonical JSON (RFC 8785) of all other fields
    """
    fact: str
    name: str
    subject: str
    """
    A lab's id, or a person's address
    """
    who: str
    on_behalf_of: str
    """
    The person for whom the system acted; blank when who acted by themselves
    """
    origin: dict[str, str]
    """
    Through which door: door, ip, agent, token, function, request
    """
    correlation_id: str
    at: str
    recorded_at: str
    changes: dict[str, Any]
    """
    Attribute → [before, after]; null where there was nothing
    """
    data: dict[str, Any]


class AuditHead(TypedDict):
    chain: str
    """
    The chain's name; the first entry's `prev` is the SHA-256 of it
    """
    seq: int
    hash: str
    recorded_at: str


class AuditList(TypedDict):
    items: list[AuditEntryView]
    next: NotRequired[int | None]
    """
    Ask with it as `after` for the next page; null at the end
    """


class AuditQuery(TypedDict):
    after: NotRequired[int]
    """
    Entries behind this number
    """
    limit: NotRequired[int]
    lab: NotRequired[str | None]
    """
    Only what happened to this lab
    """
    person: NotRequired[str | None]
    """
    Only what this person did, had done, or met
    """
    since: NotRequired[str | None]
    """
    Only what happened at or after this moment
    """
    until: NotRequired[str | None]
    """
    Only what happened up to this moment
    """


class BackupRequest(TypedDict):
    then: NotRequired[Literal["stop", "delete"] | None]
    """
    What to do with the lab afterwards
    """
    data: NotRequired[Literal["keep", "delete"]]
    """
    With then=delete: what becomes of the people's files
    """


class BakeRequest(TypedDict):
    pack: str


class BakeStep(TypedDict):
    name: str
    seconds: float


class BakedImageView(TypedDict):
    """
    The baked image that the lab's machine was launched from.
    """

    image_id: str
    bake_id: str
    baked_at: str


class BakedKernel(TypedDict):
    name: str
    lock_sha256: str
    """
    The lock it was made from
    """
    megabytes: int
    seconds: float


class BakedLesson(TypedDict):
    """
    An example notebook, run on the builder before there was an image.
    """

    file: str
    kernel: str
    cells: int
    seconds: float
    ok: bool
    said: str
    """
    The last line it printed
    """


class BillFaultView(TypedDict):
    file: str
    line: int | None
    """
    Counted from 1, the header included; null: the file's format has no lines
    """
    place: str
    """
    What else names the line, where something does
    """
    reason: str


class BillFileWish(TypedDict):
    name: str
    """
    The file's own name: it ends with .csv, .csv.gz or .parquet
    """
    size: int
    sha256: str
    """
    Of the file's content, in hexadecimal
    """


class BillImportView(TypedDict):
    id: str
    state: str
    """
    RUNNING, FINISHED or FAILED
    """
    cause: str
    hint: str
    months: list[str]
    files_read: int
    files_unchanged: int
    """
    They were known, and were not read again
    """
    lines: int
    malformed: int
    """
    Lines that could not be counted; the month's bill lists them
    """
    at: str
    by: str


class BillNote(TypedDict):
    message: str
    hint: str


class BillTotal(TypedDict):
    currency: str
    amount: str
    """
    As billed (unblended), rounded to the currency's smallest coin
    """


class BillUploadRequest(TypedDict):
    files: list[BillFileWish]


class BillUploadView(TypedDict):
    name: str
    url: str | None
    """
    Put the file there within an hour; null: it is there already
    """
    headers: dict[str, str]
    """
    Headers to send with it, its checksum among them
    """


class BillUploaded(TypedDict):
    name: str
    sha256: str


By: TypeAlias = Literal["user", "lab", "domain", "team", "day"]


Charge: TypeAlias = Literal["usage", "commitment", "credit", "refund", "discount", "tax", "fee", "other"]


Cost: TypeAlias = Literal["unblended", "amortized"]


class CostForecastView(TypedDict):
    amount: str
    currency: str
    as_of: str
    how: str
    """
    How it was made
    """


class CostPartView(TypedDict):
    part: str
    title: str
    estimate: bool
    """
    True: it is in no sum
    """
    how: str
    today: str
    month: str
    unpriced_seconds: int
    """
    How long it stood there this month without a known price
    """


CostQuery = TypedDict(
    "CostQuery",
    {
        "from": NotRequired[str | None],
        "to": NotRequired[str | None],
        "by": NotRequired[By],
        "lab": NotRequired[str | None],
        "team": NotRequired[str | None],
    },
)


class CostRowView(TypedDict):
    key: str
    """
    An address, `others`, `idle`, `overhead`; a lab's id, a domain, a team, or a day
    """
    amount: str
    """
    machine + disk + files, which is users + idle + overhead
    """
    machine: str
    disk: str
    files: str
    users: str
    idle: str
    overhead: str
    seconds: str
    """
    The machines' time
    """
    unpriced_seconds: str
    """
    Time without a known price: in no sum
    """


class CostShareView(TypedDict):
    who: str
    """
    An address, or `idle`, `overhead`, or `others` (whose shares are not shown)
    """
    seconds: str
    """
    The machines' time this month; a second that two share counts half for each
    """
    today: str
    month: str


class CostSum(TypedDict):
    amount: str
    currency: str
    as_of: str
    """
    Date of the oldest list price in it; blank: nothing was charged
    """


class DeleteQuery(TypedDict):
    data: NotRequired[Literal["keep", "delete"]]
    """
    What becomes of the people's files
    """


class DriftView(TypedDict):
    lab: str | None
    """
    null: no lab's tag, or the row is a day's
    """
    day: str | None
    estimate: str | None
    """
    null: nothing was estimated in this currency
    """
    bill: str
    drift: str | None
    """
    Bill less estimate
    """
    percent: str | None
    users: str
    idle: str
    overhead: str
    unattributed: str


class EventQuery(TypedDict):
    cursor: NotRequired[str | None]
    limit: NotRequired[int]
    order: NotRequired[Literal["oldest", "newest"]]


class EventView(TypedDict):
    id: str
    name: str
    at: str
    by: str
    correlation_id: str
    data: dict[str, Any]


class ExemptionRequest(TypedDict):
    until: NotRequired[str | None]
    """
    When it ends; left out: for_minutes from now
    """
    for_minutes: NotRequired[float | None]
    reason: str


class ExemptionView(TypedDict):
    until: str
    by: str
    reason: str


class ExtendRequest(TypedDict):
    for_minutes: float
    """
    From now on
    """


class FailedReport(TypedDict):
    step: str
    cause: str
    log_tail: NotRequired[list[str]]


Fate: TypeAlias = Literal["keep", "adopt", "remove", "report"]
"""
What becomes of a thing that was seen.
"""


class FileQuery(TypedDict):
    cursor: NotRequired[str | None]
    """
    From the page before
    """
    limit: NotRequired[int]
    path: NotRequired[str]
    """
    A folder or file; blank: everything, or your own home
    """


class FileView(TypedDict):
    path: str
    kind: Literal["file", "folder", "link"]
    bytes: int
    modified_at: str
    carried_from: str | None
    """
    An earlier backup: this file could not be read for the present one
    """


class Health(TypedDict):
    status: str
    stage: str
    access_mode: str


class HeldView(TypedDict):
    lab_id: str
    vcpus: int
    gpus: int
    storage_gb: int
    frees_at: str | None
    """
    When it is going to stop, if anybody knows
    """
    frees_why: str


class HoursRequest(TypedDict):
    stop: NotRequired[str]
    """
    Local time of day; blank: never
    """
    start: NotRequired[str]
    """
    Local time of day; blank: never
    """
    tz: str
    """
    A time zone of IANA's
    """
    days: NotRequired[str]
    holidays: NotRequired[list[str]]
    """
    Days on which it is not started
    """
    grace_minutes: NotRequired[int]
    """
    How long a stop waits for what works
    """
    notice_minutes: NotRequired[int]
    """
    How long before people are told
    """


class HoursView(TypedDict):
    stop: str
    start: str
    tz: str
    days: str
    holidays: list[str]
    grace_minutes: int
    notice_minutes: int
    by: str
    set_at: str
    lab_id: str
    team: str
    """
    Whose timetable it keeps; blank: its own
    """
    next_stop: str | None
    next_start: str | None
    told: bool
    """
    Were people told of the next stop?
    """


class IdleThresholds(TypedDict):
    cpu_percent: float
    gpu_percent: float
    network_kb_per_second: float


class ImageCopy(TypedDict):
    region: str
    image_id: str


class ImageQuery(TypedDict):
    cursor: NotRequired[str | None]
    """
    From the page before
    """
    limit: NotRequired[int]
    pack: NotRequired[str | None]
    """
    Only this pack's
    """


class ImageView(TypedDict):
    id: str
    pack: str
    state: str
    """
    BAKING, READY (labs get it), FAILED, RETIRING or RETIRED
    """
    image_id: str | None
    architecture: str
    region: str
    release: str
    """
    The release of the hub in it
    """
    why: str
    """
    Why it was baked
    """
    asked_at: str
    asked_by: str
    finished_at: str | None
    """
    When it became READY, or failed
    """
    instance_type: str | None
    builder_id: str | None
    passed: bool
    """
    Every lesson of the pack ran well on its builder
    """
    seconds: float
    """
    What the builder took
    """
    size_gb: int
    kernels: list[BakedKernel]
    lessons: list[BakedLesson]
    steps: list[BakeStep]
    copies: list[ImageCopy]
    cause: str | None
    """
    Why it failed
    """
    log_tail: list[str]


Job: TypeAlias = Literal["general", "memory", "gpu"]


class KernelMade(TypedDict):
    """
    A kernel that the orders name, as it stands on the machine.
    """

    name: str
    asked: NotRequired[str]
    """
    The activation it was ordered for
    """
    state: NotRequired[str]
    """
    ready or failed; anything else is not news
    """
    cause: NotRequired[str]
    lock: NotRequired[str]
    """
    SHA-256 of the lock it was made from
    """
    solved: NotRequired[str]
    pins: NotRequired[int]


class KernelReport(TypedDict):
    id: NotRequired[str]
    name: NotRequired[str | None]
    state: NotRequired[str | None]
    """
    busy, idle, starting; anything else counts as unknown
    """
    for_s: NotRequired[float | None]
    """
    How long it has been in this state
    """
    connections: NotRequired[int]
    notebook: NotRequired[str | None]


class KernelResources(TypedDict):
    cpus: int
    memory_gb: int
    gpus: int


class KernelView(TypedDict):
    name: str
    display_name: str
    pack: str
    """
    The pack that brought it
    """
    state: str
    """
    installing, ready, failed with a cause, or stalled: nothing was heard of it for long
    """
    cause: str | None
    lock: str | None
    """
    SHA-256 of the lock it was made from, as its machine says; null: not told yet
    """
    solved: str | None
    """
    The day that lock was solved
    """
    pins: int | None
    """
    How many packages it pins
    """


class LabCostView(TypedDict):
    lab_id: str
    name: str
    team: str
    phase: str
    at: str
    """
    Metered up to here
    """
    currency: str
    prices_as_of: str
    price_sources: list[str]
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
    parts: list[CostPartView]
    people: list[CostShareView]
    notes: list[str]
    """
    What must be known to read the figures
    """


class LabMoney(TypedDict):
    lab_id: str
    spent: str
    reserved: str


class LabPackView(TypedDict):
    name: str
    own: bool
    """
    The lab's own pack, its domain
    """
    on_request: list[str]
    """
    Kernels that were asked for by key
    """
    state: str
    """
    installing, ready, failed: then it is not active, and the lab is as it was; or stalled: it may still come
    """
    cause: str | None
    hint: str | None
    """
    What a person can do about it
    """
    kernels: list[str]


class LabRequest(TypedDict):
    domain: str
    users: NotRequired[int]
    """
    How many people work in it at once
    """
    instance_type: NotRequired[str | None]
    """
    Left out: what the pack advises for so many users
    """
    shared_storage: NotRequired[str]
    """
    Quota of homes and the shared directory together
    """
    name: NotRequired[str]
    team: NotRequired[str | None]
    """
    Which of your teams pays; left out: the first
    """
    notebook_examples: NotRequired[bool]
    kernels: NotRequired[list[Kernel]]
    """
    Kernels on request, by key, beside the usual
    """


LabRole: TypeAlias = Literal["lead", "member", "viewer"]


Language: TypeAlias = Literal["python", "r", "julia"]


class LineView(TypedDict):
    at: str
    text: str


class LookRequest(TypedDict):
    dry_run: NotRequired[bool]
    """
    Only say what would be done
    """
    grace_minutes: NotRequired[int]
    """
    What is younger is left alone: it may be in the making
    """


class LookView(TypedDict):
    run: str
    """
    The look that was begun; its report is the account's once its `run` is not earlier
    """


class MachineView(TypedDict):
    last_heartbeat: str | None
    uptime_s: float | None
    cpu: float | None
    """
    Percent in use; null: not known
    """
    memory: float | None
    disk: float | None
    servers: int | None
    """
    People who have a server running
    """


class Money(TypedDict):
    amount: str
    currency: str
    as_of: str


class OwnPackView(TypedDict):
    name: str
    version: str
    """
    follows from the pack's files alone; a lab keeps the one it was made with
    """
    team: str
    added_by: str
    added_at: str


class PackDataset(TypedDict):
    name: str
    registry: str
    """
    its name in the AWS Registry of Open Data
    """
    title: str
    bucket: str
    prefix: str
    region: str
    access: Access
    licence: str


class PackExample(TypedDict):
    file: str
    title: str
    kernel: str


class PackFile(TypedDict):
    name: str
    sha256: str


class PackFileWish(TypedDict):
    name: str
    size: int
    sha256: str


class PackIdle(TypedDict):
    auto_shutdown: int
    """
    minutes without anybody at work
    """
    thresholds: IdleThresholds
    max_busy: float
    """
    hours that something may be busy without any load before people are asked
    """
    hours_a_day: float
    """
    how long a lab may run each day (UTC); 0: no cap
    """


class PackInstances(TypedDict):
    team: dict[TeamSize, list[str]]
    """
    by team size, each in the order to try
    """
    job: dict[Job, list[str]]


class PackKernel(TypedDict):
    name: str
    """
    the name Jupyter knows it by
    """
    display_name: str
    language: Language
    version: str
    packages: list[str]
    system: list[str]
    """
    Debian packages
    """
    widgets: list[str]
    env: dict[str, str]
    resources: KernelResources
    on_request: bool
    """
    not installed in a new lab
    """


class PackQuery(TypedDict):
    resolved: NotRequired[bool]
    """
    also say which pack each value came from
    """


class PackRequest(TypedDict):
    """
    A team's own pack, of files that were uploaded: pack.yaml, and the lock of each kernel that it brings.
    """

    name: str
    team: NotRequired[str]
    """
    Whose it is; without it, the asker's first team
    """
    files: list[PackFile]


class PackSummaryView(TypedDict):
    name: str
    title: str
    purpose: str
    """
    two lines
    """
    kernels: list[str]
    """
    display names
    """
    own: NotRequired[OwnPackView | None]
    """
    a team's own pack: whose, and which version a new lab gets
    """


class PackUploadRequest(TypedDict):
    files: list[PackFileWish]


class PackUploadView(TypedDict):
    name: str
    url: str
    """
    Put the file there within an hour
    """
    headers: dict[str, str]
    """
    Headers to send with it, its checksum among them
    """


class PackView(TypedDict):
    name: str
    title: str
    purpose: str
    version: NotRequired[str]
    """
    of a team's own pack
    """
    lineage: list[str]
    """
    from the oldest pack it extends to itself
    """
    kernels: list[PackKernel]
    examples: list[PackExample]
    datasets: list[PackDataset]
    instances: PackInstances
    idle: PackIdle
    cost_tracking: bool
    why: NotRequired[dict[str, str] | None]
    """
    with resolved=true: value → the pack it came from
    """


class PageQuery(TypedDict):
    """
    How much of a list, and from where.
    """

    cursor: NotRequired[str | None]
    """
    From the page before
    """
    limit: NotRequired[int]


Team: TypeAlias = str


Phase: TypeAlias = Literal["PROVISIONING", "READY", "STOPPING", "STOPPED", "STARTING", "SCALING", "DELETING", "DELETED", "FAILED"]


class PolicyChanges(TypedDict):
    """
    What is to be other than it is; times in minutes.
    """

    idle: NotRequired[float | None]
    warning: NotRequired[float | None]
    max_busy: NotRequired[float | None]
    hours_a_day: NotRequired[float | None]
    silence: NotRequired[float | None]
    cpu_percent: NotRequired[float | None]
    gpu_percent: NotRequired[float | None]
    network_kb_per_second: NotRequired[float | None]


class PolicyView(TypedDict):
    idle: float
    """
    Minutes without anybody at work
    """
    warning: float
    max_busy: float
    cap_warning: float
    silence: float
    stalled: float
    hours_a_day: float
    cpu_percent: float
    gpu_percent: float
    network_kb_per_second: float
    minute_s: float
    """
    How long a minute is on this stage; 60 but where rules are tried
    """


class Problem(TypedDict):
    """
    What every error looks like.
    """

    code: str
    message: str
    hint: NotRequired[str]
    correlation_id: NotRequired[str]


class Proof(TypedDict):
    headers: dict[str, str]
    body: str


class PutView(TypedDict):
    path: str
    to: str


class QuotaRequest(TypedDict):
    """
    What is left out stays; what stands in `reset` is the stage's again.
    """

    labs: NotRequired[int | None]
    vcpus: NotRequired[int | None]
    gpus: NotRequired[int | None]
    storage_gb: NotRequired[int | None]
    families: NotRequired[list[str] | None]
    """
    Instance families, as m7i or g5
    """
    reset: NotRequired[list[Literal["labs", "vcpus", "gpus", "storage_gb", "families"]]]


class QuotaView(TypedDict):
    what: str
    """
    labs, vcpus, gpus or storage_gb
    """
    used: int
    limit: int | None
    """
    Null: no limit
    """
    left: int | None


Reach: TypeAlias = Literal["warn", "stop", "refuse"]
"""
What happens at a threshold.
"""


class ReconcileQuery(TypedDict):
    cost: NotRequired[Cost]
    """
    unblended: as billed; amortized: as used
    """
    by: NotRequired[str]


class ReconciliationView(TypedDict):
    currency: str
    rows: list[DriftView]
    """
    They sum up to the totals, to the last coin
    """
    estimate: str
    bill: str
    users: str
    idle: str
    overhead: str
    unattributed: str
    missing: list[str]
    """
    Lab and day that were estimated, and of which the bill says nothing (yet)
    """


class RemovedView(TypedDict):
    kind: str
    id: str
    verified_absent: bool


class ReplayRequest(TypedDict):
    policy: PolicyChanges
    decision: NotRequired[str]
    """
    Only this one
    """
    cursor: NotRequired[str | None]
    limit: NotRequired[int]


Path: TypeAlias = str


class RestoreRequest(TypedDict):
    backup_id: str
    """
    A backup, or `newest`
    """
    paths: NotRequired[list[Path]]
    """
    Files and folders; none: everything
    """
    over: NotRequired[bool]
    """
    Put them over what is there; what is replaced is kept beside it
    """
    source_lab: NotRequired[str | None]
    """
    Whose backup, if it is another lab's, also one that is gone
    """


Role: TypeAlias = Literal["admin", "lead", "member", "viewer"]


class RoleRequest(TypedDict):
    role: LabRole


class ScaleRequest(TypedDict):
    users: NotRequired[int | None]
    instance_type: NotRequired[str | None]
    shared_storage: NotRequired[str | None]


Scope: TypeAlias = Literal["labs:read", "labs:write", "users:write", "packs:read", "tokens:write"]


class SkippedView(TypedDict):
    path: str
    why: str


SpanQuery = TypedDict(
    "SpanQuery",
    {
        "from": NotRequired[str | None],
        "to": NotRequired[str | None],
    },
)


State: TypeAlias = Literal["RUNNING", "FINISHED", "FAILED", "PASSED"]


class StepReport(TypedDict):
    step: str
    state: Literal["started", "done", "failed"]
    seconds: NotRequired[float | None]
    detail: NotRequired[str]


class StepTime(TypedDict):
    name: str
    seconds: float


class StepView(TypedDict):
    name: str
    seconds: float


class StockView(TypedDict):
    lab_id: str
    owner: str
    phase: str
    """
    The lab's; DELETED: only its backups are left
    """
    backups: int
    newest: str | None
    newest_at: str | None
    stored_bytes: int
    monthly_cost: Money | None
    """
    List price of a month of them, in all regions; null: not known
    """
    drilled_at: str | None


class StorageView(TypedDict):
    file_system_id: str
    used_bytes: int | None
    quota_gb: int


class TeamHoursView(TypedDict):
    stop: str
    start: str
    tz: str
    days: str
    holidays: list[str]
    grace_minutes: int
    notice_minutes: int
    by: str
    set_at: str
    team: str


class TeamLimits(TypedDict):
    team: str
    quotas: list[QuotaView]
    families: list[str]
    """
    Instance families that may be used; empty: all
    """
    own: list[str]
    """
    What an admin decided for this team; the rest is the stage's
    """
    labs: list[HeldView]
    frees_at: str | None
    """
    The next moment at which something is given back, if it is known
    """


TeamSize: TypeAlias = Literal["small", "medium", "large"]


class TeamUsage(TypedDict):
    team: str
    labs: int
    limit: int | None
    """
    Null: no limit
    """


class TerminalReport(TypedDict):
    name: NotRequired[str]
    children: NotRequired[int]
    """
    Processes that run in it
    """
    cpu: NotRequired[float | None]
    idle_s: NotRequired[float | None]
    """
    Age of its last output or input
    """


class ThresholdRequest(TypedDict):
    percent: int
    action: Reach


class ThresholdView(TypedDict):
    percent: int
    action: Reach
    reached: bool


class TokenMade(TypedDict):
    token_id: str
    email: str
    label: str
    scopes: list[str]
    created_at: str
    expires_at: str
    token: str | None
    """
    The secret. Shown once: a repeated request answers null
    """


class TokenRequest(TypedDict):
    label: NotRequired[str]
    """
    What it is for, to recognise it later
    """
    scopes: NotRequired[list[Scope] | None]
    """
    What it may do; left out: all that your own token may
    """
    expires_in_days: NotRequired[int]


class TokenView(TypedDict):
    token_id: str
    email: str
    label: str
    scopes: list[str]
    created_at: str
    expires_at: str


class TunnelView(TypedDict):
    instance_id: str
    port: int


class UserRequest(TypedDict):
    email: str
    role: NotRequired[LabRole]


class UserView(TypedDict):
    email: str
    role: LabRole
    owner: bool
    added_at: str


Verdict: TypeAlias = Literal["busy", "idle", "unknown"]


class WakeKeyView(TypedDict):
    path: str
    """
    The lab's lasting address, from the API's own: /open/LAB
    """
    key: str | None
    """
    Told once; it stands after # in a link. Null when the request is repeated
    """
    expires_at: str | None


class WayStep(TypedDict):
    name: str
    state: str
    seconds: float | None


class Whoami(TypedDict):
    email: str
    role: Role
    teams: list[str]
    scopes: list[str]
    token_id: str
    stage: str


class WhoseQuery(TypedDict):
    email: NotRequired[str | None]
    """
    Whose: another person's (admins only)
    """


class WhyQuery(TypedDict):
    at: NotRequired[str | None]
    """
    The decision that held at this moment
    """
    decision: NotRequired[str]
    """
    One decision, by its id
    """


class WorkReport(TypedDict):
    state: Literal["running", "done", "failed"]
    report: NotRequired[dict[str, Any]]
    """
    What came of it; its fields depend on the kind of work
    """
    cause: NotRequired[str]
    """
    Why it failed
    """


class AnchorList(TypedDict):
    bucket: str
    items: list[AnchorView]
    next: NotRequired[int | None]
    """
    Ask with it as `after` for the next page; null at the end
    """


class BackupView(TypedDict):
    id: str
    lab_id: str
    state: State
    asked_at: str
    asked_by: str
    by_hand: bool
    """
    Somebody asked for it; else it is one of every night's
    """
    then: str | None
    """
    What was to follow: stop or delete
    """
    then_failed: str | None
    """
    Why that did not follow
    """
    base: str | None
    files: int
    bytes: int
    new_bytes: int
    """
    What was not there already
    """
    skipped_count: int
    skipped: list[SkippedView]
    """
    Files that could not be read, the first of them
    """
    started_at: str | None
    finished_at: str | None
    copied_at: str | None
    """
    Since when it is in the second region too
    """
    stale: bool
    """
    Somebody has worked in the lab since
    """
    stale_reason: str | None
    cause: str | None
    """
    Why it failed
    """


class BillGroupView(TypedDict):
    lab: str | None
    """
    null: no lab's tag is on these lines
    """
    product: str
    charge: Charge
    currency: str
    unblended: str
    """
    As billed: what the invoice says
    """
    amortized: str
    """
    As used: what was paid ahead is laid on the hours that used it
    """
    lines: int


class BillImportRequest(TypedDict):
    """
    Either files that were uploaded, or an export in S3.
    """

    files: NotRequired[list[BillUploaded]]
    """
    The whole of each month they tell of
    """
    uri: NotRequired[str]
    """
    s3://bucket/prefix of an export; it is looked at every night
    """
    format: NotRequired[str]


class BillMonthView(TypedDict):
    month: str
    source: str
    as_of: str
    """
    When it was taken in
    """
    published_at: str
    totals: list[BillTotal]
    files: int
    lines: int
    malformed: int


class BillUploadList(TypedDict):
    items: list[BillUploadView]


class BillView(TypedDict):
    month: BillMonthView
    groups: list[BillGroupView]
    """
    Lab, product and charge, over the month's days
    """
    faults: list[BillFaultView]
    """
    Malformed lines, the first 200; none of them is in the sums
    """
    notes: list[BillNote]
    not_counted: list[str]
    """
    Other sources that tell of this month; the youngest publication counts
    """
    tag: NotRequired[str]
    """
    The tag by which lines are a lab's
    """


class BudgetRequest(TypedDict):
    monthly: float | str
    currency: NotRequired[str]
    thresholds: NotRequired[list[ThresholdRequest]]
    """
    Empty: 80 warn, 100 refuse
    """


class BudgetView(TypedDict):
    team: str
    month: str
    monthly: str | None
    """
    Null: no budget, and so no limit
    """
    currency: str
    spent: str
    """
    As far as it is settled, which happens every hour and when a lab stops
    """
    reserved: str
    """
    Set aside for labs that run
    """
    left: str | None
    """
    What may still be started; null: no budget
    """
    refuses_at: str | None
    """
    Starts are refused above this much
    """
    thresholds: list[ThresholdView]
    labs: list[LabMoney]
    renews_at: str
    """
    When the next month begins
    """


class ClaimRequest(TypedDict):
    lab_id: str
    instance_id: str
    proof: Proof


class CostReportView(TypedDict):
    by: str
    first: str
    last: str
    up_to: str
    """
    Everything up to here is in it
    """
    currency: str
    prices_as_of: str
    price_sources: list[str]
    rows: list[CostRowView]
    total: CostRowView
    transfer_at_most: str
    """
    An estimate, in no sum: at most: what the network carried, as if all of it had left AWS, at the price of the first tier
    """
    notes: list[str]


class DecisionView(TypedDict):
    id: str | None
    """
    null: decided for this answer, and not carried out
    """
    at: str
    verdict: Verdict
    action: Action
    rule: str
    law: str
    """
    The rule in words
    """
    reason: str
    """
    In words, with the evidence
    """
    version: str
    """
    Of the rules
    """
    kind: str | None
    """
    What the warning is for: idle, stuck, hours, budget
    """
    deadline: str | None
    idle_since: str | None
    next_check: str
    evidence: dict[str, Any] | None
    """
    What the machine had said, and when that was received
    """
    policy: PolicyView


class DrillView(TypedDict):
    id: str
    lab_id: str
    backup_id: str
    state: State
    asked_at: str
    asked_by: str
    files: int
    bytes: int
    rto_seconds: float
    """
    How long it took to read everything back
    """
    rpo_seconds: float
    """
    How many seconds' work this backup lacks
    """
    failed: list[SkippedView]
    """
    Files that would not come back, the first of them
    """
    failed_count: int
    finished_at: str | None
    cause: str | None


class EventList(TypedDict):
    items: list[EventView]
    cursor: NotRequired[str | None]


class FileList(TypedDict):
    items: list[FileView]
    cursor: NotRequired[str | None]


class FindingView(TypedDict):
    kind: str
    id: str
    lab_id: str | None
    verdict: Fate
    reason: str
    hint: str | None
    monthly_cost: Money | None
    """
    What a month of it costs; null: nothing, or not known
    """
    since: str | None
    """
    When it was first found like this
    """
    outcome: str | None
    """
    `done`, or why it is not done yet; null: nothing was tried
    """
    unowned: bool
    """
    Somebody has to do something, or something was done
    """


class ImageList(TypedDict):
    items: list[ImageView]
    cursor: NotRequired[str | None]


class KeptView(TypedDict):
    kind: str
    id: str
    monthly_cost: Money


class LimitsView(TypedDict):
    teams: list[TeamUsage]
    max_users_per_lab: int
    allowed_families: list[str]
    """
    Instance families that may be used; empty: all
    """


class LineList(TypedDict):
    items: list[LineView]
    cursor: NotRequired[str | None]


class LoginView(TypedDict):
    url: str
    """
    Opens the hub; counts once, until it expires
    """
    expires_at: str
    tunnel: TunnelView | None
    """
    Set when the address is only reached through a tunnel to this port
    """


class OpenView(TypedDict):
    id: str
    name: str
    domain: str
    phase: Phase
    changed_at: str
    cause: str | None
    hint: str | None
    steps: list[WayStep]
    """
    Of the start under way, oldest first
    """
    may_start: bool
    price_per_hour: str | None
    """
    List price while it runs
    """
    access_mode: str


class Orders(TypedDict):
    """
    What the machine shall be now.
    """

    lab_id: str
    phase: Phase
    domain: str
    capacity: int
    shared_storage_gb: int
    owner: str
    users: list[dict[str, str]]
    packs: list[str]
    """
    Whose notebooks people get; the lab's own first
    """
    kernels: list[dict[str, Any]]
    examples: bool
    access: dict[str, str | None]
    storage: dict[str, str | None]
    heartbeat_seconds: int
    notice: dict[str, Any] | None
    """
    What people here are warned of: kind, at, in_s, text; null: nothing
    """
    price: dict[str, str] | None
    """
    List price of the machine: hourly, currency, as_of; null: not known
    """
    idle: dict[str, int]
    """
    auto_shutdown in minutes (a server nobody uses ends then) of minute_seconds each
    """
    cost_tracking: bool
    """
    Do notebooks tell what their cells cost?
    """
    work: list[dict[str, Any]]
    """
    What to do, oldest first: id, kind and order of each piece
    """


class PackList(TypedDict):
    items: list[PackSummaryView]


class PackUploadList(TypedDict):
    items: list[PackUploadView]


class PersonRequest(TypedDict):
    email: str
    role: NotRequired[Role]
    teams: NotRequired[list[Team]]
    """
    The first one pays by default
    """


class PersonView(TypedDict):
    email: str
    role: Role
    teams: list[str]
    added_at: str
    added_by: str


class ReadyReport(TypedDict):
    boot_id: str
    address: str
    steps: NotRequired[list[StepTime]]
    kernels: NotRequired[list[str]]


class ReceiptView(TypedDict):
    removed: list[RemovedView]
    kept: list[KeptView]


class ReconcileView(TypedDict):
    month: BillMonthView
    cost: Cost
    """
    Which amounts of the bill these are
    """
    currencies: list[ReconciliationView]
    notes: list[BillNote]


class Replayed(TypedDict):
    at: str
    was: DecisionView
    verdict: Verdict
    action: Action
    rule: str
    reason: str
    differs: bool


class RestoreView(TypedDict):
    id: str
    lab_id: str
    source_lab: str
    backup_id: str
    state: State
    asked_at: str
    asked_by: str
    paths: list[str]
    over: bool
    label: str
    files: int
    bytes: int
    restored: list[PutView]
    """
    What was put where, the first of it
    """
    failed: list[SkippedView]
    failed_count: int
    finished_at: str | None
    cause: str | None


class ServerReport(TypedDict):
    user: NotRequired[str]
    started_s: NotRequired[float | None]
    kernels: NotRequired[list[KernelReport]]
    terminals: NotRequired[list[TerminalReport]]
    requests_s: NotRequired[float | None]
    """
    Age of the last request that a person caused; null: none yet
    """
    uploads: NotRequired[int]
    """
    Uploads under way
    """
    connections: NotRequired[int]
    """
    WebSockets that are open
    """
    cpu: NotRequired[float | None]
    """
    Percent of one core
    """
    memory_mb: NotRequired[float | None]
    gpu: NotRequired[float | None]
    last_activity: NotRequired[str | None]
    """
    Said by agents from before `seq`
    """


class StockList(TypedDict):
    items: list[StockView]
    cursor: NotRequired[str | None]


class TokenList(TypedDict):
    items: list[TokenView]


class UserList(TypedDict):
    items: list[UserView]
    cursor: NotRequired[str | None]


class WhyView(TypedDict):
    lab_id: str
    phase: Phase
    cause: str | None
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
    stops_at: str | None
    """
    A warning stands
    """
    kept_until: str | None
    """
    Somebody asked to keep it running
    """
    kept_by: str | None
    exemption: ExemptionView | None
    next_check: str | None
    may_be_culled: list[str]
    """
    People whose servers nobody uses, though the lab may be busy
    """
    policy: PolicyView


class AccountView(TypedDict):
    run: str
    at: str
    by: str
    dry_run: bool
    looked_at: int
    """
    How many things were seen
    """
    unowned: int
    """
    How many of them nobody counts as theirs
    """
    findings: list[FindingView]
    """
    The dearest first
    """
    left_out: int
    """
    Findings beyond those listed
    """


class BackupList(TypedDict):
    items: list[BackupView]
    cursor: NotRequired[str | None]


class BillList(TypedDict):
    items: list[BillMonthView]
    troubles: list[str]
    """
    What stood in the way of the last nightly run
    """


class Claimed(TypedDict):
    token: str
    login_key: str
    orders: Orders


class DecisionList(TypedDict):
    items: list[DecisionView]
    cursor: NotRequired[str | None]


class DrillList(TypedDict):
    items: list[DrillView]
    cursor: NotRequired[str | None]


class HeartbeatReport(TypedDict):
    """
    All times are ages in seconds, measured on the machine.
    """

    boot_id: str
    seq: NotRequired[int]
    """
    Grows within a boot; what is not newer is ignored. 0: not told
    """
    uptime_s: NotRequired[float]
    storage_used_bytes: NotRequired[int | None]
    cpu: NotRequired[float | None]
    memory: NotRequired[float | None]
    disk: NotRequired[float | None]
    gpu: NotRequired[float | None]
    network_kb_per_second: NotRequired[float | None]
    servers: NotRequired[list[ServerReport]]
    release: NotRequired[str]
    kernels: NotRequired[list[KernelMade]]


class LabView(TypedDict):
    id: str
    name: str
    domain: str
    phase: Phase
    cause: str | None
    """
    Why it failed, or why it is stopped unasked
    """
    hint: str | None
    owner: str
    team: str
    users: int
    instance_type: str
    shared_storage_gb: int
    address: str | None
    access_mode: str
    price_per_hour: Money | None
    """
    List price while it runs; null: not known
    """
    packs: list[LabPackView]
    """
    Its own pack first, then what was activated
    """
    kernels: list[KernelView]
    image: BakedImageView | None
    """
    What its machine was launched from; null: the plain image, it installed
    """
    example_notebooks: int
    generation: int
    created_at: str
    changed_at: str
    ready_at: str | None
    steps: list[StepView]
    """
    Steps of its last start, and how long each took
    """
    instance_id: str | None
    storage: StorageView | None
    machine: MachineView | None
    """
    What its machine said last; null in lists
    """
    release: str | None
    """
    What its machine runs; 0.1.0: from before releases were told
    """
    newer_release: str | None
    """
    Set when a newer release is there than it runs
    """
    upgrading: str | None
    """
    The upgrade under way; people go on working
    """
    release_note: str | None
    """
    Why it does not run the release that was asked for, or when it will
    """
    stops_at: str | None
    """
    People are warned that it stops then, unless somebody or something works
    """
    notice: str | None
    """
    The warning in words; null in lists, and while there is none
    """
    receipt: ReceiptView | None
    """
    Once deleted: what was removed, and what is kept at which cost
    """


class PersonList(TypedDict):
    items: list[PersonView]
    cursor: NotRequired[str | None]
    """
    Ask with it for the next page; null at the end
    """


class ReplayView(TypedDict):
    policy: PolicyView
    items: list[Replayed]
    cursor: NotRequired[str | None]


class LabList(TypedDict):
    items: list[LabView]
    cursor: NotRequired[str | None]
    """
    Ask with it for the next page; null at the end
    """
