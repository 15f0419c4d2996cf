"""Routes for a lab's own machine: claim it, tell how the boot goes, beat. No person's token opens them."""

from __future__ import annotations

from dataclasses import dataclass

from chalice.app import Blueprint

from chalicelib.labs import calling, work
from chalicelib.labs.machine_models import (
    Claimed,
    ClaimRequest,
    FailedReport,
    HeartbeatReport,
    Orders,
    ReadyReport,
    StepReport,
    WorkReport,
)
from chalicelib.labs.machines import Machine
from chalicelib.labs.rules import Step
from chalicelib.runtime.errors import Conflict, NotFound, Unauthenticated, Unavailable
from chalicelib.runtime.http import Call, Door, Request

bp = Blueprint(__name__)


@dataclass(frozen=True)
class Calling:
    """The machine that called."""

    machine: Machine
    scopes: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.machine.instance_id


def authenticate(request: Request) -> Calling:
    return Calling(calling.machine_of(request.bearer()))


anyone: Door[Calling] = Door(bp, "machine", name="machine")
door: Door[Calling] = Door(bp, "machine", authenticate, security="machine", name="machine")


@anyone.post(
    "/machine/claim",
    summary="Prove which machine this is",
    body=ClaimRequest,
    reply=Claimed,
    errors=(Unauthenticated, NotFound, Conflict, Unavailable),
)
def claim_machine(call: Call[Calling]) -> Claimed:
    """With a GetCallerIdentity that the machine's role signed, over the header `X-Wizard-Lab` too."""
    asked: ClaimRequest = call.body
    answer = calling.claim(asked.lab_id, asked.instance_id, asked.proof.headers, asked.proof.body, call.now)
    return Claimed.model_validate(answer)


@door.post("/machine/steps", summary="How a step of the boot goes", body=StepReport, status=204)
def report_step(call: Call[Calling]) -> None:
    said: StepReport = call.body
    calling.step(call.principal.machine, said.step, said.state, said.seconds, said.detail, call.now)


@door.post("/machine/ready", summary="People can work", body=ReadyReport, status=204)
def report_ready(call: Call[Calling]) -> None:
    said: ReadyReport = call.body
    steps = [Step(one.name, one.seconds) for one in said.steps]
    calling.ready(call.principal.machine, said.boot_id, said.address, steps, call.now)


@door.post("/machine/failed", summary="This machine will not become ready", body=FailedReport, status=204)
def report_failed(call: Call[Calling]) -> None:
    said: FailedReport = call.body
    calling.failed(call.principal.machine, said.step, said.cause, said.log_tail, call.now)


@door.post("/machine/heartbeat", summary="How the machine is; answered with its orders", body=HeartbeatReport, reply=Orders)
def report_heartbeat(call: Call[Calling]) -> Orders:
    said: HeartbeatReport = call.body
    return Orders.model_validate(calling.heartbeat(call.principal.machine, said.model_dump(), call.now))


@door.post(
    "/machine/work/{work_id}",
    summary="How a piece of work goes that was ordered",
    body=WorkReport,
    status=204,
    errors=(NotFound,),
)
def report_work(call: Call[Calling]) -> None:
    """Say done or failed until it is heard. 404: it is not wanted any more, forget it."""
    said: WorkReport = call.body
    work.reported(call.principal.machine, call.path["work_id"], said.state, said.report, said.cause, call.now)
