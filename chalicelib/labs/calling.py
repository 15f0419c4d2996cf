"""What does a lab's machine say, and what is it told? The machine's side door of the API.

A machine is known by its instance role once (`claim`), and then by its own token, of which only the hash is kept. A lost
answer may be asked for again until the machine has been ready, and is the same again; from then on a second claim is somebody
else's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from chalicelib.labs import beats, causes, equipping, fitting, machine_store, naming, releases, store, sts, work
from chalicelib.labs.machines import Expect, Machine, Member
from chalicelib.labs.provisioning import fact, host_name
from chalicelib.labs.rules import Lab, Phase, Step
from chalicelib.limits import rules as limits
from chalicelib.packs import service as packs
from chalicelib.runtime import aws, settings, workflows
from chalicelib.runtime.errors import Conflict, NotFound, Superseded, Unauthenticated
from chalicelib.runtime.store import Write, commit

TOKEN = "awm_"  # noqa: S105 - a prefix, not a token
KEPT_LINES = 30


# ---- claim ---------------------------------------------------------------------------------------------------------------


def claim(lab_id: str, instance_id: str, headers: Mapping[str, str], body: str, now: datetime) -> dict[str, Any]:
    """A token, the lab's login key and the first orders, for the machine that the journal names and nobody else."""
    if not naming.is_lab_id(lab_id):
        raise store.unknown(lab_id)
    known = settings.current()
    arn = sts.caller(lab_id, headers, body)
    wanted = f":assumed-role/{naming.role_name(known.prefix, lab_id)}/{instance_id}"
    if not arn.endswith(wanted):
        raise sts.refused("another role or instance signed")
    lab, machine, people = store.whole(lab_id)
    if machine is None or machine.instance_id != instance_id:
        machine = machine_store.load(lab_id, consistent=True)
    if machine is None or machine.instance_id != instance_id:
        raise NotFound("this machine is not (yet) in the lab's journal", "ask again in a moment")
    token = f"{TOKEN}{lab_id}.{_own_secret(lab_id, instance_id)}"
    refused = Conflict("this machine was claimed and has been ready since", "a lost machine is replaced, not claimed again")
    told = fact("MachineClaimed", lab, now, by=f"machine:{instance_id}", instance_id=instance_id)
    commit(machine_store.claimed(machine, _digest(token), now, refused), told)
    return {"token": token, "login_key": base64.b64encode(login_key(lab_id)).decode(), "orders": orders(lab, people)}


def machine_of(token: str) -> Machine:
    """Which machine has this token? Unauthenticated when none."""
    lab_id, _, secret = token.removeprefix(TOKEN).partition(".")
    if not token.startswith(TOKEN) or not secret or not naming.is_lab_id(lab_id):
        raise Unauthenticated("this is not a machine's token")
    machine = machine_store.load(lab_id)
    if machine is None or not hmac.compare_digest(machine.token_hash, _digest(token)):
        machine = machine_store.load(lab_id, consistent=True)
    if machine is None or not hmac.compare_digest(machine.token_hash, _digest(token)):
        raise Unauthenticated("this machine's token does not count (any more)")
    return machine


def login_key(lab_id: str) -> bytes:
    """The lab's own key, worked out from the stage's secret and kept nowhere here."""
    return hmac.new(_stage_secret(settings.current().login_key_secret), lab_id.encode(), hashlib.sha256).digest()


def _own_secret(lab_id: str, instance_id: str) -> str:
    """The same for every claim of one machine: of two that cross, whichever is kept, the other one's answer counts, too."""
    key, said = _stage_secret(settings.current().login_key_secret), f"machine/{lab_id}/{instance_id}"
    return base64.urlsafe_b64encode(hmac.new(key, said.encode(), hashlib.sha256).digest()).decode().rstrip("=")


@lru_cache(maxsize=1)
def _stage_secret(name: str) -> bytes:
    return str(aws.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]).encode()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# ---- on the way to ready -------------------------------------------------------------------------------------------------


def step(machine: Machine, word: str, state: str, seconds: float | None, detail: str, now: datetime) -> None:
    """One step of the boot, told to whoever watches."""
    lab = store.load(machine.lab_id)
    by = f"machine:{machine.instance_id}"
    commit(fact("MachineStep", lab, now, by=by, step=word, state=state, seconds=seconds, detail=detail))


