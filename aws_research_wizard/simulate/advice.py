"""Where else is money to be had? A smaller machine that would have done, and one machine for two teams that never meet.

What a lab used is read from the trace: processors and memory of everything that ran, weighted by how long. Two teams share a
machine only in thought: the month is replayed with both on it, under the same policy; the dollars are those of the two replays.

Keeps true: nothing is advised without its reason and its dollars, and nothing that saves less than a twentieth.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import combinations
from typing import NamedTuple

from aws_research_wizard.simulate.outcome import Outcome, dollars, price_of
from aws_research_wizard.simulate.policies import Way
from aws_research_wizard.simulate.production import limits
from aws_research_wizard.simulate.replay import Replay, live
from aws_research_wizard.simulate.usage import MACHINE_WORK, Lab, Span, Usage

ROOM = 1.25  # a machine is large enough with a quarter more than the peak
BASE_GB = 2.0  # the system, the hub, and what nobody measured
LEAST = Decimal("0.05")  # of what it costs now
SMALL_TEAM = 4
DISK_GB = 60
SIBLINGS = ("c", "m", "r")


class Load(NamedTuple):
    """What a lab used while anything ran: processor cores and GB of memory, at percentiles of that time; `gpu`: of the card."""

    cores_50: float = 0.0
    cores_95: float = 0.0
    cores_max: float = 0.0
    memory_95: float = 0.0
    memory_max: float = 0.0
    gpu_max: float = 0.0


class Smaller(NamedTuple):
    """A machine that would have done."""

    lab: str
    now: str
    instead: str
    saves: Decimal
    load: Load
    reason: str


class Together(NamedTuple):
    """Two labs on one machine."""

    labs: tuple[str, str]
    machine: str
    saves: Decimal
    reason: str


# ---- what was used -------------------------------------------------------------------------------------------------------


def load(spans: Iterable[Span]) -> Load:
    """What ran at once, weighted by time."""
    edges = sorted(edge for span in spans if span.kind in MACHINE_WORK for edge in _edges(span))
    cores: dict[float, int] = {}
    memory: dict[float, int] = {}
    gpu = gpu_max = cpu = held = 0.0
    before = running = 0
    for at, up, span_cpu, span_memory, span_gpu in edges:
        if running:
            cores[round(cpu / 100, 2)] = cores.get(round(cpu / 100, 2), 0) + at - before
            memory[round(held, 1)] = memory.get(round(held, 1), 0) + at - before
        cpu, held, gpu, running, before = cpu + span_cpu, held + span_memory, gpu + span_gpu, running + up, at
        gpu_max = max(gpu_max, gpu)
    tops = (_percentile(cores, 50), _percentile(cores, 95), max(cores, default=0.0))
    return Load(*tops, _percentile(memory, 95), max(memory, default=0.0), min(gpu_max, 100.0))


def _edges(span: Span) -> list[tuple[int, int, float, float, float]]:
    ends = (span.ends, -1, -span.cpu, -span.memory_gb, -span.gpu)
    return [(span.begins, 1, span.cpu, span.memory_gb, span.gpu), ends]


def _percentile(weighed: dict[float, int], percent: int) -> float:
    """The least value below which so much of the time was spent."""
    left = sum(weighed.values()) * percent / 100
    for value in sorted(weighed):
        left -= weighed[value]
        if left <= 0:
            return value
    return 0.0


# ---- a smaller machine ---------------------------------------------------------------------------------------------------


def smaller(replay: Replay) -> list[Smaller]:
    """For each lab whose machine is larger than what ran on it, the cheapest that would have fit; the most dollars first."""
    spans, asked = replay.usage.by_lab(), replay.played[0]
    found = (_smaller(lab, spans[lab.name], asked.labs[lab.name]) for lab in replay.usage.labs)
    return sorted((one for one in found if one), key=lambda one: (-one.saves, one.lab))


def _smaller(lab: Lab, spans: Sequence[Span], outcome: Outcome) -> Smaller | None:
    used, price, has = load(spans), price_of(lab).amount, limits.size_of(lab.instance_type)
    if has is None or not used.cores_max:
        return None
    fitting = [(cost, kind) for kind, cost in _cheaper(lab, price) if _fits(kind, used)]
    if not fitting:
        return None
    cost, kind = min(fitting)
    saves = dollars(outcome.paid_s, price - cost)
    if saves < LEAST * outcome.cost:
        return None
    return Smaller(lab.name, lab.instance_type, kind, saves, used, _reason(lab.instance_type, kind, used))


def _cheaper(lab: Lab, price: Decimal) -> list[tuple[str, Decimal]]:
    """Types of the same family, and of its siblings of the same make; without a card only where there was none."""
    known = ((kind, limits.hourly_price(kind, lab.region)) for kind in limits.priced_types(lab.region))
    mine = lab.instance_type.partition(".")[0]
    return [(kind, cost.amount) for kind, cost in known if cost and cost.amount < price and _kin(mine, kind.partition(".")[0])]


def _kin(mine: str, other: str) -> bool:
    return mine == other or (mine[:1] in SIBLINGS and other[:1] in SIBLINGS and mine[1:] == other[1:])


def _fits(kind: str, used: Load) -> bool:
    size, memory = limits.size_of(kind), limits.memory_mib(kind)
    if size is None or memory is None:
        return False
    enough = size.vcpus >= used.cores_95 * ROOM and size.vcpus >= used.cores_max
    return enough and memory / 1024 >= (used.memory_max + BASE_GB) * ROOM and (size.gpus > 0 or not used.gpu_max)


def _reason(now: str, instead: str, used: Load) -> str:
    has, gets = _said(now), _said(instead)
    return (
        f"while anything ran it used {used.cores_95:.1f} cores at the 95th percentile ({used.cores_max:.1f} at most) and "
        f"{used.memory_max:.0f} GB at most, of {has}; {instead} has {gets}"
    )


def _said(kind: str) -> str:
    size, memory = limits.size_of(kind), limits.memory_mib(kind)
    return f"{size.vcpus if size else '?'} vCPUs and {(memory or 0) / 1024:.0f} GB"


# ---- one machine for two teams -------------------------------------------------------------------------------------------


def together(replay: Replay) -> list[Together]:
    """Pairs of small teams whose hours never met and who would pay less on one machine; each lab in one pair at most."""
    asked, spans = replay.played[0], replay.usage.by_lab()
    if asked.policy.way is not Way.RULES:
        return []
    hours = {lab.name: _hours(spans[lab.name]) for lab in replay.usage.labs if _small(spans[lab.name])}
    pairs = combinations([lab for lab in replay.usage.labs if lab.name in hours], 2)
    apart = [(a, b) for a, b in pairs if a.region == b.region and not _meet(hours[a.name], hours[b.name])]
    found = sorted(filter(None, (_together(replay, a, b, spans) for a, b in apart)), key=lambda one: (-one.saves, one.labs))
    taken: set[str] = set()
    best = []
    for one in found:
        if taken.isdisjoint(one.labs):
            taken.update(one.labs)
            best.append(one)
    return best


def _small(spans: Sequence[Span]) -> bool:
    return 0 < len({span.user for span in spans if span.user}) <= SMALL_TEAM and not any(span.gpu for span in spans)


def _hours(spans: Sequence[Span]) -> list[tuple[int, int]]:
    """When anybody or anything worked, joined."""
    joined: list[tuple[int, int]] = []
    for span in sorted(span for span in spans if span.counts):
        if joined and span.begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], span.ends))
        else:
            joined.append((span.begins, span.ends))
    return joined


def _meet(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> bool:
    mine = theirs = 0
    while mine < len(one) and theirs < len(other):
        if one[mine][0] < other[theirs][1] and other[theirs][0] < one[mine][1]:
            return True
        if one[mine][1] <= other[theirs][1]:
            mine += 1
        else:
            theirs += 1
    return False


def _together(replay: Replay, a: Lab, b: Lab, spans: dict[str, list[Span]]) -> Together | None:
    asked, month = replay.played[0], replay.usage
    host = max((a, b), key=lambda lab: (limits.memory_mib(lab.instance_type) or 0, price_of(lab).amount))
    if (limits.memory_mib(host.instance_type) or 0) < max(limits.memory_mib(one.instance_type) or 0 for one in (a, b)):
        return None
    renamed = [span._replace(lab=host.name) for one in (a, b) for span in spans[one.name]]
    shared = live(month, host, sorted(renamed), asked.policy)
    disk = _disk(host.region, month)
    before = asked.labs[a.name].cost + asked.labs[b.name].cost + disk
    saves = before - shared.cost
    if shared.wrong_stops or saves < LEAST * before:
        return None
    hours = [round(dollars(asked.labs[one.name].paid_s, Decimal(1))) for one in (a, b)]
    reason = (
        f"they never worked at the same time; apart they paid {hours[0]} h and {hours[1]} h, together "
        f"{round(dollars(shared.paid_s, Decimal(1)))} h, and one disk of {DISK_GB} GB less"
    )
    return Together((a.name, b.name), host.instance_type, saves, reason)


def _disk(region: str, month: Usage) -> Decimal:
    price = limits.disk_monthly_price(DISK_GB, region)
    return price.amount * (month.ends - month.begins) / (limits.HOURS_A_MONTH * 3600) if price else Decimal(0)
