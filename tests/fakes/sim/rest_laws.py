"""What must hold once faults have ended: labs and workflows rest, nothing stays due, nobody is stopped unwarned?"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.labs.rules import MOVING, Phase
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.laws import law

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


@law("punctual", "no moment of a timetable stays due: it is seen to, or left out")
def punctual(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        for one in lab.under("HOURS"):
            if one.get("due") and str(one["due"])[:19] <= f"{seen.cloud.now:%Y-%m-%dT%H:%M:%S}":
                yield f"lab {lab.id} is {lab.phase}, and its timetable is due since {one['due']}"


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
