"""How does an older pack become one of ours? What has a home is carried, everything else is told with its line.

Pure but for the tables it looks things up in: a document in, a pack and the book of every value out.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aws_research_wizard.packs.documents import STEPS, Document
from aws_research_wizard.packs.older import data, machines, spack
from aws_research_wizard.packs.older.ledger import Ledger
from aws_research_wizard.packs.production import limits, near_miss
from aws_research_wizard.packs.tables import Registered

PYTHON, R = "3.11", "4.2"
BRINGS = ("ipykernel", "numpy", "pandas", "matplotlib", "scipy", "ipywidgets")
IDLE = ("auto_shutdown", "auto_shutdown_minutes", "idle_timeout", "idle_timeout_minutes", "idle_minutes")
MONEY = re.compile(r"cost|price|usd|budget", re.IGNORECASE)
STORAGE = re.compile(r"storage|disk|volume", re.IGNORECASE)
USUAL = ("standard", "medium", "default", "recommended")
COSTS = "costs are worked out from the price table, which carries its date"
ONE_MACHINE = "a lab is one machine: nothing is tuned across several"
#: what stands under these keys, and why it stays behind
NO_HOME = {
    "primary_domains": "a pack is found by its name and its field",
    "categories": "a pack is found by its name and its field",
    "category": "a pack is found by its name and its field",
    "maintainers": "who keeps a pack stands in its repository",
    "version": "a pack's versions are its repository's; what a lab runs is its lock",
    "research_capabilities": "say it in `purpose` or in a notebook",
    "demo_workflows": "a workflow is a notebook that runs: write one and name it in `examples`",
    "workflows": "a workflow is a notebook that runs: write one and name it in `examples`",
    "mpi_optimizations": ONE_MACHINE,
    "scaling_profiles": ONE_MACHINE,
    "scaling": ONE_MACHINE,
    "optimization": ONE_MACHINE,
    "security": "every lab is encrypted, private and audited; there is nothing to switch",
    "compilers": "nothing is compiled on a lab: packages come built",
    "compiler": "nothing is compiled on a lab: packages come built",
    "network": ONE_MACHINE,
}


@dataclass
class Converted:
    """`pack`: as its file will say it. `books`: what became of each value, a book for each file. `wish`: for a lab's request."""

    pack: dict[str, Any]
    books: list[Ledger]
    notes: list[str] = field(default_factory=list)
    wish: dict[str, Any] = field(default_factory=dict)


def convert(documents: Sequence[Document], extends: str, taken: Sequence[str], with_r: bool = True) -> Converted:
    """The pack of an older file (and the spack.yaml beside it). `taken`: names that ours may not bear."""
    books = [Ledger(one) for one in documents]
    made = Converted({}, books)
    _head(made, books[0], extends, taken)
    for book in books:
        _packages(made, book, with_r)
        _machines(made, book)
        _data(made, book)
        _idle(made, book)
        _rest(made, book)
        book.close()
    _finish(made)
    return made


# ---- name, title, purpose ------------------------------------------------------------------------------------------------


def _head(made: Converted, book: Ledger, extends: str, taken: Sequence[str]) -> None:
    values = book.document.values if isinstance(book.document.values, dict) else {}
    said = values.get("name")
    said = said if isinstance(said, str) and said.strip() else ""
    name = _name(said) or "converted"
    if name in taken:
        made.notes.append(f"{name} is a pack that is shipped: this one is called my_{name}"[:200])
        name = f"my_{name}"[:64]
    title = " ".join(said.split())[:60].strip() or name.replace("_", " ").capitalize()
    made.pack |= {"name": name, "title": title, "purpose": "", "extends": extends}
    if said:
        cut = "" if title == " ".join(said.split()) else "cut at 60 letters"
        book.carry(("name",), "title", cut)
    made.pack["purpose"] = _purpose(book, values, title)


