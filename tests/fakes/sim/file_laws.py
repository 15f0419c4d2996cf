"""What must hold of people's files and of their backups, and what is forgotten of a lab that is gone?"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.labs.rules import Phase
from tests.fakes.sim.evidence import Evidence
from tests.fakes.sim.laws import law

# ---- people's files ------------------------------------------------------------------------------------------------------


@law("files-kept", "files that somebody may have worked on are never deleted unasked", always=True)
def files_kept(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        asked = not lab.get("keep_data") and lab.phase in (Phase.DELETING, Phase.DELETED)
        system = str(lab.get("file_system_id") or "")
        if lab.get("ready_at") and not asked:
            if not system:
                yield f"lab {lab.id} forgot its file system"
            elif system not in seen.systems or seen.systems[system]["LifeCycleState"] in ("deleting", "deleted"):
                yield f"the files of lab {lab.id} ({system}) are gone, and nobody asked for it"


@law("files-listed", "what is kept of a deleted lab stands in its receipt, and what was asked to go is gone")
def files_listed(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is Phase.DELETED and lab.get("ready_at"):
            system = str(lab.get("file_system_id"))
            if lab.get("keep_data") and system not in lab.kept:
                yield f"the files of lab {lab.id} ({system}) are kept, and its receipt does not say so"
            if not lab.get("keep_data") and system in seen.systems:
                yield f"the files of lab {lab.id} ({system}) were to go, and are there"


@law("forgotten", "of a deleted lab no journal, no machine, no people and no waiting task are left in the table")
def forgotten(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        if lab.phase is Phase.DELETED:
            for item in lab.items:
                if item["sk"].startswith(("JOURNAL#", "MACHINE", "MEMBER#", "WAIT", "WORK#")):
                    yield f"lab {lab.id} is DELETED, and its {item['sk']} is still in the table"


# ---- backups -------------------------------------------------------------------------------------------------------------


@law(
    "backup-whole",
    "a backup that is shown as finished has its manifest in the bucket, and every chunk that it names (or it was found altered)",
    always=True,
)
def backup_whole(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        for backup in lab.backups:
            if backup.get("state") == "FINISHED":
                yield from seen.wanting(lab, backup)


@law("backup-ends", "at rest, no backup, restore or drill is still running")
def backup_ends(seen: Evidence) -> Iterator[str]:
    for lab in seen.labs.values():
        for stem in ("BACKUP#", "RESTORE#", "DRILL#"):
            for one in lab.under(stem):
                if one.get("state") == "RUNNING":
                    yield f"{one['sk']} of lab {lab.id} is still RUNNING"
