"""What must labs that an earlier release stored be given, so that this release knows all of them alike?

Keeps true: a migration that was released is never edited; what it did not do is done by the next.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.labs import releases
from chalicelib.labs.rules import BEFORE_RELEASES, Phase
from chalicelib.runtime.migrations import Change, Migration, Raw


def say_release(item: Raw) -> Change:
    """A lab that has (or will have) a machine says what it runs: from before releases were told."""
    if item["sk"]["S"] != "LAB" or "release" in item or item["phase"]["S"] == Phase.DELETED:
        return {}
    return {"release": {"S": BEFORE_RELEASES}}


def after(now: datetime) -> int:
    """Labs that run are told of the release that is there now."""
    return releases.announce(now)


MIGRATIONS = (Migration("labs-0001-release", "labs", "every lab says which release its machine runs", say_release),)