def _name(text: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return re.sub(r"^[^a-z]+", "", word)[:60]


def _purpose(book: Ledger, values: dict[str, Any], title: str) -> str:
    """Two lines, as ours have them."""
    lines = []
    for key, start in (("description", ""), ("target_users", "For ")):
        said = values.get(key)
        if isinstance(said, str) and said.strip():
            lines.append(start + " ".join(said.split()))
            book.carry((key,), "purpose")
    lines += [f"{title}.", "Converted from an older pack."][len(lines) :]
    return "\n".join(lines) + "\n"


# ---- packages ------------------------------------------------------------------------------------------------------------


def _packages(made: Converted, book: Ledger, with_r: bool) -> None:
    for steps, value in list(book.values.items()):
        if isinstance(value, str) and _holds_packages(steps):
            _package(made, book, steps, value, with_r)


def _holds_packages(steps: STEPS) -> bool:
    """spack_packages.GROUP[0], software.….packages[0], spack_config.packages[0], spack.specs[0]."""
    words = [step for step in steps if isinstance(step, str)]
    if not words or not isinstance(steps[-1], int):
        return False
    inside = words[0] == "spack_packages" or words[:2] == ["spack", "specs"] or words[:2] == ["spack_config", "packages"]
    return inside or (words[0] == "software" and not any(word in ("compilers", "modules", "containers") for word in words))


def _package(made: Converted, book: Ledger, steps: STEPS, text: str, with_r: bool) -> None:
    spec = spack.parse(text)
    home = spack.home(spec.name) if spec else None
    if spec is None:
        book.leave(steps, "it is no spec of Spack's")
    elif home is None:
        book.leave(steps, f"nobody here knows what {spec.name} is called in PyPI or Debian")
    elif home.kind == "none":
        book.leave(steps, home.name)
    elif home.kind == "r" and not with_r:
        book.leave(steps, f"a team's own pack brings Python kernels only; in Debian it is {home.name}")
    else:
        _take(made, book, steps, spec, home)


def _take(made: Converted, book: Ledger, steps: STEPS, spec: spack.Spec, home: spack.Home) -> None:
    but = [f"not how Spack builds it ({spec.rest})"] if spec.rest else []
    if home.kind == "python":
        wanted = home.name + spack.bound(spec)
        if home.name.lower() in BRINGS:
            but.append("base brings it, at a version of its own" if spec.version else "")
            wanted = home.name
        elif spec.version:
            but.append("at least this version" if spack.bound(spec) else f"not the version {spec.version}")
        way = _add(made, "python", "packages", wanted, home.name)
    else:
        kernel, part = ("r", "packages") if home.kind == "r" else ("python", "system")
        way = _add(made, kernel, part, home.name, home.name)
        but += [f"not the version {spec.version}: Debian has its own"] if spec.version else []
    if not home.known and home.name not in BRINGS:
        but.append("a name by Spack's rule, not looked up")
    book.carry(steps, way, "; ".join(one for one in but if one))


def _add(made: Converted, kernel: str, part: str, word: str, name: str) -> str:
    """Once each; a second time is carried by the first."""
    listed: list[str] = made.pack.setdefault("kernels", {}).setdefault(kernel, {}).setdefault(part, [])
    for number, one in enumerate(listed):
        if re.split(r"[<>=!~]", one)[0].lower() == name.lower():
            return f"kernels.{kernel}.{part}[{number}]"
    listed.append(word)
    return f"kernels.{kernel}.{part}[{len(listed) - 1}]"


# ---- machines, data, idle --------------------------------------------------------------------------------------------------


def _machines(made: Converted, book: Ledger) -> None:
    values = book.document.values if isinstance(book.document.values, dict) else {}
    for top in ("aws_instance_recommendations", "aws_config", "infrastructure", "instances"):
        for one in machines.wanted(values.get(top), (top,)):
            if why := machines.unfit(one.name):
                book.leave(one.steps, why)
                continue
            group, size = machines.place(one.role, one.name)
            types = made.pack.setdefault("instances", {}).setdefault(group, {}).setdefault(size, [])
            if one.name not in types:
                types.append(one.name)
            if "instance_type" not in made.wish or any(word in one.role.lower() for word in USUAL):
                made.wish["instance_type"] = one.name
            book.carry(one.steps, f"instances.{group}.{size}")


def _data(made: Converted, book: Ledger) -> None:
    for steps, value in list(book.values.items()):
        words = [step for step in steps if isinstance(step, str)]
        listed = words[:1] == ["aws_data_sources"] or words[:2] == ["aws_integration", "datasets_available"]
        if listed and isinstance(value, str):
            _set(made, book, [steps], data.meant(value), value)
    part: Any = book.document.values
    for step in ("data", "aws_open_data"):
        part = part.get(step) if isinstance(part, dict) else None
    for number, one in enumerate(part if isinstance(part, list) else ()):
        if isinstance(one, dict) and isinstance(one.get("bucket"), str):
            at = ("data", "aws_open_data", number)
            spoken = [(*at, key) for key in ("bucket", "name") if isinstance(one.get(key), str)]
            _set(made, book, spoken, data.meant("", one["bucket"]), one["bucket"])


def _set(made: Converted, book: Ledger, spoken: Sequence[STEPS], found: Any, text: str) -> None:
    if found is None:
        for steps in spoken:
            book.leave(steps, f"the registry of open data knows no '{text[:60]}'")
        return
    known: Registered = found[0]
    if known.deprecated:
        for steps in spoken:
            book.leave(steps, f"the registry calls {known.name} deprecated")
        return
    sets = made.pack.setdefault("datasets", [])
    entry = data.entry(*found)
    if entry["name"] not in [one["name"] for one in sets]:
        sets.append(entry)
    number = [one["name"] for one in sets].index(entry["name"])
    for steps in spoken:
        book.carry(steps, f"datasets[{number}]", "the registry's words in place of its own")


def _idle(made: Converted, book: Ledger) -> None:
    for steps, value in book.values.items():
        if steps and steps[-1] in IDLE and isinstance(value, int) and not isinstance(value, bool):
            if 5 <= value <= 7 * 24 * 60 and "idle" not in made.pack:
                made.pack["idle"] = {"auto_shutdown": value}
                book.carry(steps, "idle.auto_shutdown")
            else:
                book.leave(steps, "idle minutes are a number from 5 to 10080, said once")


# ---- everything else -----------------------------------------------------------------------------------------------------


def _rest(made: Converted, book: Ledger) -> None:
    """The reasons that are better than none."""
    for steps, value in book.values.items():
        if steps in book.carried or steps in book.left:
            continue
        words = [str(step) for step in steps if isinstance(step, str)]
        key = words[-1] if words else ""
        if key == "cost_per_hour":
            book.leave(steps, _price(book, steps, value))
        elif any(MONEY.search(word) for word in words):
            book.leave(steps, COSTS)
        elif key in machines.KNOWN_ANYWAY:
            book.leave(steps, "it follows from the instance type")
        elif any(STORAGE.search(word) for word in words):
            _storage(made, value, key)
            book.leave(steps, "a lab's storage is asked for when it is made: --shared-storage")
        else:
            why = next((NO_HOME[word] for word in words if word in NO_HOME), "")
            book.leave(steps, why or _near(key))


def _price(book: Ledger, steps: STEPS, value: object) -> str:
    """Beside what the table says, where the type is known."""
    name = book.values.get((*steps[:-1], "instance_type"))
    price = limits.hourly_price(name, machines.REGION) if isinstance(name, str) else None
    if price is None:
        return COSTS
    said = (
        "as the price table says too"
        if str(value) == str(price.amount)
        else f"the price table of {price.as_of} says {price.amount}"
    )
    return f"{COSTS}; {said}"


def _storage(made: Converted, value: object, key: str) -> None:
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and key.endswith(("gb", "size", "storage"))
        and 1 <= value <= 100_000
    ):
        made.wish["shared_storage"] = f"{max(value, int(str(made.wish.get('shared_storage', '0GB'))[:-2]))}GB"


