"""What can one ask about people, and what administrators look after: the account, the bill, the audit log?"""

# mypy: disable-error-code="no-any-return"
# (JSON off the wire is Any; the shapes say what it is, and a test holds them to the API's own document)
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aws_research_wizard.client.asking import Asking, part

if TYPE_CHECKING:
    from aws_research_wizard.client import shapes

MANY = 500


class OfficeCalls(Asking):
    # who am I

    def health(self) -> shapes.Health:
        """Whether the control plane answers; needs no token."""
        return self._get("/health")

    def whoami(self) -> shapes.Whoami:
        """The person behind the token: email, role, teams, scopes."""
        return self._get("/whoami")

    def tokens(self) -> Iterator[shapes.TokenView]:
        """My tokens, without their secrets."""
        return self._pages("/tokens")

    def create_token(self, request: shapes.TokenRequest, key: str = "", person: str = "") -> shapes.TokenMade:
        """A new token, for an admin also another person's; its secret is in this answer and never again."""
        return self._send("POST", "/tokens", request, query={"email": person or None}, key=key)

    def revoke_token(self, token_id: str) -> None:
        """The token stops working."""
        self._send("DELETE", f"/tokens/{part(token_id)}")

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
        return self._get(f"/bills/imports/{part(import_id)}")

    def bills(self) -> shapes.BillList:
        """The months whose bill is known, and what stood in the way of the last nightly run."""
        return self._get("/bills")

    def bill(self, month: str) -> shapes.BillView:
        """A month's bill, with the lines that could not be counted."""
        return self._get(f"/bills/{part(month)}")

    def reconcile_bill(self, month: str, *, by: str = "lab", cost: str = "unblended") -> shapes.ReconcileView:
        """Estimate and bill side by side."""
        return self._get(f"/bills/{part(month)}/reconciliation", {"by": by, "cost": cost})

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
