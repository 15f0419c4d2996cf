"""How backups live in the mock cloud: made, restored and rehearsed when they are looked at the first time."""

from typing import Any

from aws_research_wizard.client.mock_labs import Json, MockLabs, RefusedError, iso

COST = {"amount": "0.02", "currency": "USD", "as_of": "2026-11-01"}


class MockBackups(MockLabs):
    """The backups of a control plane in memory. Everything here is public: read and change it as a test needs."""

    def __init__(self, email: str) -> None:
        super().__init__(email)
        self.backups: dict[str, list[Json]] = {}
        self.restores: dict[str, Json] = {}
        self.drills: dict[str, list[Json]] = {}
        self.files: list[Json] = [self.file("homes/ada@university.edu/a.ipynb", 1200), self.file("shared/x.csv", 6)]
        self.backup_fails_with = ""  # the cause with which the next backups fail
        self.damaged: list[str] = []  # files that drills and restores find altered

    def file(self, path: str, size: int) -> Json:
        return {"path": path, "kind": "file", "bytes": size, "modified_at": iso(self.now), "carried_from": None}

    def back_up(self, wish: Json, lab_id: str) -> tuple[int, Any]:
        lab = self.known(lab_id)
        if lab["phase"] != "READY":
            raise RefusedError(
                409, "conflict", f"lab {lab_id} is {lab['phase']}: only a running lab can be backed up", "start it"
            )
        known = self.backups.setdefault(lab_id, [])
        made: Json = dict.fromkeys(("then_failed", "started_at", "finished_at", "copied_at", "stale_reason", "cause"))
        made |= dict.fromkeys(("files", "bytes", "new_bytes", "skipped_count"), 0)
        made |= {"id": f"b-20261123-09{len(known):02d}00-x7k2", "lab_id": lab_id, "state": "RUNNING", "by_hand": True}
        made |= {"asked_at": iso(self.now), "asked_by": self.email, "then": wish.get("then"), "skipped": [], "stale": False}
        made["base"] = known[0]["id"] if known else None
        known.insert(0, made)
        self.fact(lab, "BackupRequested", {"backup_id": made["id"]})
        return 202, dict(made)

    def list_backups(self, _: Json, lab_id: str) -> tuple[int, Any]:
        return 200, {"items": self.backups.get(lab_id, []), "cursor": None}

    def read_backup(self, _: Json, lab_id: str, backup_id: str) -> tuple[int, Any]:
        one = self.backup(lab_id, backup_id)
        if one["state"] == "RUNNING":
            self._finish(one)
        return 200, dict(one)

    def backup(self, lab_id: str, backup_id: str) -> Json:
        known = self.backups.get(lab_id, [])
        fits = [one for one in known if one["id"] == backup_id or (backup_id == "newest" and one["state"] == "FINISHED")]
        if not fits:
            raise RefusedError(404, "not_found", f"lab {lab_id} has no backup '{backup_id}'", f"jupyter backups {lab_id}")
        return fits[0]

    def _finish(self, one: Json) -> None:
        """What it comes to; and what follows it."""
        failed, lab = self.backup_fails_with, self.known(one["lab_id"])
        one |= {"state": "FAILED" if failed else "FINISHED", "cause": failed or None, "finished_at": iso(self.now)}
        one |= {} if failed else {"files": len(self.files), "bytes": 1206, "new_bytes": 1206, "started_at": iso(self.now)}
        self.fact(lab, "BackupFailed" if failed else "BackupFinished", {"backup_id": one["id"]})
        if one["then"] and failed:
            one["then_failed"] = f"the lab was not {'stopped' if one['then'] == 'stop' else 'deleted'}"
        elif one["then"]:
            self.begin(one["then"], lab)

    def list_files(self, asked: Json, _lab_id: str, _backup_id: str) -> tuple[int, Any]:
        return 200, {"items": [one for one in self.files if one["path"].startswith(asked.get("path", ""))], "cursor": None}

    def drop_backup(self, _: Json, lab_id: str, backup_id: str) -> tuple[int, Any]:
        self.backups[lab_id].remove(self.backup(lab_id, backup_id))
        return 204, None

    def stock(self, _: Json) -> tuple[int, Any]:
        items = [self._stock(lab_id, made) for lab_id, made in self.backups.items() if made]
        return 200, {"items": items, "cursor": None}

    def _stock(self, lab_id: str, made: list[Json]) -> Json:
        told = {"lab_id": lab_id, "owner": self.email, "phase": self.labs[lab_id]["phase"], "backups": len(made)}
        return told | {
            "newest": made[0]["id"],
            "newest_at": made[0]["asked_at"],
            "stored_bytes": 1206,
            "monthly_cost": COST,
            "drilled_at": None,
        }

    def restore(self, wish: Json, lab_id: str) -> tuple[int, Any]:
        self.known(lab_id)
        source = wish.get("source_lab") or lab_id
        backup = self.backup(source, wish["backup_id"])
        paths = wish.get("paths") or [one["path"] for one in self.files]
        made: Json = {"id": f"r-{len(self.restores) + 1}", "lab_id": lab_id, "source_lab": source, "backup_id": backup["id"]}
        made |= {"state": "RUNNING", "asked_at": iso(self.now), "asked_by": self.email, "paths": paths, "failed_count": 0}
        made |= {"over": wish.get("over", False), "label": "2026-11-23 09.00", "restored": [], "failed": [], "cause": None}
        self.restores[made["id"]] = made | {"files": 0, "bytes": 0, "finished_at": None}
        return 202, dict(self.restores[made["id"]])

    def read_restore(self, _: Json, _lab_id: str, restore_id: str) -> tuple[int, Any]:
        one = self.restores[restore_id]
        bad = [path for path in one["paths"] if path in self.damaged]
        good = [{"path": path, "to": f"{path} (restored {one['label']})"} for path in one["paths"] if path not in bad]
        one |= {"state": "FINISHED" if good else "FAILED", "restored": good, "files": len(good), "bytes": 600 * len(good)}
        one |= {"failed": [{"path": path, "why": "it is damaged in the backup"} for path in bad], "failed_count": len(bad)}
        one["cause"] = None if good else f"{bad[0]}: it is damaged in the backup"
        return 200, dict(one)

    def drill(self, _: Json, lab_id: str) -> tuple[int, Any]:
        backup = self.backup(lab_id, "newest")
        known = self.drills.setdefault(lab_id, [])
        made: Json = {"id": f"d-{len(known) + 1}", "lab_id": lab_id, "backup_id": backup["id"], "state": "RUNNING", "cause": None}
        made |= {"asked_at": iso(self.now), "asked_by": self.email, "files": 0, "bytes": 0, "rto_seconds": 0.0}
        made |= {"rpo_seconds": 0.0, "failed": [], "failed_count": 0, "finished_at": None}
        known.insert(0, made)
        return 202, dict(made)

    def list_drills(self, _: Json, lab_id: str) -> tuple[int, Any]:
        return 200, {"items": self.drills.get(lab_id, []), "cursor": None}

    def read_drill(self, _: Json, lab_id: str, drill_id: str) -> tuple[int, Any]:
        one = next(one for one in self.drills[lab_id] if one["id"] == drill_id)
        bad = [{"path": path, "why": "its content was altered"} for path in self.damaged]
        one |= {"state": "FAILED" if bad else "PASSED", "files": len(self.files), "bytes": 1206, "rto_seconds": 2.5}
        one |= {"failed": bad, "failed_count": len(bad), "cause": f"{bad[0]['path']}: altered" if bad else None}
        return 200, dict(one)
