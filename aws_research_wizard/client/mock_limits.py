"""Budgets, quotas and timetables of the control plane that lives in memory. Money is text, as the API tells it."""

from decimal import Decimal
from typing import Any

from aws_research_wizard.client.mock_labs import RefusedError

Json = dict[str, Any]
MONTH, RENEWS = "2026-11", "2026-12-01T00:00:00Z"
STOP, START = "2026-11-23T18:00:00Z", "2026-11-24T07:00:00Z"


class MockLimits:
    """What was set; a test may change `spent` and `reserved` as it likes."""

    def __init__(self) -> None:
        self.budgets: dict[str, Json] = {}
        self.quotas: Json = {"labs": 10, "vcpus": None, "gpus": None, "storage_gb": None}
        self.families: list[str] = []
        self.spent, self.reserved = Decimal("12.34"), Decimal("2.016")
        self.hours: dict[str, Json] = {}

    def set_budget(self, team: str, asked: Json) -> Json:
        usual = [{"percent": 80, "action": "warn"}, {"percent": 100, "action": "refuse"}]
        self.budgets[team] = {**asked, "thresholds": asked.get("thresholds") or usual}
        return self.budget(team)

    def budget(self, team: str) -> Json:
        found = self.budgets.get(team)
        monthly = Decimal(found["monthly"]) if found else None
        left = None if monthly is None else max(Decimal(0), monthly - self.spent - self.reserved)
        thresholds = [
            {**one, "reached": monthly is not None and self.spent * 100 >= monthly * one["percent"]}
            for one in (found or {}).get("thresholds", [])
        ]
        return {
            "team": team,
            "month": MONTH,
            "monthly": None if monthly is None else str(monthly),
            "currency": (found or {}).get("currency", "USD"),
            "spent": str(self.spent),
            "reserved": str(self.reserved),
            "left": None if left is None else str(left),
            "refuses_at": None if monthly is None else str(monthly),
            "thresholds": thresholds,
            "labs": [{"lab_id": "genomics-k3x9", "spent": str(self.spent), "reserved": str(self.reserved)}],
            "renews_at": RENEWS,
        }

    def set_quota(self, team: str, asked: Json) -> Json:
        self.quotas |= {name: asked[name] for name in self.quotas if name in asked}
        self.families = asked.get("families", self.families)
        return self.of(team)

    def of(self, team: str) -> Json:
        used = {"labs": 2, "vcpus": 24, "gpus": 0, "storage_gb": 600}
        rows = [
            {"what": name, "used": used[name], "limit": most, "left": None if most is None else max(0, most - used[name])}
            for name, most in self.quotas.items()
        ]
        why = "its timetable stops it"
        labs = [
            {"lab_id": "genomics-k3x9", "vcpus": 24, "gpus": 0, "storage_gb": 500, "frees_at": STOP, "frees_why": why},
            {"lab_id": "genomics-w8tq", "vcpus": 0, "gpus": 0, "storage_gb": 100, "frees_at": None, "frees_why": ""},
        ]
        return {"team": team, "quotas": rows, "families": self.families, "own": [], "labs": labs, "frees_at": STOP}

    def hours_of(self, whose: str) -> Json:
        """A lab's timetable, or a team's."""
        if whose not in self.hours:
            raise RefusedError(404, "no_hours", f"{whose} has no timetable", "set one: jupyter hours … --stop 19:00")
        return self.hours[whose]

    def set_hours(self, lab_id: str, asked: Json, by: str) -> Json:
        told = _table(asked, by)
        moments = {"next_stop": STOP if told["stop"] else None, "next_start": START if told["start"] else None}
        self.hours[lab_id] = {"lab_id": lab_id, "team": "", **told, **moments, "told": False}
        return self.hours[lab_id]

    def set_team_hours(self, team: str, asked: Json, by: str) -> Json:
        self.hours[team] = {"team": team, **_table(asked, by)}
        return self.hours[team]


def _table(asked: Json, by: str) -> Json:
    told: Json = {"stop": "", "start": "", "days": "all", "holidays": [], "grace_minutes": 0, "notice_minutes": 15}
    return told | asked | {"by": by, "set_at": "2026-11-23T09:00:00Z"}
