"""A team's month: what is set aside, what is spent, who is told, and nothing that passes the limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from chalicelib.limits import budgets, service
from chalicelib.limits.budgets import Budget, Line, Month, Reach, Threshold
from chalicelib.limits.service import Need
from chalicelib.people.tasks import bootstrap_admin
from chalicelib.runtime import settings
from chalicelib.runtime.errors import BudgetExceeded, Unprocessable
from tests.conftest import Context
from tests.fakes.gateway import Gateway

BY = "ada@university.edu"
HOUR = timedelta(hours=1)
R6I = Need(("r6i.2xlarge",), 100, 60)  # $0.504 an hour; two hours are set aside
money = st.decimals(min_value=0, max_value=10_000, places=6)


@pytest.fixture
def set_budget(tables: object, now: datetime) -> Any:
    def act(team: str, monthly: str, *thresholds: str) -> None:
        found = budgets.checked(Threshold(int(percent), Reach(action)) for percent, action in map(str.split, thresholds))
        before = service.terms(team)
        service.agree(team, before, replace(before, budget=Budget(Decimal(monthly), "USD", found)), now, BY, "r-1")

    return act


def start(team: str, lab_id: str, at: datetime, need: Need = R6I) -> None:
    service.committed(team, at, lambda: service.admit(team, lab_id, need, at))


def rest(team: str, lab_id: str, at: datetime) -> None:
    service.committed(team, at, lambda: service.rest(team, lab_id, 100, at))


def news(tables: Any, team: str) -> list[str]:
    items = [one for one in tables("facts") if one["pk"]["S"] == f"LAB#team:{team}"]
    return [one["data"]["S"] for one in sorted(items, key=lambda one: str(one["sk"]["S"])) if one["name"]["S"] == "BudgetReached"]


# ---- pure ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "hours"), [(60, 2), (30, 2), (15, 2), (90, 3), (240, 5), (5000, 24), (0, 24), (None, 24)])
def test_money_is_set_aside_until_the_idle_rule_would_look(minutes: int | None, hours: int) -> None:
    assert budgets.share(Decimal("0.504"), minutes) == Decimal("0.504") * hours


@given(spent=money, held=money, more=money)
def test_saying_what_was_spent_twice_is_saying_it_once(spent: Decimal, held: Decimal, more: Decimal) -> None:
    at = datetime(2026, 11, 5, tzinfo=UTC)
    once = budgets.settled(Line(spent, held, Decimal(1), at), more, held, at)
    assert budgets.settled(once, more, held, at) == once


@given(hours=st.integers(0, 2000), rate=money)
def test_what_is_believed_stays_within_its_month_and_goes_on_in_the_next(hours: int, rate: Decimal) -> None:
    since = datetime(2026, 11, 28, 12, tzinfo=UTC)
    now = since + timedelta(hours=hours)
    line = Line(rate=budgets.rounded(rate), since=since)
    assert budgets.believed(line, now) <= rate * 60 + Decimal("0.000001")
    if now < datetime(2027, 1, 1, tzinfo=UTC):
        both = budgets.believed(line, now) + budgets.carried(line, now)
        assert abs(both - line.rate * hours) <= Decimal("0.000002")


def test_a_threshold_is_reached_at_its_percent_and_told_once() -> None:
    budget = Budget(Decimal(100), "USD", (Threshold(80, Reach.WARN), Threshold(100, Reach.STOP)))
    assert list(budgets.news(budget, Month("2026-11", Decimal("79.99")))) == []
    assert [one.word for one in budgets.news(budget, Month("2026-11", Decimal(80)))] == ["80:warn"]
    assert list(budgets.news(budget, Month("2026-11", Decimal(90), announced=frozenset({"80:warn"})))) == []
    assert list(budgets.news(None, Month("2026-11", Decimal(90)))) == []


def test_a_month_stops_labs_once_its_spending_has_come_to_the_stop(set_budget: Any, now: datetime) -> None:
    set_budget("stopping", "10", "50 warn", "90 stop")
    for spent, month in (("8.99", ""), ("9", f"{now:%Y-%m}")):
        service.settle_money("stopping", "lab-1", Decimal(spent), Decimal(0), now)
        assert service.month_that_stops("stopping", now) == month
    assert service.month_that_stops("stopping", now + timedelta(days=31)) == ""
    assert service.month_that_stops("no-budget", now) == ""


def test_starts_are_refused_at_the_refusing_threshold_or_at_all_of_it() -> None:
    assert Budget(Decimal(200), "USD", (Threshold(90, Reach.REFUSE),)).refuses_at == 180
    assert Budget(Decimal(200), "USD", (Threshold(90, Reach.STOP),)).refuses_at == 200


def test_thresholds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(Unprocessable, match="120 %"):
        budgets.checked([Threshold(120, Reach.WARN)])


def test_a_price_that_is_not_known_is_refused_where_there_is_a_budget() -> None:
    budgets.refuse("t", None, Month("2026-11"), None)
    with pytest.raises(BudgetExceeded, match="not known here"):
        budgets.refuse("t", Budget(Decimal(5)), Month("2026-11"), None)


# ---- on the table ----------------------------------------------------------------------------------------------------------


def test_without_a_budget_nothing_is_refused_and_what_is_spent_is_known(tables: object, now: datetime) -> None:
    start("free", "lab-1", now)
    month, _ = service.month("free", now)
    assert (month.spent, month.held) == (0, Decimal("1.008"))


def test_a_budget_of_nothing_refuses_every_start_and_tells_it_once(tables: Any, set_budget: Any, now: datetime) -> None:
    set_budget("zero", "0")
    for number in range(2):
        with pytest.raises(BudgetExceeded, match="budget of 0"):
            start("zero", f"lab-{number}", now)
    assert len(news(tables, "zero")) == 1
    assert service.reserved_labs("zero") == frozenset()


def test_the_last_start_that_fits_is_let_in_and_the_next_is_refused_with_what_is_left(set_budget: Any, now: datetime) -> None:
    set_budget("curie", "3")
    start("curie", "lab-1", now)
    start("curie", "lab-2", now)
    with pytest.raises(BudgetExceeded, match=r"team curie has \$0.98 of \$3.00 left this month; this start sets \$1.01 aside"):
        start("curie", "lab-3", now)
    rest("curie", "lab-1", now)
    start("curie", "lab-3", now)


def test_what_a_lab_cost_is_spent_when_it_rests_and_the_rest_is_free(set_budget: Any, now: datetime) -> None:
    set_budget("bell", "100")
    start("bell", "lab-1", now)
    for _ in range(2):
        rest("bell", "lab-1", now + HOUR * 3)
    month, lines = service.month("bell", now)
    assert (month.spent, month.held) == (Decimal("1.512"), 0)
    assert lines["lab-1"] == Line(Decimal("1.512"))


def test_the_meter_corrects_what_was_believed_and_renews_what_is_set_aside(set_budget: Any, now: datetime) -> None:
    set_budget("noether", "100")
    start("noether", "lab-1", now)
    for _ in range(2):
        service.settle_money("noether", "lab-1", Decimal("0.4"), Decimal("1.008"), now + HOUR)
    month, _ = service.month("noether", now)
    assert (month.spent, month.held) == (Decimal("0.4"), Decimal("1.008"))
    rest("noether", "lab-1", now + HOUR * 2)
    assert service.month("noether", now)[0].spent == Decimal("0.904")
    service.settle_money("noether", "lab-1", Decimal("0.7"), Decimal(0), now + HOUR * 2)
    assert service.month("noether", now)[0] == Month("2026-11", Decimal("0.7"))


def test_each_threshold_is_told_once_a_month(tables: Any, set_budget: Any, now: datetime) -> None:
    set_budget("turing", "10", "50 warn", "80 warn", "100 stop")
    for spent in ("4", "5", "6", "9", "11", "12"):
        service.settle_money("turing", "lab-1", Decimal(spent), Decimal(1), now)
    told = news(tables, "turing")
    assert [one.split('"percent":')[1][:2] for one in told] == ["50", "80", "10"]
    service.settle_money("turing", "lab-1", Decimal(6), Decimal(1), now + timedelta(days=30))
    assert len(news(tables, "turing")) == 4


def test_a_lab_that_runs_into_the_next_month_is_settled_in_both(set_budget: Any) -> None:
    begin = datetime(2026, 11, 30, 22, tzinfo=UTC)
    set_budget("hopper", "100")
    start("hopper", "lab-1", begin)
    rest("hopper", "lab-1", begin + HOUR * 5)
    assert service.month("hopper", begin)[0] == Month("2026-11", Decimal("1.008"))
    assert service.month("hopper", begin + HOUR * 5)[0] == Month("2026-12", Decimal("1.512"))


def test_an_earlier_month_is_settled_afterwards(set_budget: Any, now: datetime) -> None:
    set_budget("lovelace", "100")
    start("lovelace", "lab-1", now)
    service.settle_money("lovelace", "lab-1", Decimal("3.5"), Decimal(0), now + timedelta(days=20), month="2026-11")
    assert service.month("lovelace", now)[0] == Month("2026-11", Decimal("3.5"))


def test_money_that_is_set_aside_by_itself_is_within_the_budget_too(set_budget: Any, now: datetime) -> None:
    from chalicelib.runtime.store import commit

    set_budget("alone", "5")
    commit(service.reserve_money("alone", "lab-1", Decimal(4), now))
    commit(service.reserve_money("alone", "lab-1", Decimal(4), now))
    with pytest.raises(BudgetExceeded):
        commit(service.reserve_money("alone", "lab-2", Decimal(2), now))


# ---- the routes ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def doors(tables: object) -> tuple[Gateway, Gateway]:
    admin = Gateway(app, bootstrap_admin({"email": "root@uni.edu", "team": "physics"}, Context())["token"])
    admin.put("/people", {"email": "mira@uni.edu", "role": "member", "teams": ["physics"]})
    token = admin.post("/tokens?email=mira@uni.edu", {"label": "t"}).json["token"]
    return admin, Gateway(app, token)


def test_a_budget_is_set_shown_and_taken_away(doors: tuple[Gateway, Gateway]) -> None:
    admin, member = doors
    asked = {"monthly": "500", "thresholds": [{"percent": 80, "action": "warn"}, {"percent": 100, "action": "stop"}]}
    assert admin.put("/budgets/physics", asked).status == 200
    told = member.get("/budgets/physics").json
    assert (told["monthly"], told["left"], told["spent"], told["currency"]) == ("500", "500", "0", "USD")
    assert [(one["percent"], one["action"], one["reached"]) for one in told["thresholds"]] == [
        (80, "warn", False),
        (100, "stop", False),
    ]
    assert admin.delete("/budgets/physics").status == 204
    assert member.get("/budgets/physics").json["monthly"] is None


def test_only_who_pays_sets_a_budget_and_only_who_belongs_sees_it(doors: tuple[Gateway, Gateway]) -> None:
    _, member = doors
    refused = member.put("/budgets/physics", {"monthly": "1"})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert "leads the team physics" in refused.json["message"]
    assert member.get("/budgets/biology").status == 403


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"monthly": "-1"}, "monthly"),
        ({"monthly": "5", "currency": "EUR"}, "prices are in USD"),
        ({"monthly": "5", "thresholds": [{"percent": 101, "action": "warn"}]}, "percent"),
        ({"monthly": "5", "thresholds": [{"percent": 10, "action": "shout"}]}, "action"),
    ],
)
def test_a_budget_that_makes_no_sense_is_refused_with_why(doors: tuple[Gateway, Gateway], body: Any, says: str) -> None:
    answer = doors[0].put("/budgets/physics", body)
    assert answer.status == 422
    assert says in answer.json["message"]


def test_quotas_are_an_admins_and_what_is_reset_is_the_stages_again(doors: tuple[Gateway, Gateway]) -> None:
    admin, member = doors
    assert member.put("/limits/physics", {"vcpus": 8}).status == 403
    told = admin.put("/limits/physics", {"vcpus": 8, "labs": 2, "families": ["r6i"]}).json
    assert {one["what"]: one["limit"] for one in told["quotas"]} == {"labs": 2, "vcpus": 8, "gpus": None, "storage_gb": None}
    assert (told["families"], told["own"]) == (["r6i"], ["labs", "vcpus", "families"])
    told = admin.put("/limits/physics", {"reset": ["labs", "families"]}).json
    assert (told["families"], told["own"]) == ([], ["vcpus"])
    wrong = admin.put("/limits/physics", {"families": ["r6l"]}).json
    assert wrong["message"] == "there is no instance family 'r6l'"
    assert "did you mean" in wrong["hint"]


def test_a_team_sees_what_is_left_by_which_labs_and_when_it_frees(doors: tuple[Gateway, Gateway], now: datetime) -> None:
    from chalicelib.runtime.store import commit

    known = settings.current()
    assert known.max_vcpus_per_team is None
    service.committed("physics", now, lambda: service.admit("physics", "lab-1", R6I, now))
    commit(service.note_frees("physics", "lab-1", now + HOUR, "its timetable stops it"))
    told = doors[1].get("/limits/physics").json
    assert [one for one in told["quotas"] if one["what"] == "vcpus"] == [{"what": "vcpus", "used": 8, "limit": 8, "left": 0}]
    assert [(one["lab_id"], one["vcpus"], one["frees_why"]) for one in told["labs"]] == [("lab-1", 8, "its timetable stops it")]
    assert told["frees_at"].startswith("2026-11-23T10:00:00")


def test_two_starts_that_read_the_same_cannot_both_pass_the_limit(set_budget: Any, now: datetime) -> None:
    """Both saw room for one; the second commit is refused by DynamoDB's condition on the sum."""
    from chalicelib.runtime.store import commit

    set_budget("raced", "1.5")
    first, second = service.admit("raced", "lab-1", R6I, now), service.admit("raced", "lab-2", R6I, now)
    commit(*first)
    with pytest.raises(BudgetExceeded):
        commit(*second)


def test_a_start_that_was_judged_by_another_budget_is_judged_again(set_budget: Any, now: datetime) -> None:
    from chalicelib.limits.store import Raced
    from chalicelib.runtime.store import commit

    set_budget("lowered", "100")
    start_ = service.admit("lowered", "lab-1", R6I, now)
    set_budget("lowered", "0")
    with pytest.raises(Raced):
        commit(*start_)


def test_a_meter_that_hears_late_of_a_stop_sets_nothing_aside_again(set_budget: Any, now: datetime) -> None:
    set_budget("late", "100")
    start("late", "lab-1", now)
    rest("late", "lab-1", now + HOUR)
    service.settle_money("late", "lab-1", Decimal("0.5"), Decimal("1.008"), now + HOUR)
    assert service.month("late", now)[0] == Month("2026-11", Decimal("0.5"))
