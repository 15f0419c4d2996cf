"""What does a list say, whatever program on whatever system wrote it?

PowerShell's `>` writes UTF-16, Notepad a mark at the beginning, Windows its own line ends, a terminal its colours. Never fails on
bytes: what is no text at all reads as odd lines, and odd lines are told one by one.
"""

import codecs
import re
from pathlib import Path

from aws_research_wizard.packs.environments.lines import ImportRefused

MOST_BYTES = 4 * 1024 * 1024
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def read(file: Path, what: str) -> str:
    """The text of a file; ImportRefused when there is none, or it is no list."""
    if not file.is_file():
        raise ImportRefused(f"there is no file {file}", f"make one: {what}")
    if file.stat().st_size > MOST_BYTES:
        raise ImportRefused(f"{file} has more than {MOST_BYTES // 1024 // 1024} MB", f"it should hold what this prints: {what}")
    text = decoded(file.read_bytes())
    if not text.strip():
        raise ImportRefused(f"{file} is empty", f"it should hold what this prints: {what}")
    return text


def decoded(content: bytes) -> str:
    """Any bytes as text, with plain line ends and without colours."""
    text = content.decode(*_encoding(content)).lstrip("\ufeff")
    return COLOURS.sub("", text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _encoding(content: bytes) -> tuple[str, str]:
    """The encoding, and what to do with bytes that are not of it."""
    for mark, name in MARKS:
        if content.startswith(mark):
            return name, "replace"
    head = content[:200]
    if head.count(0) * 3 > len(head):  # every other byte: UTF-16 whose mark was lost
        return "utf-16-be" if head[:1] == b"\0" else "utf-16-le", "replace"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252", "replace"
    return "utf-8", "strict"
