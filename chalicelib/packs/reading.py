"""Is this a pack, and what is left when it and all it extends are laid over each other?

Pure: mappings in, values out. Every complaint is `PackBroken` and names the pack, the path within it and the remedy, so
that an author never has to guess. `domain_packs/_schema.json` says the same to editors; a test holds the two together.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from chalicelib.packs.rules import (
    Access,
    Dataset,
    Example,
    Idle,
    Instances,
    Job,
    Kernel,
    Language,
    Pack,
    Resources,
    TeamSize,
    Thresholds,
)
from chalicelib.runtime.errors import PackBroken, near_miss

Raw = Mapping[str, Any]
Word = TypeVar("Word", bound=StrEnum)
OWN = ("name", "title", "purpose", "extends", "examples")
ADDING = ("packages", "system", "widgets")
PLAIN_WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
NOTEBOOK = re.compile(r"[a-z0-9][a-z0-9_-]*\.ipynb")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
VERSION = re.compile(r"[0-9]+(\.[0-9]+)*")
PREFIX = re.compile(r"([^/].*/)?")
DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Reader:
    """One mapping of a pack file, read key by key; what was not asked for is an unknown key."""

    def __init__(self, pack: str, values: object, path: str = "") -> None:
        self.pack, self.path = pack, path
        if not isinstance(values, Mapping):
            raise PackBroken(f"pack {pack}: {path or 'the file'} must be a mapping")
        odd = next((key for key in values if not isinstance(key, str)), "")
        if odd != "":
            raise PackBroken(f"pack {pack}: {path}{odd} is no name", f'put it in quotes: "{odd}"')
        self.values: Raw = values
        self.known: list[str] = []

    def wrong(self, key: str, what: str, hint: str = "") -> PackBroken:
        return PackBroken(f"pack {self.pack}: {self.path}{key} {what}", hint)

    def get(self, key: str, default: object = None) -> Any:
        self.known.append(key)
        value = self.values.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing")
        return value

    def text(self, key: str, default: str | None = None) -> str:
        value = self.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "must be text", f'put it in quotes: "{value}"')
        return value.strip()

    def word(self, key: str, pattern: re.Pattern[str] = PLAIN_WORD, default: str | None = None) -> str:
        value = self.text(key, default)
        if not pattern.fullmatch(value):
            hint = (
                "use small letters, digits, '_', '-' and '.' only"
                if pattern is PLAIN_WORD
                else f"it must match {pattern.pattern}"
            )
            raise self.wrong(key, f"is '{value[:64]}'", hint)
        return value

    def one_of(self, key: str, words: type[Word], default: str | None = None) -> Word:
        value, known = self.text(key, default), [word.value for word in words]
        if value not in known:
            raise self.wrong(key, f"is '{value}'", near_miss(value, known) or f"one of: {', '.join(known)}")
        return words(value)

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(key, f"must be a number from {low:g} to {high:g}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.get(key, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            raise self.wrong(key, "must be a list of words")
        return tuple(one.strip() for one in value)

    def part(self, key: str, default: object = None) -> "Reader":
        return Reader(self.pack, self.get(key, default), f"{self.path}{key}.")

    def parts(self, key: str) -> Iterator["Reader"]:
        value = self.get(key, [])
        if not isinstance(value, list):
            raise self.wrong(key, "must be a list")
        for number, one in enumerate(value):
            yield Reader(self.pack, one, f"{self.path}{key}[{number}].")

    def done(self) -> None:
        for key in self.values:
            if key not in self.known:
                raise self.wrong(str(key), "is not known here", near_miss(str(key), self.known))


def distribution(requirement: str) -> str:
    """The package a requirement is about, normalised: `Scikit_Learn>=1.5` and `scikit-learn` are one."""
    found = DISTRIBUTION.match(requirement)
    return re.sub(r"[-_.]+", "-", found.group()).lower() if found else requirement


def overlay(below: Raw, above: Raw) -> dict[str, Any]:
    """`above` over `below`: mappings key by key, packages and tools added together, any other value replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = below.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[key] = overlay(old, value)
        elif key in ADDING and isinstance(old, list) and isinstance(value, list):
            merged[key] = _added(old, value)
        elif key == "datasets" and isinstance(old, list) and isinstance(value, list):
            merged[key] = [*old, *value]
        else:
            merged[key] = value
    return merged


def _added(old: list[Any], new: list[Any]) -> list[Any]:
    """Both lists, where a package named again is taken as it was named last."""
    return list({distribution(str(one)): one for one in (*old, *new)}.values())


def origins(name: str, values: Raw, path: str = "") -> dict[str, str]:
    """Each value's path in one pack file → that pack. Laid over its parents' origins it says where a value came from."""
    found: dict[str, str] = {}
    for key, value in values.items():
        here = f"{path}{key}"
        if isinstance(value, Mapping):
            found |= origins(name, value, f"{here}.")
        elif key in ADDING and isinstance(value, list):
            found |= {f"{here}.{distribution(str(one))}": name for one in value}
        elif key == "datasets" and isinstance(value, list):
            found |= {f"{here}.{one.get('name')}": name for one in value if isinstance(one, Mapping)}
        else:
            found[here] = name
    return found


