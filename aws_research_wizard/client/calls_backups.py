"""What can one ask of a lab's backups, of restores and of rehearsals?"""

# mypy: disable-error-code="no-any-return"
# (JSON off the wire is Any; the shapes say what it is, and a test holds them to the API's own document)
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from aws_research_wizard.client.asking import Asking, of_lab

if TYPE_CHECKING:
    from aws_research_wizard.client import shapes

PAGE = 100


class BackupCalls(Asking):
    def backup_lab(self, lab_id: str, request: shapes.BackupRequest, key: str = "") -> shapes.BackupView:
        """Back a running lab up; then stop or delete it, if that is asked for and the backup is good."""
        return self._send("POST", of_lab(lab_id, "backups"), request, key=key)

    def backups(self, lab_id: str) -> Iterator[shapes.BackupView]:
        """The lab's backups, the newest first; also of a lab that is gone."""
        return self._pages(of_lab(lab_id, "backups"))

    def backup(self, lab_id: str, backup_id: str) -> shapes.BackupView:
        """One backup as it is now; `newest` is the newest that is finished."""
        return self._get(of_lab(lab_id, "backups", backup_id))

    def backup_files(self, lab_id: str, backup_id: str, path: str = "") -> Iterator[shapes.FileView]:
        """What is in a backup under a path, in order."""
        return self._pages(of_lab(lab_id, "backups", backup_id, "files"), {"path": path or None, "limit": PAGE})

    def delete_backup(self, lab_id: str, backup_id: str, key: str = "") -> None:
        """A backup goes, for good."""
        self._send("DELETE", of_lab(lab_id, "backups", backup_id), key=key)

    def all_backups(self) -> Iterator[shapes.StockView]:
        """What my labs have in backups and what a month of it costs, those included that are gone."""
        return self._pages("/backups")

    def restore_lab(self, lab_id: str, request: shapes.RestoreRequest, key: str = "") -> shapes.RestoreView:
        """Get files back, beside what is there."""
        return self._send("POST", of_lab(lab_id, "restores"), request, key=key)

    def restore(self, lab_id: str, restore_id: str) -> shapes.RestoreView:
        """How a restore goes."""
        return self._get(of_lab(lab_id, "restores", restore_id))

    def drill_lab(self, lab_id: str, key: str = "") -> shapes.DrillView:
        """Rehearse a restore of the newest backup now."""
        return self._send("POST", of_lab(lab_id, "drills"), key=key)

    def drills(self, lab_id: str) -> Iterator[shapes.DrillView]:
        """What the rehearsals showed, the newest first."""
        return self._pages(of_lab(lab_id, "drills"))

    def drill(self, lab_id: str, drill_id: str) -> shapes.DrillView:
        """One rehearsal as it is now."""
        return self._get(of_lab(lab_id, "drills", drill_id))
