"""Routes about costs: what a lab costs, what everything I may see cost, and what of it was mine."""

from __future__ import annotations

from chalice.app import Blueprint

from chalicelib.cost import reports
from chalicelib.cost.figures import By
from chalicelib.cost.models import CostQuery, CostReportView, LabCostView, SpanQuery
from chalicelib.people.rules import Principal
from chalicelib.people.service import authenticate
from chalicelib.runtime.errors import BadInput, Forbidden, NotFound
from chalicelib.runtime.http import Call, Door

bp = Blueprint(__name__)
door = Door(bp, "cost", authenticate)


@door.get("/labs/{lab_id}/cost", summary="What a lab costs", reply=LabCostView, scope="labs:read", errors=(NotFound,))
def lab_cost(call: Call[Principal]) -> LabCostView:
    """Per hour as it stands, today, this month, and by the end of it; its parts, and whose they are."""
    return LabCostView.of(reports.of_lab(call.principal, call.path["lab_id"], call.now))


@door.get(
    "/costs",
    summary="What labs cost, by user, lab, domain, team or day",
    query=CostQuery,
    reply=CostReportView,
    scope="labs:read",
    errors=(BadInput, Forbidden, NotFound),
)
def list_costs(call: Call[Principal]) -> CostReportView:
    """An admin sees all labs, a lead those of their teams, anybody else their own; days are UTC."""
    asked: CostQuery = call.query
    wanted = reports.checked(By(asked.by), asked.first, asked.last, asked.lab or "", asked.team or "", call.now)
    return CostReportView.of(reports.report(call.principal, wanted, call.now))


@door.get("/costs/me", summary="My own share", query=SpanQuery, reply=CostReportView, scope="labs:read", errors=(BadInput,))
def my_costs(call: Call[Principal]) -> CostReportView:
    """In every lab in which I had a server, also in those that are gone."""
    asked: SpanQuery = call.query
    wanted = reports.checked(By.LAB, asked.first, asked.last, "", "", call.now)
    return CostReportView.of(reports.mine(call.principal, wanted, call.now))
