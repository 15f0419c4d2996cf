"""Is this a pack that works? Every check in its order, and a report for people and programs.

Keeps true: whatever a file holds, the answer is findings. A pack is judged by its own file; what it inherits is judged
where it is written.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from aws_research_wizard.packs import datasets, documents, kernels, lineage, machines, notebooks, shape, shelf
from aws_research_wizard.packs.findings import Finding, Place, Severity, finding, worst
from aws_research_wizard.packs.older import judging, shapes
from aws_research_wizard.packs.production import AppError, packs, reading
from aws_research_wizard.packs.subject import Subject

Check = Callable[[Subject], Iterable[Finding]]
CHECKS: tuple[Check, ...] = (kernels.findings, machines.findings, datasets.findings, notebooks.findings)


class Report(NamedTuple):
    """What was found in one pack. `pack` is None when it cannot be put together."""

    name: str
    file: str
    findings: tuple[Finding, ...]
    pack: packs.Pack | None = None

    @property
    def errors(self) -> int:
        return worst(self.findings)[Severity.ERROR]

    def plain(self, region: str) -> dict[str, Any]:
        """For programs."""
        counts = {f"{severity.value}s": count for severity, count in worst(self.findings).items()}
        hourly = machines.hourly(self.pack, region) if self.pack else {}
        found = [one.plain() for one in self.findings]
        return {"pack": self.name, "file": self.file, **counts, "usd_per_hour": hourly, "findings": found}


def lint(files: Sequence[Path], region: str, today: date) -> Iterator[Report]:
    """One report a file."""
    for file in files:
        yield one(file, region, today)


def one(file: Path, region: str, today: date) -> Report:
    """The report of one pack file, ours or an older one."""
    document, found = documents.read(file, documents.MOST_BYTES if file.name == shelf.PACK else documents.OLDER_BYTES)
    if document and shapes.of(document.values):
        told = found + judging.findings(file, document)
        return Report(lineage.named(file, document.values), str(file), _sorted(told, str(file)))
    on_table, found = subject(file, region, today)
    if on_table:
        found += [one for check in CHECKS for one in check(on_table)]
    name = on_table.name if on_table else lineage.named(file, None)
    return Report(name, str(file), _sorted(found, str(file)), on_table.pack if on_table else None)


def subject(file: Path, region: str, today: date) -> tuple[Subject | None, list[Finding]]:
    """The pack to look at closer, and what its file, its shape and its parents are found to be. None: there is no pack."""
    document, found = documents.read(file)
    if document is None:
        return None, found
    found += shape.findings(document)
    if not isinstance(document.values, dict):
        return None, found
    own, name = document.values, lineage.named(file, document.values)
    if isinstance(own.get("name"), str) and own["name"] != name:
        found.append(finding("P106", document.at("name"), f"the pack '{own['name'][:64]}' stands in the folder '{name[:64]}'"))
    line = lineage.of(document, name, shelf.around(file.parent))
    found += line.findings
    pack = None
    if line.line and not found:
        try:
            pack = reading.resolve(line.line)
        except AppError as error:
            found.append(finding("P107", document.at("extends"), error.message.partition(": ")[2], error.hint))
    return Subject(name, file.parent, document, own, pack, region, today), found


def _sorted(found: list[Finding], file: str) -> tuple[Finding, ...]:
    """The pack's own file first, from its top; then the others by name."""

    def rank(one: Finding) -> tuple[bool, Place, str]:
        return one.place.file != file, one.place, one.code

    return tuple(sorted(dict.fromkeys(found), key=rank))
