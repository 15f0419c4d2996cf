"""What is wrong with a pack in an older format, beyond being in one? Found by converting it: whatever stays behind is told."""

from collections.abc import Iterator
from pathlib import Path

from aws_research_wizard.packs import documents, shelf
from aws_research_wizard.packs.documents import Document
from aws_research_wizard.packs.findings import Finding, finding
from aws_research_wizard.packs.older import shapes
from aws_research_wizard.packs.older.converting import Converted, convert
from aws_research_wizard.packs.older.ledger import Left

#: how a reason begins or what it holds → the code it is told under
CODES = (
    ("nobody here knows", "P702"),
    ("EC2 has no", "P301"),
    ("is an Arm machine", "P303"),
    ("has no known price", "P302"),
    ("of open data knows no", "P704"),
    ("deprecated", "P402"),
    ("the price table of", "P703"),
)


def read(file: Path, document: Document) -> tuple[list[Document], list[Finding]]:
    """The file with the spack.yaml that may stand beside it, and what is wrong with that one."""
    beside = file.with_name("spack.yaml")
    if file.name != shelf.OLDER or not beside.is_file():
        return [document], []
    other, found = documents.read(beside, documents.OLDER_BYTES)
    return [document, *([other] if other else [])], found


def findings(file: Path, document: Document) -> list[Finding]:
    """Everything that is told of an older pack."""
    shape = shapes.of(document.values)
    if shape is None:
        return []
    read_, found = read(file, document)
    said = f"this is an older format ({shape.value}); labs cannot be made from it"
    found.append(finding("P700", document.at(), said, f"packs convert {file}"))
    for key in ("name", "description"):
        if not isinstance(document.values.get(key), str):
            found.append(finding("P705", document.at(key), f"{key} is missing, which its own format asks for"))
    return [*found, *_left(convert(read_, "base", ()))]


def _left(made: Converted) -> Iterator[Finding]:
    for book in made.books:
        for left in book.left.values():
            yield finding(code(left), left.place, f"{left.text} — {left.why}")


def code(left: Left) -> str:
    """The finding that a reason is."""
    return next((code for part, code in CODES if part in left.why), "P701")
