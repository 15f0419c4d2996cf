"""Can a lab's machine make these kernels? Names, versions, packages, and a lock that answers to them."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from aws_research_wizard.packs import locks
from aws_research_wizard.packs.findings import Finding, Place, finding
from aws_research_wizard.packs.production import kernels, packs, reading
from aws_research_wizard.packs.subject import Subject

VERSIONS = {
    "python": tuple(f"3.{minor}" for minor in range(9, 15)),
    "r": tuple(f"4.{minor}" for minor in range(7)),
    "julia": ("1.6", "1.9", "1.10", "1.11", "1.12"),
}
SPEAKS = {packs.Language.PYTHON: "ipykernel", packs.Language.R: "r-cran-irkernel", packs.Language.JULIA: "IJulia"}
MOST_PACKAGES = 300
OLD_DAYS = 183
SECRET = re.compile(r"(SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIAL)")
ADDRESS = re.compile(r"(^|\s|@)\s*(git\+|hg\+|https?:|file:|ssh:|\.{0,2}/|-e\s|--)")


def findings(subject: Subject) -> Iterator[Finding]:
    """First what the file says, then whether the locks answer to it."""
    for key, own in subject.mapping("kernels").items():
        if isinstance(own, dict):
            yield from _said(subject, key)
    if subject.pack:
        mine = [one for one in subject.pack.kernels if one.pack == subject.name]
        for kernel in mine:
            yield from _named(subject, kernel)
            yield from _locked(subject, kernel)
        yield from _strays(subject, {PurePosixPath(kernels.lock_path(one)).name for one in mine})


def _said(subject: Subject, key: str) -> Iterator[Finding]:
    at, language = subject.document.at, _language(subject, key)
    version = subject.part("kernels", key, "version")
    known = VERSIONS.get(language, ())
    if isinstance(version, str) and re.fullmatch(r"[0-9]+(\.[0-9]+)*", version) and known and not _among(version, known):
        said = f"{language.capitalize()} {version} is not one that labs have"
        yield finding("P204", at("kernels", key, "version"), said, f"one of: {', '.join(known)}")
    for part in ("packages", "widgets"):
        yield from _packages(subject, key, part, language)
    for name in subject.mapping("kernels", key, "env"):
        if SECRET.search(name.upper()):
            yield finding("P208", at("kernels", key, "env", name), f"{name} looks like a secret")


def _among(version: str, known: tuple[str, ...]) -> bool:
    return any(version == one or version.startswith(f"{one}.") for one in known)


def _language(subject: Subject, key: str) -> str:
    """As far as the file tells: the key is the language unless it says otherwise, here or in a pack below."""
    if subject.pack:
        found = next((one.language.value for one in subject.pack.kernels if one.key == key), "")
        if found:
            return found
    said = subject.part("kernels", key, "language")
    return said if isinstance(said, str) else key


def _packages(subject: Subject, key: str, part: str, language: str) -> Iterator[Finding]:
    at, seen = subject.document.at, dict[str, str]()
    words = list(subject.words("kernels", key, part))
    if len(words) > MOST_PACKAGES:
        yield finding("P206", at("kernels", key, part), f"kernels.{key}.{part} names {len(words):,} packages")
        return
    for steps, word in words:
        name = reading.distribution(word.strip())
        if name in seen:
            yield finding("P203", at(*steps), f"'{word}' stands here already as '{seen[name]}'")
        seen[name] = word
        if language == "python" and (wrong := _requirement(word, at(*steps))):
            yield wrong


def _requirement(word: str, place: Place) -> Finding | None:
    from packaging.requirements import InvalidRequirement, Requirement

    if ADDRESS.search(word):
        return finding("P205", place, f"'{word[:80]}' names an address or an option")
    try:
        requirement = Requirement(word)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0] if str(error) else ""
        return finding("P202", place, f"'{word[:80]}' is no requirement: {why}")
    return finding("P205", place, f"'{word[:80]}' names an address") if requirement.url else None


def _named(subject: Subject, kernel: packs.Kernel) -> Iterator[Finding]:
    at = subject.document.at
    if kernel.version not in kernel.display_name:
        said = f"'{kernel.display_name}' does not tell the version {kernel.version}"
        yield finding("P209", at("kernels", kernel.key, "display_name"), said)
    brought = {reading.distribution(one) for one in kernel.packages}
    if (speaks := SPEAKS[kernel.language]).lower() not in brought:
        yield finding("P216", at("kernels", kernel.key, "packages"), f"{kernel.name} comes without {speaks}")


def _locked(subject: Subject, kernel: packs.Kernel) -> Iterator[Finding]:
    """What is wrong with the lock, said where the pack names the kernel."""
    place, again = subject.document.at("kernels", kernel.key), f"packs lock {_typed(subject)}"
    name = PurePosixPath(kernels.lock_path(kernel)).name
    file = subject.folder / "locks" / name
    if not file.is_file():
        yield finding("P210", place, f"{kernel.name} has no lock (locks/{name})", again)
        return
    try:
        text = file.read_text("utf-8")
        lock = locks.parse(text)
    except (OSError, ValueError) as error:
        said = "it is not text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        yield finding("P214", Place(str(file)), f"locks/{name}: {said}", f"remove the file, then: {again}")
        return
    for said in locks.findings(kernel, text):
        yield finding(_code(said), place, f"locks/{name}: {said}", again)
    if not lock.solved:
        yield finding("P218", place, f"{kernel.name} is locked when its image is first baked")
    if (old := (subject.today - lock.day).days) > OLD_DAYS:
        yield finding("P217", place, f"{kernel.name} was solved {old} days ago", f"{again} --upgrade")


def _code(said: str) -> str:
    if said.endswith("without a hash"):
        return "P212"
    return "P211" if "than the lock was solved for" in said else "P213"


def _typed(subject: Subject) -> str:
    return subject.name if subject.folder.parent.name == "domain_packs" else str(subject.folder)


def _strays(subject: Subject, used: set[str]) -> Iterator[Finding]:
    folder = subject.folder / "locks"
    try:
        there = sorted(one.name for one in folder.iterdir() if one.is_file() and not one.name.startswith("."))
    except OSError:
        return
    for name in there:
        if name not in used:
            yield finding("P215", Place(str(folder / name)), f"locks/{name} belongs to no kernel of this pack")
