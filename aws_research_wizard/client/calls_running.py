"""What can one ask of when a lab runs, why it was (not) stopped, what it costs, and what a team may use?"""

# mypy: disable-error-code="no-any-return"
# (JSON off the wire is Any; the shapes say what it is, and a test holds them to the API's own document)
from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from aws_research_wizard.client.asking import Asking, of_lab, part

if TYPE_CHECKING:
    from aws_research_wizard.client import shapes


class RunningCalls(Asking):
    # when it runs

    def hours(self, lab_id: str) -> shapes.HoursView:
        """A lab's timetable; NotFound when it has none."""
        return self._get(of_lab(lab_id, "hours"))

    def put_hours(self, lab_id: str, wish: shapes.HoursRequest, key: str = "") -> shapes.HoursView:
        """Set a lab's timetable."""
        return self._send("PUT", of_lab(lab_id, "hours"), wish, key=key)

    def remove_hours(self, lab_id: str, key: str = "") -> None:
        """Take a lab's timetable away."""
        self._send("DELETE", of_lab(lab_id, "hours"), key=key)

    def team_hours(self, team: str) -> shapes.TeamHoursView:
        """A team's timetable; NotFound when it has none."""
        return self._get(f"/hours/{part(team)}")

    def put_team_hours(self, team: str, wish: shapes.HoursRequest, key: str = "") -> shapes.TeamHoursView:
        """Set the timetable of all labs of a team that have none of their own."""
        return self._send("PUT", f"/hours/{part(team)}", wish, key=key)

    def remove_team_hours(self, team: str, key: str = "") -> None:
        """Take a team's timetable away."""
        self._send("DELETE", f"/hours/{part(team)}", key=key)

    def why(self, lab_id: str, at: str = "", decision: str = "") -> shapes.WhyView:
        """Why a lab is (not) stopped: now, at a moment, or one decision."""
        asked = {name: value for name, value in (("at", at), ("decision", decision)) if value}
        return self._get(of_lab(lab_id, "why"), asked)

    def decisions(self, lab_id: str) -> Iterator[shapes.DecisionView]:
        """What the idle rules decided about a lab, the newest first."""
        return self._pages(of_lab(lab_id, "decisions"))

    def replay_decisions(self, lab_id: str, policy: Mapping[str, float], decision: str = "") -> shapes.ReplayView:
        """What another policy would have decided."""
        return self._send("POST", of_lab(lab_id, "decisions", "replay"), {"policy": dict(policy), "decision": decision})

    def extend_lab(self, lab_id: str, minutes: float, key: str = "") -> shapes.WhyView:
        """Keep a lab running for so long from now."""
        return self._send("POST", of_lab(lab_id, "extend"), {"for_minutes": minutes}, key=key)

    def exempt_lab(self, lab_id: str, wish: Mapping[str, Any], key: str = "") -> shapes.WhyView:
        """Exempt a lab from being stopped."""
        return self._send("PUT", of_lab(lab_id, "exemption"), dict(wish), key=key)

    def lift_exemption(self, lab_id: str, key: str = "") -> shapes.WhyView:
        """End a lab's exemption."""
        return self._send("DELETE", of_lab(lab_id, "exemption"), key=key)

    # what labs cost

    def lab_cost(self, lab_id: str) -> shapes.LabCostView:
        """What a lab costs per hour, today, this month and by the end of it; its parts, and whose they are."""
        return self._get(of_lab(lab_id, "cost"))

    def costs(
        self, by: str = "lab", first: str | None = None, last: str | None = None, *, lab: str = "", team: str = ""
    ) -> shapes.CostReportView:
        """What the labs that I may see cost, by user, lab, domain, team or day; days are UTC, both included."""
        return self._get("/costs", {"by": by, "from": first, "to": last, "lab": lab or None, "team": team or None})

    def my_costs(self, first: str | None = None, last: str | None = None) -> shapes.CostReportView:
        """My own share, lab by lab."""
        return self._get("/costs/me", {"from": first, "to": last})

    # what my teams may use

    def limits(self) -> shapes.LimitsView:
        """What my teams use and may use."""
        return self._get("/limits")

    def team_limits(self, team: str) -> shapes.TeamLimits:
        """What a team may use, uses, and when some of it comes free."""
        return self._get(f"/limits/{part(team)}")

    def put_quota(self, team: str, wish: shapes.QuotaRequest, key: str = "") -> shapes.TeamLimits:
        """Decide what a team may use (for administrators)."""
        return self._send("PUT", f"/limits/{part(team)}", wish, key=key)

    def budget(self, team: str) -> shapes.BudgetView:
        """A team's money this month."""
        return self._get(f"/budgets/{part(team)}")

    def put_budget(self, team: str, wish: shapes.BudgetRequest, key: str = "") -> shapes.BudgetView:
        """Decide what a team's labs may cost in a month."""
        return self._send("PUT", f"/budgets/{part(team)}", wish, key=key)

    def remove_budget(self, team: str, key: str = "") -> None:
        """No budget, and so no limit."""
        self._send("DELETE", f"/budgets/{part(team)}", key=key)
