"""Which notebooks are there to begin from, by field, and how does one get a copy without losing anything of one's own?

They are the packs' examples: each runs offline in its pack's kernel, in under a minute. Keeps true: a file that is there is never
overwritten; a copy that would meet another one gets a name of its own, and that is said.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib.resources import files
from pathlib import Path

from aws_research_wizard.client.errors import WizardError
from aws_research_wizard.packs.environments import shipped
from aws_research_wizard.packs.production import near_miss

MOST_NAMES = 1000


@dataclass(frozen=True)
class Template:
    """One notebook: `kernel` is what Jupyter calls its kernel, `teaches` its first paragraph.

    `on_request` is the key of a kernel that a lab has only when it was asked for; blank for others.
    """

    pack: str
    field: str
    file: str
    title: str
    kernel: str
    on_request: str
    teaches: str

    def content(self) -> str:
        """The notebook, as it is shipped."""
        return (files("domain_packs") / self.pack / "notebooks" / self.file).read_text("utf-8")


class State(StrEnum):
    """What became of a copy."""

    COPIED = "copied"
    THERE = "there already"
    BESIDE = "copied beside another"


@dataclass(frozen=True)
class Copied:
    """A template and the name it has now."""

    template: Template
    name: str
    state: State


def templates(pack: str = "") -> list[Template]:
    """Those of one pack, or all, by field. WizardError for a pack that is not there."""
    names = shipped.names()
    if pack and pack not in names:
        raise WizardError(f"no pack '{pack[:64]}'", near_miss(pack, names) or "see them: aws-research-wizard packs list")
    return [one for name in ([pack] if pack else names) for one in _of(name)]


def _of(name: str) -> Iterator[Template]:
    own = shipped.said(name)
    if not own.get("examples"):
        return
    kernels = {kernel.key: kernel for kernel in shipped.resolved(name, own).kernels}
    for one in own["examples"]:
        kernel = kernels[one["kernel"]]
        asked = kernel.key if kernel.on_request else ""
        plain = Template(name, str(own["title"]), str(one["file"]), str(one["title"]), kernel.name, asked, "")
        yield replace(plain, teaches=_teaches(plain.content()))


def _teaches(text: str) -> str:
    """The first paragraph below the title."""
    first = json.loads(text)["cells"][0]["source"]
    said = first if isinstance(first, str) else "".join(first)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", said) if not part.lstrip().startswith("#")]
    return paragraphs[0] if paragraphs else ""


def copy_to(folder: Path, chosen: list[Template]) -> list[Copied]:
    """Copies in a folder of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    return [placed(one, lambda name: _read(folder / name), lambda name, text: _write(folder / name, text)) for one in chosen]


def placed(template: Template, read: Callable[[str], str | None], write: Callable[[str, str], bool]) -> Copied:
    """One copy under the first name that is free, or that holds this very notebook already.

    `read` gives what is there under a name, or None; `write` says whether the name was still free.
    """
    text = template.content()
    for number, name in enumerate(_names(template.file)):
        there = read(name)
        if there == text:
            return Copied(template, name, State.THERE)
        if there is None and write(name, text):
            return Copied(template, name, State.BESIDE if number else State.COPIED)
    raise WizardError(f"there are {MOST_NAMES} notebooks called {template.file} there", "name another folder")


def _names(file: str) -> Iterator[str]:
    """reads.ipynb, reads-2.ipynb, reads-3.ipynb …"""
    yield file
    stem = file.removesuffix(".ipynb")
    yield from (f"{stem}-{number}.ipynb" for number in range(2, MOST_NAMES))


def _read(path: Path) -> str | None:
    """What is there; something that is no text of ours is another's."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return "" if path.is_symlink() else None
    except (OSError, UnicodeDecodeError):
        return ""


def _write(path: Path, text: str) -> bool:
    """Put a whole file under a name that nobody has; False when somebody was quicker."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(beside).chmod(0o644)
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        Path(beside).unlink(missing_ok=True)
    return True
