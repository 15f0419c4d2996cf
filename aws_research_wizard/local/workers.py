"""How do twenty Lambda workers start quickly from one package? They share one unpacked copy.

The emulator unpacks the package anew for each worker, so that each compiles all of it again. Here the folder a worker is
given is a link to a copy kept by the package's hash, where Python also keeps what it compiled.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_lock = threading.Lock()
DIED = "Worker process died"  # as the emulator says it


def shared_copy(archive: Path, cache: Path) -> Path:
    """The unpacked copy of an archive, made on first use."""
    with archive.open("rb") as packed:
        digest = hashlib.file_digest(packed, "sha256").hexdigest()[:16]
    folder = cache / digest
    with _lock:
        if not folder.exists():
            draft = cache / f"{digest}.{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            with zipfile.ZipFile(archive) as packed_files:
                packed_files.extractall(draft)
            draft.rename(folder)
    return folder


def share_code(cache: Path) -> None:
    """Make the emulator's workers use shared copies; old copies of other packages are left for ``reset``."""
    from ministack.core import lambda_runtime

    cache.mkdir(parents=True, exist_ok=True)

    class Archive(zipfile.ZipFile):
        def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
            target, source = Path(str(path)), Path(str(self.filename))
            if target.name != "code" or any(target.iterdir()):
                super().extractall(path, members, pwd)
                return
            copy = shared_copy(source, cache)
            target.rmdir()
            target.symlink_to(copy, target_is_directory=True)
            source.unlink()

    lambda_runtime.zipfile = SimpleNamespace(
        ZipFile=Archive, BadZipFile=zipfile.BadZipFile, LargeFileError=getattr(zipfile, "LargeFileError", zipfile.LargeZipFile)
    )


def hash_code_once() -> None:
    """Remember the blob of a package already written: the periodic save would else hash every function's code each time."""
    from ministack.services import lambda_svc

    write = lambda_svc._write_code_blob
    known: dict[int, tuple[bytes, str]] = {}

    def remembered(code: bytes) -> Any:
        kept = known.get(id(code))
        if kept is None or kept[0] is not code:
            known[id(code)] = kept = (code, write(code))
        return kept[1]

    lambda_svc._write_code_blob = remembered


def name_errors() -> None:
    """Make a failed function say its error's class, and a killed one that it exited: workflows retry and catch by name."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    plain = '{"status": "error", "error": str(e), '
    if plain not in lambda_runtime._PYTHON_WORKER_SCRIPT:
        raise RuntimeError("this version of the emulator is not the one the local cloud was written for")
    named = plain + '"type": type(e).__name__, '
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(plain, named)
    invoke, execute, last = lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm, threading.local()

    def noting(worker: Any, *args: Any, **kwargs: Any) -> Any:
        result = invoke(worker, *args, **kwargs)
        last.name = "Runtime.ExitError" if result.get("error") == DIED else result.get("type")
        return result

    def naming(*args: Any) -> Any:
        last.name = None
        answer = execute(*args)
        if answer.get("error") and last.name and answer["body"].get("errorType") == "Runtime.HandlerError":
            answer["body"]["errorType"] = last.name
        return answer

    lambda_runtime.Worker.invoke, lambda_svc._execute_function_warm = noting, naming
