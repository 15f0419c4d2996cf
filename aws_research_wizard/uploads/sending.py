"""A whole tree into a bucket: many files at once, each told as it ends; one that fails does not stop the others."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event

from aws_research_wizard.uploads.s3 import Bucket, Sent, State, said
from aws_research_wizard.uploads.tree import Destination, File, UploadRefused

AT_ONCE = 8


@dataclass(frozen=True)
class Outcome:
    """What became of a file, and why if it is not there now."""

    file: File
    state: State
    why: str = ""


@dataclass(frozen=True)
class Way:
    """How to go about it."""

    dry_run: bool = False
    replace: bool = False
    at_once: int = AT_ONCE


def send(bucket: Bucket, files: Sequence[File], to: Destination, way: Way, sent: Callable[[File], Sent]) -> Iterator[Outcome]:
    """Every file's outcome as it comes. Whoever stops listening stops the rest: what was begun in parts goes on next time."""
    stop = Event()
    with ThreadPoolExecutor(way.at_once) as pool:
        waiting: set[Future[Outcome]] = set()
        todo = iter(files)
        try:
            while True:
                for file in todo:
                    waiting.add(pool.submit(_one, bucket, file, to.key(file.name), way, _stoppable(sent(file), stop)))
                    if len(waiting) >= way.at_once * 2:
                        break
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in done:
                    yield one.result()
        finally:
            stop.set()
            for one in waiting:
                one.cancel()


class _Stopped(Exception):  # noqa: N818 - nobody sees it
    """Nobody waits for this any more."""


def _stoppable(sent: Sent, stop: Event) -> Sent:
    def tell(count: int) -> None:
        if stop.is_set():
            raise _Stopped
        sent(count)

    return tell


def _one(bucket: Bucket, file: File, key: str, way: Way, sent: Sent) -> Outcome:
    try:
        return said(file.name, lambda: _uploaded(bucket, file, key, way, sent))  # type: ignore[no-any-return]
    except UploadRefused as refused:
        return Outcome(file, State.FAILED, refused.message)
    except OSError as error:
        return Outcome(file, State.FAILED, f"it cannot be read: {error.strerror or error}")
    except _Stopped:
        return Outcome(file, State.FAILED, "interrupted")


def _uploaded(bucket: Bucket, file: File, key: str, way: Way, sent: Sent) -> Outcome:
    sums = bucket.sums(file)
    known = bucket.state(key, sums)
    if known is State.THERE:
        sent(file.size)
        return Outcome(file, State.THERE)
    if known is State.OTHER and not way.replace:
        return Outcome(file, State.OTHER, "another file of this name is there; to put yours in its place: --replace")
    if way.dry_run:
        return Outcome(file, State.PLANNED)
    bucket.put(file, key, sums, sent, replace=way.replace)
    return Outcome(file, State.UPLOADED)
