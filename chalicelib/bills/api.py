"""Routes about the bill, for whoever looks after the account: import, look, lay it beside the estimate."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.bills import service
from chalicelib.bills.models import (
    BillImportRequest,
    BillImportView,
    BillList,
    BillMonthView,
    BillUploadList,
    BillUploadRequest,
    BillUploadView,
    BillView,
    ReconcileQuery,
    ReconcileView,
)
from chalicelib.bills.rules import Cost
from chalicelib.bills.seen import Wish
from chalicelib.bills.store import Import
from chalicelib.people.rules import Action, Principal
from chalicelib.people.service import authenticate, require
from chalicelib.runtime.errors import BadInput, Conflict, Forbidden, NotFound
from chalicelib.runtime.http import Call, Door, Reply

bp = Blueprint(__name__)
door = Door(bp, "bill", authenticate)
People = Call[Principal]


@door.post(
    "/bills/uploads",
    summary="Where to put files of an export",
    body=BillUploadRequest,
    reply=BillUploadList,
    scope="labs:write",
    errors=(BadInput, Forbidden),
)
def offer_bill_uploads(call: People) -> BillUploadList:
    """A file that is there already need not be put again. Then name all of them at `/bills/imports`."""
    require(call.principal, Action.SEE_ACCOUNT)
    asked: BillUploadRequest = call.body
    offers = service.offer(Wish(one.name, one.size, one.sha256) for one in asked.files)
    return BillUploadList(items=[BillUploadView.of(one) for one in offers])


def _importing(one: Import) -> Reply:
    return Reply(BillImportView.of(one), location=f"/bills/imports/{one.id}", status=202)


def _imported_before(_call: People, answer: dict[str, str]) -> Reply:
    return _importing(service.import_of(answer["id"]))


@door.post(
    "/bills/imports",
    summary="Take a bill in",
    body=BillImportRequest,
    reply=BillImportView,
    status=202,
    scope="labs:write",
    errors=(BadInput, Forbidden, Conflict),
    replay=_imported_before,
)
def import_bill(call: People) -> Reply:
    """Files that were uploaded are the whole of each month they tell of; an export in S3 is looked at every night, too."""
    require(call.principal, Action.SEE_ACCOUNT)
    asked: BillImportRequest = call.body
    if bool(asked.uri) == bool(asked.files):
        raise BadInput("name either files or a uri", hint="files are put at /bills/uploads before")
    who = (call.principal.email, call.now, call.request_key)
    if asked.uri:
        return _importing(service.import_export(asked.uri, asked.format, *who))
    return _importing(service.import_files([(one.name, one.sha256) for one in asked.files], asked.format, *who))


@door.get(
    "/bills/imports/{import_id}",
    summary="How an import goes",
    reply=BillImportView,
    scope="labs:read",
    errors=(Forbidden, NotFound),
)
def get_bill_import(call: People) -> BillImportView:
    require(call.principal, Action.SEE_ACCOUNT)
    return BillImportView.of(service.import_of(call.path["import_id"]))


@door.get("/bills", summary="The months whose bill is known", reply=BillList, scope="labs:read", errors=(Forbidden,))
def list_bills(call: People) -> BillList:
    """The newest first."""
    require(call.principal, Action.SEE_ACCOUNT)
    return BillList(items=[BillMonthView.of(one) for one in service.overview()], troubles=service.troubles())


@door.get("/bills/{month}", summary="A month's bill", reply=BillView, scope="labs:read", errors=(BadInput, Forbidden, NotFound))
def get_bill(call: People) -> BillView:
    """By lab, product and charge, with every line that could not be counted."""
    require(call.principal, Action.SEE_ACCOUNT)
    return BillView.of(service.seen(call.path["month"], call.now))


@door.get(
    "/bills/{month}/reconciliation",
    summary="Estimate and bill side by side",
    query=ReconcileQuery,
    reply=ReconcileView,
    scope="labs:read",
    errors=(BadInput, Forbidden, NotFound),
)
def reconcile_bill(call: People) -> ReconcileView:
    """Users, idle time, overhead and what bears no lab's tag are the bill, to the last coin."""
    require(call.principal, Action.SEE_ACCOUNT)
    asked: ReconcileQuery = call.query
    cost = Cost(asked.cost)
    return ReconcileView.of(*service.reconcile(call.path["month"], cost, asked.by, call.now), cost)
