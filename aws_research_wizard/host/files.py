"""How is something written so that a crash leaves either the old or the new, and a secret is never readable by others?

And how is a whole tree of files that nobody writes into given to one more machine without copying it?
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

PRIVATE, PUBLIC = 0o600, 0o644


def write(path: Path, text: str, mode: int = PUBLIC) -> None:
    """Replace `path` by `text` at once; the file never exists with wider rights than `mode`.

    What says the same already is let be: that needs no room on a full disk. A write that fails leaves nothing behind.
    """
    if _says(path, text, mode):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _says(path: Path, text: str, mode: int) -> bool:
    try:
        return path.stat().st_mode & 0o7777 == mode and not path.is_symlink() and path.read_text() == text
    except (OSError, ValueError):
        return False


def link_tree(source: Path, target: Path) -> None:
    """Make `target` a tree of its own folders and of hard links to the files of `source`."""
    _link_folder(os.fspath(source), os.fspath(target))


def _link_folder(source: str, target: str) -> None:
    os.mkdir(target)  # noqa: PTH102 (tens of thousands of files: text is several times quicker than paths)
    with os.scandir(source) as found:
        for one in found:
            beside = f"{target}/{one.name}"
            if one.is_dir(follow_symlinks=False):
                _link_folder(one.path, beside)
            elif one.is_symlink():
                os.symlink(os.readlink(one.path), beside)  # noqa: PTH115, PTH211
            else:
                os.link(one.path, beside)
    mode = os.stat(source).st_mode & 0o7777  # noqa: PTH116
    os.chmod(target, mode)  # noqa: PTH101


def write_json(path: Path, value: Any, mode: int = PRIVATE) -> None:
    """Replace `path` by `value` as JSON (private unless told otherwise)."""
    write(path, json.dumps(value, indent=1, sort_keys=True), mode)


def read_json(path: Path) -> Any:
    """Return the JSON value of `path`, or None where there is none or it is torn."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
