"""What must hold in the simulated world, after every step and once all has come to rest?

`check(town, quiet)` gives every law that is broken, as sentences a person can act on. A law looks at what AWS and the tables
have, never at how it came about, so it holds for every flow; `LAWS` is their list, and docs/reference/planted-bugs.md names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.labs.environment import LabKernel, Use
from chalicelib.labs.rules import AUDITED, MOVING, Phase
from chalicelib.limits.rules import size_of
from chalicelib.packs import service as packs
from chalicelib.runtime.clock import parse_iso
from tests.fakes.sim.evidence import Evidence, Json, LabSeen, parsed

Look = Callable[[Evidence], Iterator[str]]
RESTING_MACHINES = {Phase.READY: ("running",), Phase.STOPPED: ("stopped",)}
PLACELESS = (Phase.FAILED, Phase.DELETED)


class Law(NamedTuple):
    name: str
    says: str
    always: bool  # after every step, or only when all is quiet
    look: Look


LAWS: dict[str, Law] = {}


def law(name: str, says: str, *, always: bool = False) -> Callable[[Look], Look]:
    def told(look: Look) -> Look:
        LAWS[name] = Law(name, says, always, look)
        return look

    return told


def check(town: Any, quiet: bool) -> list[str]:
    """What is broken, one sentence each: `law: what is wrong`."""
    seen = Evidence(town)
    return [f"{one.name}: {said}" for one in LAWS.values() if quiet or one.always for said in one.look(seen)]


# ---- machines ------------------------------------------------------------------------------------------------------------


@law("one-machine", "at most one live machine for each generation of a lab", always=True)
def one_machine(seen: Evidence) -> Iterator[str]:
    alive: dict[tuple[str, str], list[str]] = {}
    for machine in seen.alive:
        if seen.bake_of(machine):
            continue
        generation = machine["ClientToken"].rsplit("-", 2)[-2] if machine["ClientToken"].count("-") >= 3 else ""
        alive.setdefault((seen.lab_of(machine), generation), []).append(machine["InstanceId"])
    for (lab_id, generation), ids in alive.items():
        if len(ids) > 1:
            yield f"lab {lab_id} has {len(ids)} live machines in generation {generation}: {', '.join(ids)}"


@law("own-machine", "at rest, a lab has exactly the machine that its record names, in the state that its phase says")
def own_machine(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        alive = [one for one in seen.alive if seen.lab_of(one) == lab.id]
        wanted = RESTING_MACHINES.get(lab.phase)
        for machine in alive:
            if wanted is None:
                yield f"lab {lab.id} is {lab.phase}, and its machine {machine['InstanceId']} is {machine['State']['Name']}"
            elif machine["InstanceId"] != lab.get("instance_id"):
                yield f"machine {machine['InstanceId']} lives, and lab {lab.id} names {lab.get('instance_id')}"
            elif machine["State"]["Name"] not in wanted:
                yield f"lab {lab.id} is {lab.phase}, and its machine is {machine['State']['Name']}"
        if wanted and not alive:
            yield f"lab {lab.id} is {lab.phase}, and has no machine"


@law("parked", "a lab is STOPPED once its machine has stopped, and not before", always=True)
def parked(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        machine = seen.machines.get(str(lab.get("instance_id")))
        if lab.phase is Phase.STOPPED and machine and machine["State"]["Name"] in ("pending", "running", "stopping"):
            yield f"lab {lab.id} is STOPPED, and its machine is {machine['State']['Name']}"


@law("its-type", "at rest, a lab's machine is of the type that people are told")
def its_type(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        machine = seen.machines.get(str(lab.get("instance_id")))
        if lab.phase is Phase.READY and machine and machine["InstanceType"] != lab.get("instance_type"):
            yield f"lab {lab.id} says {lab.get('instance_type')}, and its machine is a {machine['InstanceType']}"


@law("reachable", "a READY lab has a machine that said it is ready in this start, and an address")
def reachable(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is Phase.READY:
            if not lab.machine.get("ready_boot"):
                yield f"lab {lab.id} is READY, and its machine never said so"
            if not lab.get("address"):
                yield f"lab {lab.id} is READY, and has no address"


@law("fitted", "at rest, a lab that runs has every kernel that its packs call for, and of those that could not be made no pack")
def fitted(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        kernels = [LabKernel(*row) for row in parsed(lab.get("kernels") or "[]")]
        for one in kernels:
            if one.awaited and lab.phase is Phase.READY:
                yield f"kernel {one.name} of lab {lab.id} is still being installed"
        there = {one.pack for one in kernels if not one.failed}
        for word in str(lab.get("packs") or "").split():
            if Use.read(word).pack not in there:
                yield f"pack {word} is active in lab {lab.id}, and it has no kernel of it"


@law("may-read", "at rest, a lab's role may read the open data of the packs that are active, and of no other")
def may_read(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        role = seen.role_of(lab.id)
        if role and lab.phase in RESTING_MACHINES:
            used = [str(lab.get("domain")), *(Use.read(word).pack for word in str(lab.get("packs") or "").split())]
            shipped = {one.name for one in packs.catalogue()}  # a team's own in these worlds has no data
            wanted = {one.bucket for pack in used if pack in shipped for one in packs.resolve(pack).datasets}
            for bucket in sorted({one.bucket for one in packs.resolve("climate_modeling").datasets} | wanted):
                if (f":::{bucket}/" in role) != (bucket in wanted):
                    yield f"the role of lab {lab.id} may {'not' if bucket in wanted else 'still'} read {bucket}"


# ---- what is billed ------------------------------------------------------------------------------------------------------


@law("owned", "nothing that is billed, and nothing else of a lab, is without an owner at rest")
def owned(seen: Evidence) -> Iterator[str]:
    for part in seen.parts():
        lab = seen.labs.get(part.lab_id)
        if lab is None:
            yield f"{part.kind} {part.id} belongs to no lab that is known"
        elif lab.phase in PLACELESS and part.id not in lab.kept and not (lab.get("ready_at") and lab.phase is Phase.FAILED):
            yield f"{part.kind} {part.id} is left over of lab {lab.id}, which is {lab.phase}"


@law("complete", "a lab that can be used has every part that its journal says was made")
def complete(seen: Evidence) -> Iterator[str]:
    there = {part.id for part in seen.parts()}
    for lab in seen.labs.values():
        if lab.phase in RESTING_MACHINES:
            for entry in lab.journal:
                if entry["state"] == "made" and entry.get("id") and entry["id"] not in there and entry["kind"] != "instance":
                    yield f"lab {lab.id} is {lab.phase}, and its {entry['kind']} {entry['id']} is gone"


@law("intent-first", "whatever stands in AWS was written down in the lab's journal before it was made", always=True)
def intent_first(seen: Evidence) -> Iterator[str]:
    for part in seen.parts():
        lab = seen.labs.get(part.lab_id)
        if lab and lab.phase is not Phase.DELETED and not lab.planned(part):
            yield f"{part.kind} {part.id} was made, and lab {lab.id}'s journal says nothing of it"


@law("one-of-each", "a lab has one file system, one role, one profile, one group of each kind", always=True)
def one_of_each(seen: Evidence) -> Iterator[str]:
    counted: dict[tuple[str, str, str], list[str]] = {}
    for part in seen.parts():
        if part.kind != "instance":
            counted.setdefault((part.lab_id, part.kind, part.token), []).append(part.id)
    for (lab_id, kind, _), ids in counted.items():
        if len(ids) > 1:
            yield f"lab {lab_id} has {len(ids)} of {kind}: {', '.join(ids)}"


@law("places", "a team's places are held by exactly the labs that exist", always=True)
def places(seen: Evidence) -> Iterator[str]:
    for team in sorted(set(seen.places) | {str(lab.get("team")) for lab in seen.labs.values()}):
        wanted = {lab.id for lab in seen.labs.values() if lab.get("team") == team and lab.get("reserved")}
        held = seen.places.get(team, frozenset())
        for lab_id in sorted(held - wanted):
            yield f"team {team} gives a place to {lab_id}, which does not count"
        for lab_id in sorted(wanted - held):
            yield f"lab {lab_id} counts, and team {team} gives it no place"


@law("places-given-back", "a lab that is gone, or never came to be, holds no place", always=True)
def places_given_back(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        gone = lab.phase is Phase.DELETED or (lab.phase is Phase.FAILED and not lab.get("ready_at"))
        if gone == bool(lab.get("reserved")) and lab.phase is not Phase.DELETING:  # which may be a failed one's
            yield f"lab {lab.id} is {lab.phase}, and {'still holds' if gone else 'does not hold'} a place"


@law("held", "a team's sums are those of its labs' lines, and every lab that counts has a line, no other has", always=True)
def held(seen: Evidence) -> Iterator[str]:
    for team, items in sorted(seen.limits.items()):
        lines = {sk.removeprefix("HELD#"): one for sk, one in items.items() if sk.startswith("HELD#")}
        usage = items.get("USAGE", {})
        for name in ("vcpus", "gpus", "storage_gb"):
            summed = sum(int(one.get(name) or 0) for one in lines.values())
            if summed != int(usage.get(name) or 0):
                yield f"team {team} counts {usage.get(name)} {name}, and its labs hold {summed}"
        for lab_id in sorted(set(lines) ^ set(seen.places.get(team, ()))):
            yield f"team {team} gives lab {lab_id} a place or a line, and not both"


@law("held-at-rest", "at rest, a lab holds the vCPUs of the machine that runs for it, and none when none runs")
def held_at_rest(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        line = seen.limits.get(str(lab.get("team")), {}).get(f"HELD#{lab.id}", {})
        size = size_of(str(lab.get("instance_type"))) if lab.phase is Phase.READY else None
        wanted = (size.vcpus, size.gpus) if size else (0, 0)
        has = (int(line.get("vcpus") or 0), int(line.get("gpus") or 0))
        if has != wanted:
            yield f"lab {lab.id} is {lab.phase}, and holds {has} vCPUs and GPUs instead of {wanted}"


@law(
    "money",
    "a team's month is the sum of its labs' months, and what is spoken for is no less than what is spent",
    always=True,
)
def money(seen: Evidence) -> Iterator[str]:
    for team, items in sorted(seen.limits.items()):
        for sk, total in items.items():
            if sk.startswith("MONEY#") and sk.count("#") == 1:
                lines = [one for key, one in items.items() if key.startswith(f"{sk}#")]
                for name in ("used", "spent"):
                    summed = sum(int(one[name]) for one in lines)
                    if summed != int(total.get(name) or 0):
                        yield f"{sk} of team {team} says {total.get(name)} {name}, and its labs {summed}"
                if any(int(one["used"]) < int(one["spent"]) for one in lines):
                    yield f"{sk} of team {team} sets less than nothing aside"


@law("money-at-rest", "at rest, money is set aside for every lab that runs, and for no other")
def money_at_rest(seen: Evidence) -> Iterator[str]:
    for items in seen.limits.values():
        months = sorted(sk for sk in items if sk.startswith("MONEY#") and sk.count("#") == 1)
        for sk, line in items.items():
            if sk.startswith("MONEY#") and sk.count("#") == 2:
                lab = seen.labs.get(sk.rpartition("#")[2])
                runs = lab is not None and lab.phase is Phase.READY and sk.startswith(months[-1])
                aside = int(line["used"]) - int(line["spent"])
                if runs != (aside > 0):
                    yield f"lab {sk.rpartition('#')[2]} is {lab and lab.phase}, and {sk} sets {aside} aside"


@law("within-budget", "no start is let in beyond a team's budget: what was spoken for when it came fitted", always=True)
def within_budget(seen: Evidence) -> Iterator[str]:
    for team, items in sorted(seen.limits.items()):
        monthly = items.get("TERMS", {}).get("monthly")
        months = {sk: one for sk, one in items.items() if sk.startswith("MONEY#") and sk.count("#") == 1}
        for sk, total in months.items():
            if monthly is None or total.get("spent") or int(total.get("used", 0)) <= int(monthly):
                continue
            if _let_in(seen, team, [each.rpartition("#")[2] for each in items if each.startswith(f"{sk}#")]):
                yield f"team {team} has a budget of {monthly}, and {total['used']} is spoken for in {sk}"


def _let_in(seen: Evidence, team: str, labs: list[str]) -> bool:
    """Was one of these labs let in since the team's budget was last set? What ran before a smaller budget runs on."""
    told = [(str(one["pk"]), str(one["name"])) for one in seen.facts]
    decided = max((place for place, one in enumerate(told) if one == (f"LAB#team:{team}", "BudgetSet")), default=-1)
    starts = {(f"LAB#{lab}", name) for lab in labs for name in ("LabRequested", "LabStarting", "LabScaling")}
    return bool(starts.intersection(told[decided + 1 :]))


