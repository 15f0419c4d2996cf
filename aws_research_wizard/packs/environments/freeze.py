"""What does a line of `pip freeze` (or of a requirements file) ask for, and can a lab be given the same?

Read by `packaging`, the parser that pip itself uses. A lab installs wheels of an index, each known by its hash; what comes from a
folder, a repository or an address of one's own cannot be had that way and stays behind. A package that conda built on its farm is
taken from the index instead; any other file stays behind even where the index knows its name: it may be a stranger's.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from aws_research_wizard.packs.environments.lines import Carried, Left

FARM = re.compile(r"/(croot|feedstock_root|conda-bld|perseverance-python-buildout|work/ci_py\w*|abs_\w+|mkl_\w+_\d+)(/|$)")
"""Folders of the machines that build conda's packages."""
OPTION = re.compile(r"--?[a-z][a-z-]*", re.IGNORECASE)
COMMENT = re.compile(r"(^|\s)#.*$")
CREDENTIALS = re.compile(r"//[^/@\s]+@")
OWN_FOLDER = "it is installed from a folder of yours: make a wheel of it and put it on an index, or copy it into the lab"
NO_FILE = "it came from a file of that machine, which a lab does not have; name a version that is on the index"
NO_VCS = "it comes from a repository, and a lab installs only wheels that are known by their hash: name a release of it"
NO_ADDRESS = "it comes from an address of its own, and a pack names no host: name a release that is on the index"
DEBIAN = "Debian's own mark, no package"
OPTIONS = {
    "-r": "another file is included: give that one, too",
    "-c": "another file is included: give that one, too",
    "-i": "a pack names no index: a lab installs from whichever it is given",
    "-f": "a pack names no index: a lab installs from whichever it is given",
}
LONG = {
    "--requirement": "-r", "--constraint": "-c", "--index-url": "-i", "--extra-index-url": "-i", "--no-index": "-i",
    "--find-links": "-f", "--trusted-host": "-f",
}  # fmt: skip


def read(number: int, text: str, target: Mapping[str, str]) -> Carried | Left | None:
    """One line for a lab that is like `target`; None when it says nothing."""
    line = COMMENT.sub("", text).strip()
    if not line:
        return None
    if line.startswith(("-", "/", "./", "../")) or line.startswith(("http:", "https:", "file:", "git+")):
        return Left(number, shown(line), _why_not(line))
    line = re.sub(r"\s+--hash[= ]\S+|\s*\\$", "", line)
    try:
        return _carried(number, line, Requirement(line), target)
    except (InvalidRequirement, RecursionError) as error:
        return Left(number, shown(line), f"it is no requirement: {str(error).splitlines()[0][:100]}")


def shown(line: str) -> str:
    """The line as it may be repeated: without the name and password that may stand in its address."""
    return CREDENTIALS.sub("//…@", " ".join(line.split()))[:120]


def _why_not(line: str) -> str:
    word = line.split()[0].partition("=")[0]
    short = LONG.get(word, word[:2])
    if word == "--editable" or (short == "-e" and not word.startswith("--")):
        return NO_VCS if "+" in line.partition("://")[0] else OWN_FOLDER
    if short in OPTIONS and (word in LONG or not word.startswith("--")):
        return OPTIONS[short]
    if word == "--hash":
        return "a hash that belongs to no line; new ones are worked out"
    if OPTION.match(line):
        return "an option of pip, which a pack has not"
    return NO_VCS if line.startswith("git+") else NO_ADDRESS if line.startswith("http") else NO_FILE


def _carried(number: int, line: str, asked: Requirement, target: Mapping[str, str]) -> Carried | Left:
    if asked.name.lower() == "pkg-resources":
        return Left(number, shown(line), DEBIAN)
    try:
        if asked.marker and not asked.marker.evaluate(dict(target)):
            return Left(number, shown(line), f"it is for other machines only ({asked.marker})")
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName) as error:
        return Left(number, shown(line), f"its condition cannot be read: {str(error).splitlines()[0][:80]}")
    asked.marker = None
    if asked.url:
        return _from_address(number, line, asked)
    return _plain(number, asked)


def _from_address(number: int, line: str, asked: Requirement) -> Carried | Left:
    address = urlsplit(asked.url or "")
    if address.scheme != "file":
        return Left(number, shown(line), NO_VCS if "+" in address.scheme else NO_ADDRESS)
    path = unquote(address.path)
    if not FARM.search(path):
        return Left(number, shown(line), NO_FILE)
    version = _version_in(path.rpartition("/")[2])
    asked.url = None
    if not version:
        return Carried(number, str(asked), "conda's line does not name its version: the newest that fits is taken", loose=True)
    return Carried(number, f"{asked}=={version}", "built by conda: the index's own build is taken", loose=True)


def _version_in(name: str) -> str:
    """The version that a wheel's or source archive's name carries, or nothing."""
    try:
        return str(parse_wheel_filename(name)[1])
    except (InvalidWheelFilename, InvalidVersion):
        pass
    try:
        return str(parse_sdist_filename(name)[1])
    except (InvalidSdistFilename, InvalidVersion):
        return ""


def _plain(number: int, asked: Requirement) -> Carried:
    """A requirement as an index can answer it: indexes know no local builds such as `2.3.0+cu121`."""
    if "+" not in str(asked.specifier):
        return Carried(number, str(asked))
    extras = f"[{','.join(sorted(asked.extras))}]" if asked.extras else ""
    parts = [_public(one.operator, one.version) for one in asked.specifier]
    return Carried(number, f"{asked.name}{extras}{','.join(sorted(parts))}", "its local build is not on the index: the plain one")


def _public(operator: str, version: str) -> str:
    try:
        return f"{operator}{Version(version).public}"
    except InvalidVersion:
        return f"{operator}{version.partition('+')[0]}"
