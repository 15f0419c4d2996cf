"""What can be wrong with a pack, how bad is it, and what does one do about it?

Every finding has a code of this table, a place, what was seen there, and a remedy. `docs/reference/pack-findings.md` is
made from the table, so a code cannot exist without its explanation.
"""

from enum import StrEnum
from typing import Any, NamedTuple


class Severity(StrEnum):
    """An error keeps a pack from working; a warning lets it work otherwise than one thinks; a note is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Code(NamedTuple):
    severity: Severity
    means: str
    remedy: str


class Place(NamedTuple):
    """Where, counted from 1 as editors do."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Finding(NamedTuple):
    """`said`: what is wrong, in one line. `remedy`: what to do, never empty."""

    code: str
    place: Place
    said: str
    remedy: str

    @property
    def severity(self) -> Severity:
        return CODES[self.code].severity

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "message": self.said,
            "remedy": self.remedy,
        }


LONGEST = 300


def finding(code: str, place: Place, said: str, remedy: str = "") -> Finding:
    """One line of what was seen; without a remedy of its own, the one of its code."""
    return Finding(code, place, shortened(said), shortened(remedy or CODES[code].remedy))


def shortened(text: str, most: int = LONGEST) -> str:
    """In one line, of letters a terminal can show."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def worst(found: "list[Finding] | tuple[Finding, ...]") -> dict[Severity, int]:
    """How many of each severity."""
    return {severity: sum(one.severity is severity for one in found) for severity in Severity}


E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE
CODES: dict[str, Code] = {
    # ---- the file
    "P001": Code(E, "The file cannot be read", "name a pack's folder, its pack.yaml, or a folder of packs"),
    "P002": Code(E, "The file is empty", "begin with name, title, purpose and `extends: base`"),
    "P003": Code(E, "The file is not text in UTF-8", "save it as UTF-8"),
    "P004": Code(E, "The file is not plain YAML", "mend the line; indent with spaces, and put text with ': ' or '#' in quotes"),
    "P005": Code(E, "The file is too large or too deep for a pack", "a pack is a page or two: leave out what is not part of one"),
    "P006": Code(
        E, "Anchors and aliases (&, *) are not used in packs", "write the value out, or put it into a pack that others extend"
    ),
    "P007": Code(E, "A key stands twice in one mapping, and the last one would win in silence", "keep one of them"),
    "P008": Code(E, "The file holds no pack", "a pack is one mapping: `name: …`, `title: …`, one a line"),
    "P009": Code(E, "A YAML tag (!!…) asks for something other than plain values", "leave the tag away"),
    # ---- its shape
    "P101": Code(E, "Something that every pack says is missing", "add it; docs/reference/packs.md tells what it means"),
    "P102": Code(E, "A key that packs do not know", "leave it out; docs/reference/packs.md lists what a pack says"),
    "P103": Code(E, "A value of another kind than is needed here", "see docs/reference/packs.md for what stands here"),
    "P104": Code(E, "A value that is not allowed here", "see docs/reference/packs.md for what stands here"),
    "P105": Code(E, "A list with nothing in it, or with something twice", "each once, and at least one"),
    "P106": Code(E, "The pack's name is not the name of its folder", "give both the same name: small letters, digits and '_'"),
    "P107": Code(
        E,
        "The pack cannot be put together with what it extends",
        "mend what is named; `packs show NAME --resolved` shows the rest",
    ),
    "P110": Code(E, "A pack extends itself", "name the pack below it, or leave `extends` out"),
    "P111": Code(E, "Packs extend each other in a circle", "one of them must not extend the other"),
    "P112": Code(
        E, "The pack that this one extends does not exist", "`packs lint` looks beside the pack and among the shipped ones"
    ),
    "P113": Code(E, "The pack that this one extends is broken itself", "lint and mend that one first"),
    # ---- kernels and locks
    "P201": Code(
        E,
        "A kernel's name that cannot name a folder and a kernel",
        "small letters, digits, '_', '-' and '.', beginning with one of the first two: python, r, python-gpu",
    ),
    "P202": Code(
        E, "A package that is written as no package manager reads it", "write a name and, where needed, a version: pandas>=2.2"
    ),
    "P203": Code(W, "A package stands twice", "keep the one you mean: the last one counts"),
    "P204": Code(E, "A version of the language that does not exist, or that labs do not have", "take one that labs have"),
    "P205": Code(
        E,
        "A package from an address or a path: no lock can pin it and no mirror has it",
        "publish it, or install it in a notebook",
    ),
    "P206": Code(
        E, "More packages than belong in one environment", "name what people import; what those need is found by the lock"
    ),
    "P207": Code(E, "A name that Debian's packages do not bear", "the package's name as `apt-cache search` prints it"),
    "P208": Code(E, "An environment variable that looks like a secret", "packs are public: give people roles, not keys"),
    "P209": Code(
        W, "The kernel's display name does not tell its version", "people choose by it: Genomics Research (Python 3.11)"
    ),
    "P210": Code(E, "A kernel without a lock", "packs lock"),
    "P211": Code(E, "The lock was solved for something else than the pack asks for", "packs lock"),
    "P212": Code(E, "The lock pins a package without a hash", "packs lock"),
    "P213": Code(E, "The lock does not hold what the pack asks for", "packs lock"),
    "P214": Code(E, "The lock cannot be read", "remove the file, then: packs lock"),
    "P215": Code(W, "A lock that no kernel uses", "remove the file, or give the kernel back its name and version"),
    "P216": Code(E, "A kernel that cannot talk to Jupyter", "add ipykernel, r-cran-irkernel or IJulia to its packages"),
    "P217": Code(N, "A lock older than half a year", "packs outdated, then packs lock --upgrade"),
    "P218": Code(
        N,
        "A kernel whose lock is made when its image is first baked",
        "nothing to do here: this machine cannot solve that language",
    ),
    "P220": Code(E, "The packages cannot be had together", "loosen one of the versions that are named"),
    # ---- machines and money
    "P301": Code(E, "An instance type that EC2 does not have", "take one of `packs show base`"),
    "P302": Code(
        E,
        "An instance type whose price is not known, so that no budget could hold it",
        "take one with a price, or add it to chalicelib/limits/prices.json",
    ),
    "P303": Code(
        E, "An instance type of another architecture than the kernels' locks", "take its x86-64 sibling: r6i instead of r6g"
    ),
    "P304": Code(E, "A machine for GPU jobs that has no GPU", "take one of g5, g4dn, p3, p4d"),
    "P305": Code(
        W, "One type only: nothing to fall back on when AWS has no capacity", "name a second and a third of the same size"
    ),
    "P306": Code(
        W, "A price or a cost that is typed", "leave it out: costs are worked out from the price table, which carries its date"
    ),
    "P307": Code(
        W,
        "The first machine is smaller than what one kernel says it needs",
        "take a larger one, or lower the kernel's `resources`",
    ),
    "P308": Code(W, "A larger team gets a smaller machine", "order small, medium, large by size"),
    # ---- data
    "P401": Code(
        E,
        "A data set that the AWS Registry of Open Data does not know",
        "`registry` is the name in its address: registry.opendata.aws/NAME",
    ),
    "P402": Code(E, "A data set that the registry calls deprecated", "take the one that follows it"),
    "P403": Code(E, "The registry names other buckets for this data set", "take the bucket and prefix that the registry names"),
    "P404": Code(E, "The bucket is in another region than the pack says", "write the region that the registry names"),
    "P405": Code(
        E, "The registry says otherwise who may read the data", "write what the registry says: the lab's rights follow from it"
    ),
    "P406": Code(W, "The registry states another licence", "read the licence at its source and write what it is"),
    "P407": Code(
        N, "The data are in another region than the lab", "run the lab in the data's region, or copy once what is read often"
    ),
    "P408": Code(E, "Two data sets of one name", "name each after what it is"),
    "P409": Code(N, "Whoever reads these data pays for it", "read once and keep what you need"),
    # ---- notebooks
    "P501": Code(E, "A notebook that is promised and not there", "put it into notebooks/, or take it out of `examples`"),
    "P502": Code(E, "The file is not a notebook of format 4", "open it in Jupyter and save it again"),
    "P503": Code(E, "A cell that is not Python", "run the notebook from the top: the cell fails"),
    "P504": Code(
        E,
        "The notebook asks for another kernel than the pack promises",
        "choose the kernel in Jupyter and save, or change `kernel`",
    ),
    "P505": Code(
        E, "The last cell does not print the line that the pack promises", "let the last code cell print `expect`: check: …"
    ),
    "P506": Code(W, "The notebook was saved with outputs", "clear the outputs: they are somebody's old run"),
    "P507": Code(W, "A notebook that `examples` does not name reaches nobody", "name it in `examples`, or remove it"),
    "P508": Code(
        W, "Fewer than two notebooks to begin with", "add one that teaches something of the field on data it makes itself"
    ),
    "P509": Code(
        N,
        "A notebook in a kernel that a new lab does not get",
        "nothing, when the kernel is large: say in its title what it needs; else take `on_request` away",
    ),
    "P510": Code(E, "The notebook failed when it was run", "run it in a lab of this pack and mend the cell"),
    "P511": Code(
        E, "The notebook printed another line than the pack promises", "write what it prints into `expect`, when that is right"
    ),
    "P512": Code(W, "The notebook could not be run here", "run it where the kernel can be installed: make packs"),
    "P513": Code(W, "The notebook took longer than a minute", "take less data: people wait for it"),
    "P514": Code(E, "The notebook left files behind", "write into a temporary folder"),
    # ---- older formats
    "P700": Code(E, "A pack in an older format", "packs convert FILE --into FOLDER"),
    "P701": Code(
        W,
        "Something of an older pack that has no place in ours",
        "packs convert reports it; write down elsewhere what you need of it",
    ),
    "P702": Code(
        W, "A Spack package whose name elsewhere is not known", "find its name in PyPI or Debian and add it to the converted pack"
    ),
    "P703": Code(
        W,
        "A typed price that is not the one of the price table",
        "leave it out: costs are worked out from the price table, which carries its date",
    ),
    "P704": Code(
        W, "A data source that the registry does not know", "find it at registry.opendata.aws, or mount your own bucket"
    ),
    "P705": Code(E, "The older file does not keep its own format", "mend it, or convert it and mend the result"),
}
