"""What do backups and restores have in common? They tell how far they are, and open many files at once."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from aws_research_wizard.host.work import Tell

TELL_SECONDS = 5.0


def widen() -> None:
    """Let this process open as many files as it ever may: each folder on the way down is one."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextmanager
def telling(tell: Tell, progress: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """Tell how far it is, every few seconds, while what is inside is done."""
    over = threading.Event()

    def keep_telling() -> None:
        while not over.wait(TELL_SECONDS):
            tell(progress())

    teller = threading.Thread(target=keep_telling, name="telling", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