@law("punctual", "no moment of a timetable stays due: it is seen to, or left out")
def punctual(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        for one in lab.under("HOURS"):
            if one.get("due") and str(one["due"])[:19] <= f"{seen.cloud.now:%Y-%m-%dT%H:%M:%S}":
                yield f"lab {lab.id} is {lab.phase}, and its timetable is due since {one['due']}"


# ---- people's files ------------------------------------------------------------------------------------------------------


@law("files-kept", "files that somebody may have worked on are never deleted unasked", always=True)
def files_kept(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        asked = not lab.get("keep_data") and lab.phase in (Phase.DELETING, Phase.DELETED)
        system = str(lab.get("file_system_id") or "")
        if lab.get("ready_at") and not asked:
            if not system:
                yield f"lab {lab.id} forgot its file system"
            elif system not in seen.systems or seen.systems[system]["LifeCycleState"] in ("deleting", "deleted"):
                yield f"the files of lab {lab.id} ({system}) are gone, and nobody asked for it"


@law("files-listed", "what is kept of a deleted lab stands in its receipt, and what was asked to go is gone")
def files_listed(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is Phase.DELETED and lab.get("ready_at"):
            system = str(lab.get("file_system_id"))
            if lab.get("keep_data") and system not in lab.kept:
                yield f"the files of lab {lab.id} ({system}) are kept, and its receipt does not say so"
            if not lab.get("keep_data") and system in seen.systems:
                yield f"the files of lab {lab.id} ({system}) were to go, and are there"


@law("forgotten", "of a deleted lab no journal, no machine, no people and no waiting task are left in the table")
def forgotten(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is Phase.DELETED:
            for item in lab.items:
                if item["sk"].startswith(("JOURNAL#", "MACHINE", "MEMBER#", "WAIT", "WORK#")):
                    yield f"lab {lab.id} is DELETED, and its {item['sk']} is still in the table"


# ---- coming to rest ------------------------------------------------------------------------------------------------------


@law("rests", "once faults have ended, every lab comes to rest")
def rests(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase in MOVING:
            yield f"lab {lab.id} is still {lab.phase} ({lab.get('generation')})"


@law("watched", "a lab in motion stands in the index of what is due, one at rest does not stand there as moving", always=True)
def watched(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        due = str(lab.get("due") or "")
        if (lab.phase in MOVING) != due.startswith("0#"):
            yield f"lab {lab.id} is {lab.phase}, and the sweep finds it under '{due}'"


@law("explained", "a lab that failed says why, in words")
def explained(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is Phase.FAILED and not lab.get("cause"):
            yield f"lab {lab.id} is FAILED, and nobody knows why"


@law("answered", "no workflow waits for ever: at rest none runs, and no token waits for an answer")
def answered(seen: Evidence) -> Iterator[str]:
    for run in seen.running:
        yield f"workflow {run['arn'].rpartition(':')[2]} still is in {run['state']} of {run['story']}"


@law("tokens-kept", "the token of a task that waits is left where its answer looks for it", always=True)
def tokens_kept(seen: Evidence) -> Iterator[str]:
    known = {lab.wait.get("token") for lab in seen.labs.values()}
    known |= {work.get("token") for lab in seen.labs.values() for work in lab.works}
    for run in seen.running:
        if run.get("token") and not run.get("running") and run["token"] not in known and not seen.moved_on(run):
            yield f"workflow {run['arn'].rpartition(':')[2]} waits in {run['state']}, and nobody holds its token"


@law("work-ended", "at rest, no piece of a machine's work is open in a lab that is not READY")
def work_ended(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        for work in lab.works:
            if work.get("state") in ("asked", "running") and lab.phase is not Phase.READY:
                yield f"lab {lab.id} is {lab.phase}, and its {work['kind']} {work['sk']} is still {work['state']}"


# ---- facts ---------------------------------------------------------------------------------------------------------------


@law("told", "every change of a lab is told by a fact: its record can be rebuilt from them", always=True)
def told(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        rebuilt = seen.rebuilt(lab.id)
        for name in AUDITED:
            is_now, was_told = lab.get(name) or None, rebuilt.get(name) or None
            if is_now != was_told:
                yield f"{name} of lab {lab.id} is {is_now!r}, and its facts tell of {was_told!r}"


@law("heard", "every fact that is stored reaches the bus, and everybody who listens there")
def heard(seen: Evidence) -> Iterator[str]:
    for fact in seen.unpublished:
        yield f"fact {fact['name']} of {fact['subject']} is stored, and never reached the bus"
    for lost in seen.given_up:
        yield f"{lost['function']} never took {lost['event']['detail-type']}"


@law(
    "asked-once",
    "a request that its client repeats is one request: every lab is the answer to one that is remembered",
    always=True,
)
def asked_once(seen: Evidence) -> Iterator[str]:
    for lab_id in sorted(set(seen.labs) - seen.answered_with):
        yield f"lab {lab_id} is not what any remembered request was answered with"


@law("counted", "a lab's number of people is the number of its people", always=True)
def counted_people(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is not Phase.DELETED and int(lab.get("members") or 0) != len(lab.members):
            yield f"lab {lab.id} counts {lab.get('members')} people, and has {len(lab.members)}"


# ---- idleness ------------------------------------------------------------------------------------------------------------


@law("idle-watched", "a lab that runs stands in the index of what the idle rules look at; at rest no other does")
def idle_watched(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        watched = next((one for one in lab.under("IDLE") if one["sk"] == "IDLE"), {})
        if lab.phase is Phase.READY and not watched.get("idle_at"):
            yield f"lab {lab.id} runs, and the idle rules never look at it"
        if lab.phase is not Phase.READY and watched.get("idle_at"):
            yield f"lab {lab.id} is {lab.phase}, and the idle rules still look at it"


@law("idle-warned", "no lab is stopped as idle without a warning that stood, and each warning has one outcome", always=True)
def idle_warned(seen: Evidence) -> Iterator[str]:
    standing: dict[str, bool] = {}
    for fact in seen.facts:
        lab_id, name = fact["pk"], fact["name"]
        if name == "LabIdleWarned":
            if standing.get(lab_id):
                yield f"{lab_id} was warned twice"
            standing[lab_id] = True
        elif name in ("LabIdleStopped", "LabIdleWithdrawn", "LabExtended", "LabExempted"):
            if name in ("LabIdleStopped", "LabIdleWithdrawn") and not standing.get(lab_id):
                yield f"{name} of {lab_id}, and no warning stood"
            standing[lab_id] = False
        elif name in ("LabStopping", "LabDeleting", "LabScaling", "LabStopped", "LabFailed") and "reason" not in fact["data"]:
            standing[lab_id] = False


@law("idle-shown", "people are warned of a stop only while the lab runs", always=True)
def idle_shown(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.get("stops_at") and lab.phase is not Phase.READY:
            yield f"lab {lab.id} is {lab.phase}, and says that it stops at {lab.get('stops_at')}"


# ---- the audit log -------------------------------------------------------------------------------------------------------


@law(
    "chain",
    "the audit log's chain is unbroken: numbers without a gap, each entry hung on the one before, the head at its end",
    always=True,
)
def chain(seen: Evidence) -> Iterator[str]:
    before = ""
    for place, entry in enumerate(seen.chain, 1):
        if entry["seq"] != place:
            yield f"entry {entry['seq']} stands where {place} should"
        if before and entry["prev"] != before:
            yield f"entry {entry['seq']} does not hang on the one before it"
        before = entry["hash"]
    if seen.chain and seen.head.get("hash") != before:
        yield f"the head says {seen.head.get('seq')}, and the chain ends with {seen.chain[-1]['seq']}"


@law("logged-once", "a fact stands in the audit log once, however often it is delivered", always=True)
def logged_once(seen: Evidence) -> Iterator[str]:
    counted: dict[str, int] = {}
    for entry in seen.chain:
        counted[entry["fact"]] = counted.get(entry["fact"], 0) + 1
    for fact, times in counted.items():
        if times > 1:
            yield f"fact {fact} stands in the log {times} times"


@law("logged", "every fact that is stored stands in the audit log")
def logged(seen: Evidence) -> Iterator[str]:
    known = {entry["fact"] for entry in seen.chain}
    for fact in seen.facts:
        if f"{fact['pk']}/{fact['sk']}" not in known:
            yield f"fact {fact['name']} of {fact['subject']} is not in the audit log"


# ---- the ledger of costs -------------------------------------------------------------------------------------------------


@law("metered", "at rest, the ledger charges a lab's machines for exactly as long as EC2 ran them, and knows what still costs")
def metered(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        rows = seen.ledger.get(lab.id, [])
        head = next((one for one in rows if one["sk"] == "HEAD"), None)
        if head is None:
            if lab.get("instance_id"):
                yield f"lab {lab.id} has had a machine, and the ledger knows nothing of it"
            continue
        charged = sum(
            cell[2] for one in rows if one["sk"].startswith("DAY#") for cell in parsed(one["cells"]) if cell[0] == "machine"
        )
        ran = seen.ran(lab.id, parse_iso(head["until"]))
        if charged != ran:
            yield f"EC2 ran the machines of lab {lab.id} for {ran / 1e6:.0f} s, and the ledger charges {charged / 1e6:.0f} s"
        alive = any(seen.lab_of(one) == lab.id for one in seen.alive)
        if alive != bool(parsed(head["state"]).get("machines")):
            yield f"lab {lab.id} has {'a' if alive else 'no'} machine, and the ledger thinks otherwise"


@law("ledger-grows", "a day of the ledger is the sum of its lines, which are never changed", always=True)
def ledger_grows(seen: Evidence) -> Iterator[str]:
    for lab_id, rows in seen.ledger.items():
        days, lines = (_summed(rows, stem) for stem in ("DAY#", "LINE#"))
        if days != lines:
            yield f"the days of lab {lab_id} are not the sum of their lines"


def _summed(rows: list[Json], stem: str) -> dict[tuple[str, str, str], Decimal]:
    total: dict[tuple[str, str, str], Decimal] = {}
    for one in rows:
        if one["sk"].startswith(stem):
            day = one.get("day") or one["sk"].removeprefix(stem)
            for part, who, _, amount, _ in parsed(one["cells"]):
                total[day, part, who] = total.get((day, part, who), Decimal(0)) + Decimal(amount)
    return {key: amount for key, amount in total.items() if amount}


# ---- backups -------------------------------------------------------------------------------------------------------------


@law(
    "backup-whole",
    "a backup that is shown as finished has its manifest in the bucket, and every chunk that it names (or it was found altered)",
    always=True,
)
def backup_whole(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        for backup in lab.backups:
            if backup.get("state") == "FINISHED":
                yield from seen.wanting(lab, backup)


@law("backup-ends", "at rest, no backup, restore or drill is still running")
def backup_ends(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        for stem in ("BACKUP#", "RESTORE#", "DRILL#"):
            for one in lab.under(stem):
                if one.get("state") == "RUNNING":
                    yield f"{one['sk']} of lab {lab.id} is still RUNNING"


# ---- secrets -------------------------------------------------------------------------------------------------------------


@law("no-secrets", "no token and no key stands in user data, tables, facts or workflow inputs")
def no_secrets(seen: Evidence) -> Iterator[str]:
    for place, secret in seen.secrets():
        yield f"{place} holds {secret[:8]}…"


import tests.fakes.sim.bake_laws  # noqa: E402 - registers those of bakes
import tests.fakes.sim.pack_laws  # noqa: E402, F401 - and those of teams' own packs

__all__ = ["LAWS", "Evidence", "Json", "LabSeen", "Law", "check"]
