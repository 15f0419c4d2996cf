"""What must hold of what a team may use and spend, and of the ledger of what was spent?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from chalicelib.labs.rules import Phase
from chalicelib.limits.rules import size_of
from chalicelib.runtime.clock import parse_iso
from tests.fakes.sim.evidence import Evidence, Json, parsed
from tests.fakes.sim.laws import law

# ---- places, sums and budgets --------------------------------------------------------------------------------------------


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