def ready(machine: Machine, boot_id: str, address: str, steps: Sequence[Step], now: datetime) -> None:
    """People can work. Said twice it is heard once; a boot from before the last stop is not heard at all."""
    if boot_id == machine.past_boot:
        return
    where = reached_at(machine.lab_id, address)
    if (machine.ready_boot, machine.address) != (boot_id, where):
        commit(machine_store.booted(machine, boot_id, where))
    lab = store.load(machine.lab_id, consistent=True)
    after = replace(lab, steps=tuple(steps), address=where if lab.phase is Phase.READY else lab.address)
    by = f"machine:{machine.instance_id}"
    moved = after.address != lab.address
    _note(lab, after, *([fact("LabAddressChanged", lab, now, by=by, before=lab, after=after, address=where)] if moved else []))
    waiting = machine_store.waiting(machine.lab_id)
    if waiting and waiting.expect is Expect.READY and waiting.generation == machine.generation == lab.generation:
        workflows.succeed(waiting.token, {"expect": Expect.READY})


def failed(machine: Machine, word: str, cause: str, log_tail: Sequence[str], now: datetime) -> None:
    """The machine will not become ready: its cause and last words stay with the lab, and the workflow is told."""
    lab = store.load(machine.lab_id, consistent=True)
    by, said = f"machine:{machine.instance_id}", f"{word}: {causes.plain(cause)}"
    tail = tuple(line[:300] for line in log_tail[-KEPT_LINES:])
    data: dict[str, Any] = {"step": word, "state": "failed", "detail": cause}
    if not lab.moving or machine.generation != lab.generation:
        return commit(fact("MachineStep", lab, now, by=by, **data))
    hint = f"its last lines: aws-research-wizard jupyter logs {lab.id}"
    after = replace(lab, cause=said, cause_hint=hint, log_tail=tail)
    if not _note(lab, after, fact("MachineStep", lab, now, by=by, before=lab, after=after, **data)):
        commit(fact("MachineStep", lab, now, by=by, **data))
    waiting = machine_store.waiting(machine.lab_id)
    if waiting and waiting.expect is Expect.READY and waiting.generation == lab.generation:
        workflows.fail(waiting.token, "MachineFailed", said)
    return None


def _note(lab: Lab, after: Lab, *told: Write) -> bool:
    """Keep what was said with the lab; False when the lab has moved on."""
    try:
        commit(store.change(lab, after, store.moved_on(lab)), *told)
    except Superseded:
        return False
    return True


def reached_at(lab_id: str, address: str) -> str:
    """Where people reach the lab: by its name, through the tunnel's near end, or where a machine on this laptop says."""
    known = settings.current()
    if known.access_mode == "domain":
        return f"https://{host_name(lab_id)}"
    return address.rstrip("/")


# ---- orders --------------------------------------------------------------------------------------------------------------


def heartbeat(machine: Machine, report: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Keep what the machine says of itself, and which release it runs; answer with its orders."""
    lab, _, people = store.whole(machine.lab_id)
    beats.heard(lab, machine, report, now)
    releases.heard(lab, machine, str(report["release"]), now)
    equipping.heard(lab, machine, report["kernels"], now)
    return orders(
        lab, people, work.open_work(lab), machine.notice.told(now) if machine.notice and lab.phase is Phase.READY else None
    )


def orders(
    lab: Lab, people: Sequence[Member], todo: Sequence[Mapping[str, Any]] = (), notice: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the machine shall be now."""
    known, pack = settings.current(), packs.of(lab.domain, lab.pack_version)
    return {
        "lab_id": lab.id,
        "phase": lab.phase,
        "domain": lab.domain,
        "capacity": lab.users,
        "shared_storage_gb": lab.shared_storage_gb,
        "owner": lab.owner,
        "users": [{"email": one.email, "role": one.role} for one in people],
        "packs": [use.pack for use in fitting.uses(lab)],
        "kernels": equipping.orders(lab),
        "examples": lab.examples,
        "access": {"mode": known.access_mode, "host": host_name(lab.id) if known.access_mode == "domain" else None},
        "storage": {"file_system_id": lab.file_system_id or None},
        "heartbeat_seconds": beats.rhythm(known, warned=bool(notice)),
        "notice": dict(notice) if notice else None,
        "price": _price(lab),
        "idle": {"auto_shutdown": pack.idle.auto_shutdown, "minute_seconds": known.minute_seconds},
        "cost_tracking": pack.cost_tracking,
        "work": list(todo),
    }


def _price(lab: Lab) -> dict[str, str] | None:
    """What an hour of the machine costs, so that notebooks can say it without asking; None when it is not known."""
    price = limits.hourly_price(lab.instance_type, settings.current().region)
    return {"hourly": str(price.amount), "currency": price.currency, "as_of": price.as_of.isoformat()} if price else None