def resolve(line: Sequence[tuple[str, Raw]]) -> Pack:
    """`line` runs from the oldest ancestor to the pack itself: (name, what its own file says)."""
    values: dict[str, Any] = {}
    why: dict[str, str] = {}
    homes: dict[str, str] = {}
    for name, own in line:
        values = overlay({key: value for key, value in values.items() if key not in OWN}, own)
        why = {key: pack for key, pack in why.items() if key.split(".")[0] not in OWN} | origins(name, own)
        own_kernels = own.get("kernels")
        homes |= dict.fromkeys(own_kernels, name) if isinstance(own_kernels, Mapping) else {}
    return _pack(line[-1][0], tuple(name for name, _ in line), values, homes, why)


def _pack(name: str, lineage: tuple[str, ...], values: Raw, homes: Mapping[str, str], why: Mapping[str, str]) -> Pack:
    read = Reader(name, values)
    if read.word("name") != name:
        raise read.wrong("name", f"is '{values['name']}' in the folder '{name}'", "the folder and the name must be one")
    read.known.append("extends")
    kernels = read.part("kernels")
    pack = Pack(
        name=name,
        title=read.text("title"),
        purpose=read.text("purpose"),
        lineage=lineage,
        kernels=tuple(_kernel(key, homes[key], kernels.part(key)) for key in kernels.values),
        examples=tuple(_example(one, kernels.values) for one in read.parts("examples")),
        datasets=tuple(_dataset(one) for one in read.parts("datasets")),
        instances=_instances(read.part("instances")),
        idle=_idle(read.part("idle")),
        cost_tracking=read.flag("cost_tracking", default=True),
        why=why,
    )
    read.done()
    return pack


def _kernel(key: str, pack: str, read: Reader) -> Kernel:
    if not PLAIN_WORD.fullmatch(key):
        raise read.wrong("", f"'{key}' is no kernel name", "use small letters, digits, '_', '-' and '.' only")
    kernel = Kernel(
        key=key,
        pack=pack,
        display_name=read.text("display_name"),
        language=read.one_of("language", Language, default=key),
        version=read.word("version", VERSION),
        packages=read.texts("packages"),
        system=read.texts("system"),
        widgets=read.texts("widgets"),
        env={name: read.part("env").text(name) for name in read.part("env", {}).values},
        resources=_resources(read.part("resources", {})),
        on_request=read.flag("on_request", default=False),
    )
    read.done()
    return kernel


def _resources(read: Reader) -> Resources:
    resources = Resources(
        cpus=int(read.number("cpus", 1, 448, default=1)),
        memory_gb=int(read.number("memory_gb", 1, 24576, default=2)),
        gpus=int(read.number("gpus", 0, 16, default=0)),
    )
    read.done()
    return resources


def _example(read: Reader, kernels: Raw) -> Example:
    example = Example(
        file=read.word("file", NOTEBOOK),
        title=read.text("title"),
        kernel=read.text("kernel"),
        expect=read.text("expect"),
    )
    if example.kernel not in kernels:
        raise read.wrong("kernel", f"is '{example.kernel}'", near_miss(example.kernel, list(kernels)))
    read.done()
    return example


def _dataset(read: Reader) -> Dataset:
    dataset = Dataset(
        name=read.word("name"),
        registry=read.text("registry"),
        title=read.text("title"),
        bucket=read.word("bucket", BUCKET),
        prefix=read.word("prefix", PREFIX, default=""),
        region=read.word("region", REGION),
        access=read.one_of("access", Access),
        licence=read.text("licence"),
    )
    read.done()
    return dataset


def _instances(read: Reader) -> Instances:
    team, job = read.part("team"), read.part("job", {})
    found = Instances(
        team={size: _types(team, size) for size in TeamSize},
        job={one: _types(job, one) for one in Job if one in job.values},
    )
    for part in (team, job, read):
        part.done()
    return found


def _types(read: Reader, key: str) -> tuple[str, ...]:
    types = read.texts(key)
    if not types:
        raise read.wrong(key, "names no instance type")
    return types


def _idle(read: Reader) -> Idle:
    limits = read.part("thresholds")
    idle = Idle(
        auto_shutdown=int(read.number("auto_shutdown", 5, 7 * 24 * 60)),
        thresholds=Thresholds(
            cpu_percent=limits.number("cpu_percent", 0, 100),
            gpu_percent=limits.number("gpu_percent", 0, 100),
            network_kb_per_second=limits.number("network_kb_per_second", 0, 1_000_000),
        ),
        max_busy=read.number("max_busy", 1, 30 * 24, 24),
        hours_a_day=read.number("hours_a_day", 0, 24, 0),
    )
    limits.done()
    read.done()
    return idle
