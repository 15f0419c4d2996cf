"""A hundred people ask at the same moment, and the budget is for ten labs: exactly ten get one.

Against an emulated DynamoDB, which checks conditions under real concurrency, through everything that a request does but the
start of its workflow. The simulator repeats it with faults (`tests/unit/sim/test_racing_starts.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import boto3
import pytest

from chalicelib.labs import service as labs
from chalicelib.labs.service import Asking
from chalicelib.labs.wishes import Wish
from chalicelib.limits import budgets, service
from chalicelib.limits.budgets import Budget
from chalicelib.limits.service import Need
from chalicelib.people.rules import Principal, Role, Scope
from chalicelib.runtime import settings, workflows
from chalicelib.runtime.errors import AppError
from tests.conftest import NOW, TABLES, forget_everything, table_definition
from tests.contract.emulated import started

pytestmark = pytest.mark.local_cloud
WHO = Principal("ada@university.edu", Role.MEMBER, frozenset(Scope), "t-1", ("curie", "noether"))
ASKED, BUDGET_FOR, AT_ONCE = 100, 10, 25
SHARE = Decimal("1.008")  # two hours of an r6i.2xlarge, as its pack's idle rule looks after one


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The tables in an emulator of its own."""
    with started(tmp_path_factory.mktemp("racing")) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setenv("MAX_LABS_PER_TEAM", "1000")
        patch.setattr(workflows, "start", lambda *_: "")
        forget_everything()
        dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        for name, indexes in TABLES.items():
            dynamodb.create_table(**table_definition(name, indexes))
        yield dynamodb
    forget_everything()


def race(team: str) -> Counter[str]:
    """How the requests ended; whoever was told that others were in the way asks again, as a client does."""
    gate = Barrier(AT_ONCE)

    def ask(number: int) -> str:
        if number < AT_ONCE:
            gate.wait(30)
        for _ in range(20):
            try:
                wish = Wish(domain="genomics", instance_type="r6i.2xlarge", team=team)
                labs.request_lab(wish, Asking(WHO, NOW + timedelta(milliseconds=number), f"r-{number}"))
            except AppError as error:
                if error.status != 503:
                    return error.code
            else:
                return "made"
        return "busy"

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(ask, range(ASKED)))


def test_exactly_ten_of_a_hundred_racing_requests_win_against_a_budget_for_ten(stage: Any) -> None:
    assert service.share(Need(("r6i.2xlarge",), 100, 60)) == SHARE
    before = service.terms("curie")
    service.agree("curie", before, replace(before, budget=Budget(SHARE * BUDGET_FOR)), NOW, "root@uni.edu", "r-0")
    assert race("curie") == {"made": BUDGET_FOR, "budget_exceeded": ASKED - BUDGET_FOR}
    month, lines = service.month("curie", NOW)
    assert (month.used, len(lines), len(service.reserved_labs("curie"))) == (SHARE * BUDGET_FOR, BUDGET_FOR, BUDGET_FOR)
    assert month.announced == {"100:refuse"}
    made = [one for one in stage.scan(TableName=settings.current().table("labs"))["Items"] if one["sk"]["S"] == "LAB"]
    assert len([one for one in made if one["team"]["S"] == "curie"]) == BUDGET_FOR
    told = stage.scan(TableName=settings.current().table("facts"))["Items"]
    assert [one["name"]["S"] for one in told].count("BudgetReached") == 1


def test_exactly_ten_of_a_hundred_win_against_a_quota_of_vcpus_for_ten(stage: Any) -> None:
    before = service.terms("noether")
    service.agree("noether", before, replace(before, vcpus=8 * BUDGET_FOR), NOW, "root@uni.edu", "r-0")
    assert race("noether") == {"made": BUDGET_FOR, "limit_reached": ASKED - BUDGET_FOR}
    assert service.used("noether").holding.vcpus == 8 * BUDGET_FOR
    assert service.sums_are_right("noether")
    assert service.terms("noether").budget is None
    assert service.month("noether", NOW)[0].used == budgets.rounded(SHARE * BUDGET_FOR)
