"""What must hold of facts, of the audit log that is made of them, and of secrets?"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.labs.rules import AUDITED, Phase
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.laws import law

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


# ---- secrets -------------------------------------------------------------------------------------------------------------


@law("no-secrets", "no token and no key stands in user data, tables, facts or workflow inputs")
def no_secrets(seen: Evidence) -> Iterator[str]:
    for place, secret in seen.secrets():
        yield f"{place} holds {secret[:8]}…"
