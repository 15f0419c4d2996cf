"""Can these machines be had, do the kernels fit on them, and is what they cost worked out instead of typed?"""

import re
from collections.abc import Iterator

from aws_research_wizard.packs import tables
from aws_research_wizard.packs.documents import STEPS, leaves, written
from aws_research_wizard.packs.findings import Finding, finding
from aws_research_wizard.packs.production import limits, near_miss, packs
from aws_research_wizard.packs.subject import Subject

TYPED = re.compile(r"(?<![A-Za-z])(\$|USD|US\$|€)\s?\d|\d\s?(USD|EUR|dollars?|€)(?![A-Za-z])|\d\s?/\s?(hour|month)(?![a-z])")
MIB = 1024


def findings(subject: Subject) -> Iterator[Finding]:
    """Of the types that the pack's own file names, and of its prose."""
    for group in ("team", "job"):
        for size in subject.mapping("instances", group):
            yield from _types(subject, group, size)
    if subject.pack and "instances" in subject.own:
        yield from _sizes(subject, subject.pack)
    yield from _typed(subject)


def _types(subject: Subject, group: str, size: str) -> Iterator[Finding]:
    words = list(subject.words("instances", group, size))
    if len(words) == 1:
        said = f"{written(('instances', group, size))} names only {words[0][1]}"
        yield finding("P305", subject.document.at("instances", group, size), said)
    for steps, name in words:
        if wrong := _type(subject, steps, name, for_gpu=(group, size) == ("job", "gpu")):
            yield wrong


def _type(subject: Subject, steps: STEPS, name: str, for_gpu: bool) -> Finding | None:
    place = subject.document.at(*steps)
    if name not in tables.instance_types():
        return finding("P301", place, f"EC2 has no {name[:64]}", near_miss(name, limits.priced_types(subject.region)))
    if tables.is_arm(name):
        return finding("P303", place, f"{name} is an Arm machine; kernels are locked for x86-64")
    if limits.hourly_price(name, subject.region) is None:
        known = limits.priced_types(subject.region)
        hint = near_miss(name, known) if known else "prices are known of us-east-1 and us-west-2"
        return finding("P302", place, f"{name} has no known price in {subject.region}", hint)
    size = limits.size_of(name)
    if for_gpu and size and not size.gpus:
        return finding("P304", place, f"{name} has no GPU")
    return None


def _sizes(subject: Subject, pack: packs.Pack) -> Iterator[Finding]:
    team = pack.instances.team
    memory = {size: limits.memory_mib(types[0]) for size, types in team.items()}
    for small, large in ((packs.TeamSize.SMALL, packs.TeamSize.MEDIUM), (packs.TeamSize.MEDIUM, packs.TeamSize.LARGE)):
        less, more = memory.get(small), memory.get(large)
        if less and more and less > more:
            said = f"a {large.value} team gets {team[large][0]}, a {small.value} one the larger {team[small][0]}"
            yield finding("P308", subject.document.at("instances", "team", large.value), said)
    first = memory.get(packs.TeamSize.SMALL)
    for kernel in pack.installed_kernels:
        if first and kernel.resources.memory_gb * MIB > first:
            said = f"{team[packs.TeamSize.SMALL][0]} has {first // MIB} GiB, {kernel.name} wants {kernel.resources.memory_gb}"
            yield finding("P307", subject.document.at("instances", "team", "small"), said)


def _typed(subject: Subject) -> Iterator[Finding]:
    """Sums of money in prose go stale; nobody sees it."""
    for steps, value in leaves(subject.own):
        if isinstance(value, str) and steps[:1] != ("datasets",) and (sum_ := TYPED.search(value)):
            first, *more = value[sum_.start() :].split()[:2]
            seen = first if re.search(r"\d", first) else " ".join((first, *more))
            yield finding("P306", subject.document.at(*steps), f"{written(steps)} says '{seen[:40]}'")


def hourly(pack: packs.Pack, region: str) -> dict[str, str]:
    """What an hour of the first machine of each team size costs, worked out now; '' when it is not known."""
    prices = {size.value: limits.hourly_price(types[0], region) for size, types in pack.instances.team.items()}
    return {size: f"{price.amount}" if price else "" for size, price in prices.items()}