def _near(key: str) -> str:
    near = near_miss(key, (*NO_HOME, "kernels", "packages", "datasets", "instances"))
    return f"a pack of ours has no place for it{f' ({near})' if near else ''}"


def _finish(made: Converted) -> None:
    """Kernels get their names and versions, single machines their siblings; parts in the order people read them."""
    title = made.pack["title"]
    kernels = made.pack.get("kernels", {})
    if "python" in kernels:
        kernels["python"] = {"display_name": f"{title} (Python {PYTHON})", "version": PYTHON, **kernels["python"]}
    if "r" in kernels:
        packages = ["r-cran-irkernel", *kernels["r"]["packages"]]
        head = {"display_name": f"{title} (R {R})", "version": R, "on_request": True}
        kernels["r"] = head | {"packages": packages}
        for book in made.books:
            book.carried = {steps: one._replace(way=_shifted(one.way)) for steps, one in book.carried.items()}
    for sizes in made.pack.get("instances", {}).values():
        for size, types in sizes.items():
            sizes[size] = machines.with_siblings(types)
            if added := sizes[size][len(types) :]:
                made.notes.append(f"beside {types[0]} stand {', '.join(added)}, for when AWS has no capacity")
    order = ("name", "title", "purpose", "extends", "kernels", "datasets", "instances", "idle")
    made.pack = {key: made.pack[key] for key in order if key in made.pack}


def _shifted(way: str) -> str:
    """R's packages stand one further down: its kernel comes first."""
    found = re.fullmatch(r"kernels\.r\.packages\[(\d+)\]", way)
    return f"kernels.r.packages[{int(found[1]) + 1}]" if found else way
