"""What is in each pack, said for people: a README in its folder, the table of docs/reference/packs.md, and the catalogue.

python -m tools.pack_pages            write them
python -m tools.pack_pages --check    exit 1 when one is stale

Everything comes from the packs, their locks, the price list, and the last kept run of the lessons
(`python -m tools.lessons all --record --pictures`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "vendor")]

from aws_research_wizard.packs import locks  # noqa: E402
from chalicelib.kernels.rules import lock_path  # noqa: E402
from chalicelib.limits.rules import hourly_price  # noqa: E402
from chalicelib.packs import service, yaml_files  # noqa: E402
from chalicelib.packs.rules import Dataset, Job, Kernel, Pack, TeamSize, read_rights  # noqa: E402
from tools import fresh  # noqa: E402

REGION = "us-east-1"
REFERENCE = ROOT / "docs" / "reference" / "packs.md"
BEGIN, END = "<!-- packs: begin, written by tools/pack_pages.py -->\n", "<!-- packs: end -->\n"
SIZES = {TeamSize.SMALL: "up to 5 people", TeamSize.MEDIUM: "up to 20 people", TeamSize.LARGE: "more people"}
JOBS = {Job.GENERAL: "much computing", Job.MEMORY: "much memory", Job.GPU: "a graphics card"}


def lock_of(kernel: Kernel) -> locks.Lock | None:
    """What a kernel's lock says, in whatever language it is; None when it has none, or none that is solved."""
    path = ROOT / lock_path(kernel)
    lock = locks.parse(path.read_text()) if path.is_file() else None
    return lock if lock and lock.solved else None


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; nothing when there are no rows."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *lines]) + "\n" if lines else ""


def readme(pack: Pack) -> str:
    """The page of one pack."""
    parts = [f"# {pack.title}\n\n{pack.purpose.strip()}\n", _start(pack), _kernels(pack), _lessons(pack)]
    return "\n".join([*parts, _data(pack), _machines(pack), _idle(pack)])


def _start(pack: Pack) -> str:
    below = [f"[{name}](../{name}/README.md)" for name in pack.lineage if name != pack.name]
    said = f"Written by `make generate` from [pack.yaml](pack.yaml){', which extends ' + ' and '.join(below) if below else ''}.\n"
    return f"{said}\n```\naws-research-wizard jupyter quick-start --domain {pack.name} --team-size 5 --notebook-examples\n```\n"


def _kernels(pack: Pack) -> str:
    rows = []
    for kernel in pack.kernels:
        lock = lock_of(kernel)
        asked = ", ".join(_versioned(name, lock) for name in (*kernel.packages, *kernel.widgets))
        solved = f"{len(lock.pins)} packages, solved {lock.day}" if lock else "to be solved on its first bake"
        waits = " (when asked for)" if kernel.on_request else ""
        rows.append((kernel.display_name + waits, asked, ", ".join(kernel.system) or "none", solved, _needs(kernel)))
    return "## Kernels\n\n" + table(("kernel", "packages", "system tools (Debian)", "lock", "one kernel likes"), rows)


def _versioned(asked: str, lock: locks.Lock | None) -> str:
    name = re.split(r"[\[<>=~! ;@]", asked, maxsplit=1)[0]
    version = (lock.pins.get(canonicalize_name(name)) or lock.pins.get(name)) if lock else None
    return f"{name} {version}" if version else asked


def _needs(kernel: Kernel) -> str:
    needs = kernel.resources
    cards = f", {needs.gpus} GPU" if needs.gpus else ""
    return f"{needs.cpus} CPU, {needs.memory_gb} GB{cards}"


def _lessons(pack: Pack) -> str:
    names = {kernel.key: kernel.display_name for kernel in pack.kernels}
    rows = [
        (f"[{one.title}](notebooks/{one.file})", names[one.kernel], one.expect.removeprefix("check: ")) for one in pack.examples
    ]
    return "## Lessons\n\n" + table(("notebook", "kernel", "what must come out"), rows)


