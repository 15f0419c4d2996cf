"""What can one ask of the control plane? Every operation of the API as one method, answers as plain dictionaries.

The dictionaries have the shapes of `shapes.py` (TypedDicts generated from openapi.json), so that a type checker knows
every key and no run pays for it: the command line stands on this class, and `Client` puts models on top of it.
"""

# mypy: disable-error-code="no-any-return"
# (JSON off the wire is Any; the shapes say what it is, and a test holds them to the API's own document)
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from aws_research_wizard.client.wire import Wire

if TYPE_CHECKING:
    import httpx

    from aws_research_wizard.client import shapes

PAGE = 100
MANY = 500


class Calls:
    """The operations of the API; `with` gives the connection back."""

    def __init__(self, url: str, token: str = "", transport: httpx.BaseTransport | None = None, **wire: Any) -> None:
        self.wire = Wire(url, token, transport, **wire)

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()

    # who am I

    def health(self) -> shapes.Health:
        """Whether the control plane answers; needs no token."""
        return self._get("/health")

    def whoami(self) -> shapes.Whoami:
        """The person behind the token: email, role, teams, scopes."""
        return self._get("/whoami")

    def limits(self) -> shapes.LimitsView:
        """What my teams use and may use."""
        return self._get("/limits")

    def team_limits(self, team: str) -> shapes.TeamLimits:
        """What a team may use, uses, and when some of it comes free."""
        return self._get(f"/limits/{_part(team)}")

    def put_quota(self, team: str, wish: shapes.QuotaRequest, key: str = "") -> shapes.TeamLimits:
        """Decide what a team may use (for administrators)."""
        return self._send("PUT", f"/limits/{_part(team)}", wish, key=key)

    def budget(self, team: str) -> shapes.BudgetView:
        """A team's money this month."""
        return self._get(f"/budgets/{_part(team)}")

    def put_budget(self, team: str, wish: shapes.BudgetRequest, key: str = "") -> shapes.BudgetView:
        """Decide what a team's labs may cost in a month."""
        return self._send("PUT", f"/budgets/{_part(team)}", wish, key=key)

    def remove_budget(self, team: str, key: str = "") -> None:
        """No budget, and so no limit."""
        self._send("DELETE", f"/budgets/{_part(team)}", key=key)

    def tokens(self) -> Iterator[shapes.TokenView]:
        """My tokens, without their secrets."""
        return self._pages("/tokens")

    def create_token(self, request: shapes.TokenRequest, key: str = "", person: str = "") -> shapes.TokenMade:
        """A new token, for an admin also another person's; its secret is in this answer and never again."""
        return self._send("POST", "/tokens", request, query={"email": person or None}, key=key)

    def revoke_token(self, token_id: str) -> None:
        """The token stops working."""
        self._send("DELETE", f"/tokens/{_part(token_id)}")

    # labs

    def labs(self) -> Iterator[shapes.LabView]:
        """The labs I may see, page by page as they are asked for."""
        return self._pages("/labs")

    def lab(self, lab_id: str) -> shapes.LabView:
        """One lab as it is now."""
        return self._get(_lab(lab_id))

    def create_lab(self, request: shapes.LabRequest, key: str = "") -> shapes.LabView:
        """Ask for a lab; the answer is the lab, PROVISIONING."""
        return self._send("POST", "/labs", request, key=key)

    def delete_lab(self, lab_id: str, *, keep_data: bool = True, key: str = "") -> shapes.LabView:
        """Take a lab down; its files stay unless `keep_data` is False."""
        return self._send("DELETE", _lab(lab_id), query={"data": "keep" if keep_data else "delete"}, key=key)

    def stop_lab(self, lab_id: str, key: str = "") -> shapes.LabView:
        """Stop the machine; files stay."""
        return self._send("POST", _lab(lab_id, "stop"), key=key)

    def start_lab(self, lab_id: str, key: str = "") -> shapes.LabView:
        """Start a stopped lab."""
        return self._send("POST", _lab(lab_id, "start"), key=key)

    def upgrade_lab(self, lab_id: str, key: str = "") -> shapes.LabView:
        """Bring a lab to the newest release: while people work, or with its next start."""
        return self._send("POST", _lab(lab_id, "upgrade"), key=key)

    def activate_pack(self, lab_id: str, pack: str, kernels: Sequence[str] = (), key: str = "") -> shapes.LabView:
        """Add a pack's kernels to a lab while people work; `kernels` are those on request, by key."""
        return self._send("POST", _lab(lab_id, "packs"), {"pack": pack, "kernels": list(kernels)}, key=key)

    def deactivate_pack(self, lab_id: str, pack: str, key: str = "") -> shapes.LabView:
        """Take a pack out of a lab; kernels that run go on."""
        return self._send("DELETE", _lab(lab_id, "packs", pack), key=key)

    def scale_lab(self, lab_id: str, changes: shapes.ScaleRequest, key: str = "") -> shapes.LabView:
        """Change users, instance type or storage."""
        return self._send("POST", _lab(lab_id, "scale"), changes, key=key)

    def hours(self, lab_id: str) -> shapes.HoursView:
        """A lab's timetable; NotFound when it has none."""
        return self._get(_lab(lab_id, "hours"))

    def put_hours(self, lab_id: str, wish: shapes.HoursRequest, key: str = "") -> shapes.HoursView:
        """Set a lab's timetable."""
        return self._send("PUT", _lab(lab_id, "hours"), wish, key=key)

    def remove_hours(self, lab_id: str, key: str = "") -> None:
        """Take a lab's timetable away."""
        self._send("DELETE", _lab(lab_id, "hours"), key=key)

    def team_hours(self, team: str) -> shapes.TeamHoursView:
        """A team's timetable; NotFound when it has none."""
        return self._get(f"/hours/{_part(team)}")

    def put_team_hours(self, team: str, wish: shapes.HoursRequest, key: str = "") -> shapes.TeamHoursView:
        """Set the timetable of all labs of a team that have none of their own."""
        return self._send("PUT", f"/hours/{_part(team)}", wish, key=key)

    def remove_team_hours(self, team: str, key: str = "") -> None:
        """Take a team's timetable away."""
        self._send("DELETE", f"/hours/{_part(team)}", key=key)

    def why(self, lab_id: str, at: str = "", decision: str = "") -> shapes.WhyView:
        """Why a lab is (not) stopped: now, at a moment, or one decision."""
        asked = {name: value for name, value in (("at", at), ("decision", decision)) if value}
        return self._get(_lab(lab_id, "why"), asked)

    def decisions(self, lab_id: str) -> Iterator[shapes.DecisionView]:
        """What the idle rules decided about a lab, the newest first."""
        return self._pages(_lab(lab_id, "decisions"))

    def replay_decisions(self, lab_id: str, policy: Mapping[str, float], decision: str = "") -> shapes.ReplayView:
        """What another policy would have decided."""
        return self._send("POST", _lab(lab_id, "decisions", "replay"), {"policy": dict(policy), "decision": decision})

    def extend_lab(self, lab_id: str, minutes: float, key: str = "") -> shapes.WhyView:
        """Keep a lab running for so long from now."""
        return self._send("POST", _lab(lab_id, "extend"), {"for_minutes": minutes}, key=key)

    def exempt_lab(self, lab_id: str, wish: Mapping[str, Any], key: str = "") -> shapes.WhyView:
        """Exempt a lab from being stopped."""
        return self._send("PUT", _lab(lab_id, "exemption"), dict(wish), key=key)

    def lift_exemption(self, lab_id: str, key: str = "") -> shapes.WhyView:
        """End a lab's exemption."""
        return self._send("DELETE", _lab(lab_id, "exemption"), key=key)

    def give_wake_key(self, lab_id: str, key: str = "") -> shapes.WakeKeyView:
        """A new key of the lab's page, for me; the one before counts no more."""
        return self._send("POST", _lab(lab_id, "wake-key"), key=key)

    def take_wake_key_back(self, lab_id: str, key: str = "") -> None:
        """I have no key of the lab's page any more."""
        self._send("DELETE", _lab(lab_id, "wake-key"), key=key)

    def login(self, lab_id: str) -> shapes.LoginView:
        """A link into the hub for me: single use, two minutes."""
        return self._send("POST", _lab(lab_id, "login"))

    def events(self, lab_id: str) -> Iterator[shapes.EventView]:
        """What happened to the lab, oldest first."""
        return self._pages(_lab(lab_id, "events"), {"limit": PAGE})

    def events_page(self, lab_id: str, cursor: str | None = None) -> shapes.EventList:
        """One page of the lab's facts and the cursor to the next; `watch` follows with it."""
        return self._get(_lab(lab_id, "events"), {"limit": PAGE, "cursor": cursor})

    def logs(self, lab_id: str) -> Iterator[shapes.LineView]:
        """The lab machine's log lines, oldest first."""
        return self._pages(_lab(lab_id, "logs"), {"limit": PAGE})

    def logs_page(self, lab_id: str, cursor: str | None = None) -> shapes.LineList:
        """One page of the machine's log lines and the cursor to the next."""
        return self._get(_lab(lab_id, "logs"), {"limit": PAGE, "cursor": cursor})

    def last_lines(self, lab_id: str, many: int) -> list[shapes.LineView]:
        """The last lines its machine wrote, oldest first; no more is read than that."""
        newest = self._pages(_lab(lab_id, "logs"), {"limit": min(many, PAGE), "order": "newest"})
        return list(islice(newest, many))[::-1]

    # backups of a lab

    def backup_lab(self, lab_id: str, request: shapes.BackupRequest, key: str = "") -> shapes.BackupView:
        """Back a running lab up; then stop or delete it, if that is asked for and the backup is good."""
        return self._send("POST", _lab(lab_id, "backups"), request, key=key)

    def backups(self, lab_id: str) -> Iterator[shapes.BackupView]:
        """The lab's backups, the newest first; also of a lab that is gone."""
        return self._pages(_lab(lab_id, "backups"))

    def backup(self, lab_id: str, backup_id: str) -> shapes.BackupView:
        """One backup as it is now; `newest` is the newest that is finished."""
        return self._get(_lab(lab_id, "backups", backup_id))

    def backup_files(self, lab_id: str, backup_id: str, path: str = "") -> Iterator[shapes.FileView]:
        """What is in a backup under a path, in order."""
        return self._pages(_lab(lab_id, "backups", backup_id, "files"), {"path": path or None, "limit": PAGE})

    def delete_backup(self, lab_id: str, backup_id: str, key: str = "") -> None:
        """A backup goes, for good."""
        self._send("DELETE", _lab(lab_id, "backups", backup_id), key=key)

    def all_backups(self) -> Iterator[shapes.StockView]:
        """What my labs have in backups and what a month of it costs, those included that are gone."""
        return self._pages("/backups")

    def restore_lab(self, lab_id: str, request: shapes.RestoreRequest, key: str = "") -> shapes.RestoreView:
        """Get files back, beside what is there."""
        return self._send("POST", _lab(lab_id, "restores"), request, key=key)

    def restore(self, lab_id: str, restore_id: str) -> shapes.RestoreView:
        """How a restore goes."""
        return self._get(_lab(lab_id, "restores", restore_id))

    def drill_lab(self, lab_id: str, key: str = "") -> shapes.DrillView:
        """Rehearse a restore of the newest backup now."""
        return self._send("POST", _lab(lab_id, "drills"), key=key)

    def drills(self, lab_id: str) -> Iterator[shapes.DrillView]:
        """What the rehearsals showed, the newest first."""
        return self._pages(_lab(lab_id, "drills"))

    def drill(self, lab_id: str, drill_id: str) -> shapes.DrillView:
        """One rehearsal as it is now."""
        return self._get(_lab(lab_id, "drills", drill_id))

    # what labs cost

    def lab_cost(self, lab_id: str) -> shapes.LabCostView:
        """What a lab costs per hour, today, this month and by the end of it; its parts, and whose they are."""
        return self._get(_lab(lab_id, "cost"))

    def costs(
        self, by: str = "lab", first: str | None = None, last: str | None = None, *, lab: str = "", team: str = ""
    ) -> shapes.CostReportView:
        """What the labs that I may see cost, by user, lab, domain, team or day; days are UTC, both included."""
        return self._get("/costs", {"by": by, "from": first, "to": last, "lab": lab or None, "team": team or None})

    def my_costs(self, first: str | None = None, last: str | None = None) -> shapes.CostReportView:
        """My own share, lab by lab."""
        return self._get("/costs/me", {"from": first, "to": last})

    # people of a lab

    def users(self, lab_id: str) -> Iterator[shapes.UserView]:
        """Who may use the lab."""
        return self._pages(_lab(lab_id, "users"))

    def add_user(self, lab_id: str, email: str, role: shapes.LabRole, key: str = "") -> shapes.UserView:
        """Let a person in."""
        return self._send("POST", _lab(lab_id, "users"), {"email": email, "role": role}, key=key)

    def set_user_role(self, lab_id: str, email: str, role: shapes.LabRole, key: str = "") -> shapes.UserView:
        """Change what a person may do in the lab."""
        return self._send("PUT", _lab(lab_id, "users", email), {"role": role}, key=key)

    def remove_user(self, lab_id: str, email: str, key: str = "") -> None:
        """The person may not enter any more; their files stay."""
        self._send("DELETE", _lab(lab_id, "users", email), key=key)

    # packs

    def packs(self) -> Iterator[shapes.PackSummaryView]:
        """The domains a lab can be made for."""
        return self._pages("/packs")

    def offer_pack_uploads(self, wish: shapes.PackUploadRequest) -> shapes.PackUploadList:
        """Where the files of a team's own pack are to be put."""
        return self._send("POST", "/packs/uploads", wish)

    def add_pack(self, wish: shapes.PackRequest, key: str = "") -> shapes.OwnPackView:
        """A team's own pack, of files that were uploaded."""
        return self._send("POST", "/packs", wish, key=key)

    def remove_pack(self, name: str, key: str = "") -> None:
        """A team's own pack goes; Conflict while a lab uses it."""
        self._send("DELETE", f"/packs/{_part(name)}", key=key)

    def pack(self, name: str, *, resolved: bool = False) -> shapes.PackView:
        """One pack, as written or with everything it extends."""
        return self._get(f"/packs/{_part(name)}", {"resolved": "true" if resolved else None})

    # images

    def bake(self, pack: str, key: str = "") -> shapes.ImageView:
        """Bake a pack into an image (administrators); the answer is the bake, BAKING."""
        return self._send("POST", "/images", {"pack": pack}, key=key)

    def images(self, pack: str = "") -> Iterator[shapes.ImageView]:
        """Bakes and their images; of one pack the newest first."""
        return self._pages("/images", {"pack": pack or None})

    def image(self, bake_id: str) -> shapes.ImageView:
        """One bake, and its image once there is one."""
        return self._get(f"/images/{_part(bake_id)}")

    # people of the stage (for administrators)

    def people(self) -> Iterator[shapes.PersonView]:
        """Who may use this control plane."""
        return self._pages("/people")

    def put_person(self, person: shapes.PersonRequest, key: str = "") -> shapes.PersonView:
        """Add a person, or change their role and teams."""
        return self._send("PUT", "/people", person, key=key)

    # what exists in the account (for administrators)

    def account(self) -> shapes.AccountView:
        """The last look at what exists, and what of it nobody counts as theirs."""
        return self._get("/account")

    def reconcile_account(self, *, dry_run: bool = True, grace_minutes: int = 15, key: str = "") -> shapes.LookView:
        """Have it looked at now; without `dry_run` what can safely be put right is. Its report comes a little later."""
        return self._send("POST", "/account/reconcile", {"dry_run": dry_run, "grace_minutes": grace_minutes}, key=key)

    # the bill (for administrators)

    def offer_bill_uploads(self, request: shapes.BillUploadRequest) -> shapes.BillUploadList:
        """Where files of an export are to be put; those that are there already have no address."""
        return self._send("POST", "/bills/uploads", request)

    def import_bill(self, request: shapes.BillImportRequest, key: str = "") -> shapes.BillImportView:
        """Take in files that were put, or an export in S3."""
        return self._send("POST", "/bills/imports", request, key=key)

    def bill_import(self, import_id: str) -> shapes.BillImportView:
        """How an import goes."""
        return self._get(f"/bills/imports/{_part(import_id)}")

    def bills(self) -> shapes.BillList:
        """The months whose bill is known, and what stood in the way of the last nightly run."""
        return self._get("/bills")

    def bill(self, month: str) -> shapes.BillView:
        """A month's bill, with the lines that could not be counted."""
        return self._get(f"/bills/{_part(month)}")

    def reconcile_bill(self, month: str, *, by: str = "lab", cost: str = "unblended") -> shapes.ReconcileView:
        """Estimate and bill side by side."""
        return self._get(f"/bills/{_part(month)}/reconciliation", {"by": by, "cost": cost})

    # the audit log (for administrators; a lead: a lab of their team)

    def audit(
        self, after: int = 0, *, lab: str = "", person: str = "", since: str = "", until: str = ""
    ) -> Iterator[shapes.AuditEntryView]:
        """What happened, in order, behind entry number `after`."""
        query = {"lab": lab or None, "person": person or None, "since": since or None, "until": until or None}
        return self._numbered("/audit", after, {**query, "limit": MANY})

    def audit_head(self) -> shapes.AuditHead:
        """Where the log ends, and what it is called."""
        return self._get("/audit/head")

    def audit_anchors(self) -> Iterator[shapes.AnchorView]:
        """Which hash stood where, as the locked bucket remembers."""
        return self._numbered("/audit/anchors", 0, {"limit": MANY})

    def _numbered(self, path: str, after: int, query: Mapping[str, Any]) -> Iterator[Any]:
        """Pages that go on from a number."""
        following: int | None = after
        while following is not None:
            page = self._get(path, {**query, "after": following})
            yield from page["items"]
            following = page["next"]

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self.wire.get(path, query)

    def _send(self, method: str, path: str, body: Any = None, *, query: Mapping[str, Any] | None = None, key: str = "") -> Any:
        return self.wire.send(method, path, body, query, key)

    def _pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            page = self._get(path, {**(query or {}), "cursor": cursor})
            yield from page["items"]
            cursor = page.get("cursor")
            if not cursor:
                return


def _lab(*parts: str) -> str:
    return "/labs/" + "/".join(map(_part, parts))


def _part(text: str) -> str:
    """One path segment: whatever a person typed stays inside it."""
    return quote(text, safe="@")