def _data(pack: Pack) -> str:
    if not pack.datasets:
        return "## Data\n\nNo public data set is named; a lab of this pack has no rights on any bucket but its own.\n"
    rows = [(one.title, f"`s3://{one.bucket}/{one.prefix}`", one.region, _access(one), one.licence) for one in pack.datasets]
    page = "## Data\n\n" + table(("data set", "where", "region", "access", "licence"), rows)
    return page + "\n" + _rights(pack)


def _access(one: Dataset) -> str:
    return str(one.access.value).replace("-", " ")


def _rights(pack: Pack) -> str:
    rows = []
    for statement in read_rights(pack):
        actions, resources = statement["Action"], statement["Resource"]
        assert isinstance(actions, list)
        assert isinstance(resources, list)
        only = " (only the prefix)" if "Condition" in statement else ""
        rows.append((", ".join(f"`{one}`" for one in actions), ", ".join(f"`{one}`" for one in resources) + only))
    return "Rights that its labs get from this list, and no others on these buckets:\n\n" + table(("may", "on"), rows)


def _machines(pack: Pack) -> str:
    lists = [(SIZES[size], types) for size, types in pack.instances.team.items()]
    lists += [(JOBS[job], types) for job, types in pack.instances.job.items()]
    rows = [(name, ", ".join(_priced(one) for one in types)) for name, types in lists]
    price = hourly_price(next(iter(pack.instances.types)), REGION)
    as_of = f", list prices of {price.as_of}" if price else ""
    said = f"The first is asked for, the next when AWS has no room. Per hour in {REGION}{as_of}.\n\n"
    return "## Machines\n\n" + said + table(("for", "type and price an hour"), rows)


def _priced(instance_type: str) -> str:
    price = hourly_price(instance_type, REGION)
    return f"{instance_type} ${price.amount.normalize():f}" if price else f"{instance_type} (price not known)"


def _idle(pack: Pack) -> str:
    idle, most = pack.idle, pack.idle.thresholds
    lines = [
        f"Stops after {idle.auto_shutdown} minutes without anybody at work.",
        f"A busy kernel is at work, for {idle.max_busy:g} hours also without any load; then people are asked.",
        f"At work are also a CPU above {most.cpu_percent:g}%, a GPU above {most.gpu_percent:g}%",
        f"and {most.network_kb_per_second:g} KB a second of network.",
    ]
    lines += [f"At most {idle.hours_a_day:g} hours a day."] if idle.hours_a_day else []
    lines += ["Costs are shown in the notebook." if pack.cost_tracking else "Costs are not shown in the notebook."]
    return "## When it stops\n\n" + " ".join(lines) + "\n"


def summary(packs: Sequence[Pack]) -> str:
    """The table of docs/reference/packs.md."""
    rows = []
    for pack in packs:
        languages = ", ".join(dict.fromkeys(kernel.language.value.capitalize() for kernel in pack.kernels))
        rows.append((f"[`{pack.name}`](../../domain_packs/{pack.name}/README.md)", f"{pack.title}. {_first(pack)}", languages))
    return table(("pack", "for", "kernels"), rows)


def _first(pack: Pack) -> str:
    return pack.purpose.strip().splitlines()[0]


def with_table(page: str, rows: str) -> str:
    """The page, with the part between the two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{REFERENCE.name} has lost its marks {BEGIN.strip()} … {END.strip()}")
    return before + BEGIN + rows + END + after


def main() -> int:
    """Write, or check."""
    from tools import catalogue

    packs = [service.resolve(name) for name in yaml_files.names()]
    stale = [fresh.keep(ROOT / "domain_packs" / pack.name / "README.md", readme(pack)) for pack in packs]
    stale.append(fresh.keep(REFERENCE, with_table(REFERENCE.read_text(), summary(packs))))
    stale.append(fresh.keep(catalogue.PAGE, catalogue.page(packs)))
    return max(stale)


if __name__ == "__main__":
    sys.exit(main())
