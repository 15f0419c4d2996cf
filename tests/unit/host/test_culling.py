"""Nobody's server ends who works, however quietly; a notice hangs as long as it stands; who had a server is written down."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host import culling, files, notices, processes, shares
from aws_research_wizard.host.activity import Seen
from aws_research_wizard.host.machine import Machine
from aws_research_wizard.host.orders import Orders
from aws_research_wizard.host.processes import Process
from aws_research_wizard.host.shares import Shares
from tests.unit.host.conftest import order_sheet
from tests.unit.host.test_activity import ADA, at, seen

HOUR = 3600.0


@pytest.mark.parametrize(
    ("server", "ends", "why"),
    [
        (seen(started_s=5400), True, "nobody has used it for 90 of 60 minutes"),
        (seen(started_s=1800), False, "nobody has used it for 30 of 60 minutes"),
        (seen(kernels=[at("busy", 18_000)]), False, "a kernel is busy"),
        (seen(kernels=[at("idle", 5400)], connections=3), True, "nobody has used it for 90"),
        (seen(kernels=[at("unknown", 5400)]), False, "does not say"),
        (seen(terminals=[{"name": "2", "children": 3, "cpu": 0.0, "idle_s": 9000}]), False, "something runs in terminal 2"),
        (seen(uploads=1), False, "an upload"),
        (seen(requests_s=60), False, "nobody has used it for 1 of 60"),
        (seen(cpu=None), False, "not known yet"),
        (seen(cpu=95.0), False, "something computes"),
        (seen(gpu=95.0), False, "something computes"),
        (None, False, "it was not seen"),
    ],
)
def test_a_server_ends_when_nobody_uses_it_and_never_when_something_works(server: Any, ends: bool, why: str) -> None:
    verdict = culling.judge(server, HOUR)
    assert verdict.ends is ends
    assert why in verdict.why


def test_without_a_time_no_server_ends() -> None:
    assert not culling.judge(seen(), 0).ends


@pytest.mark.parametrize(("cull_s", "every"), [(3600, 30), (60, 10), (3, 1), (0, 10)])
def test_how_often_is_looked_follows_from_how_long_is_waited(cull_s: float, every: int) -> None:
    assert culling.every(cull_s) == every


class Watch:
    clock = staticmethod(lambda: 10.0)

    def recent(self, _: float) -> Seen:
        return Seen(10.0, (seen(), seen(user="grace@example.org", kernels=[at("busy")])))


def test_arbiter_knows_a_server_by_its_address_and_says_each_change_once(capsys: pytest.CaptureFixture[str]) -> None:
    asks = culling.Arbiter(Watch(), lambda: HOUR)  # type: ignore[arg-type]  # as far as it is asked
    for _ in range(2):
        assert asyncio.run(asks(inactive=None, inactive_limit=5, server={"url": "/user/ada%40example.org/"}))
        assert not asyncio.run(asks(inactive=None, inactive_limit=5, server={"url": "/user/grace@example.org/"}))
    assert not asyncio.run(asks(inactive=None, inactive_limit=5, server={"url": "/user/nobody@example.org/"}))
    assert capsys.readouterr().err.splitlines() == [
        f"[culler] {ADA}: ends: nobody has used it for 150 of 60 minutes",
        "[culler] grace@example.org: stays: a kernel is busy",
        "[culler] nobody@example.org: stays: it was not seen",
    ]


def test_what_decides_can_be_a_value_of_a_configuration(machine: Machine) -> None:
    files.write(machine.state / "hub/agent_token", "t")
    decides = culling.arbiter(machine)
    assert copy.deepcopy(decides) is decides, "configurations copy their values"


def test_only_this_hubs_old_culler_is_ended() -> None:
    words = ("python", "-m", "jupyterhub_idle_culler")
    mine = Process(1, (*words, "--config=/etc/wizard/idle_culler_config.py"), {})
    trial = Process(2, (*words, "--config=/var/lib/wizard/trial/etc/wizard/idle_culler_config.py"), {})
    assert processes.cullers([mine, trial, Process(3, ("python",), {})], Path("/etc/wizard")) == [mine]


# ---- orders --------------------------------------------------------------------------------------------------------------


def orders(**more: Any) -> Orders:
    return Orders.parse(order_sheet(**more))


def test_orders_say_how_long_nobody_has_to_be_there() -> None:
    assert orders(idle={"auto_shutdown": 60, "minute_seconds": 60}).cull_s == 3600
    assert orders(idle={"auto_shutdown": 60, "minute_seconds": 1}).cull_s == 60
    assert orders().cull_s == 0, "a control plane that does not say ends nobody's server"


NOTICE = {"kind": "idle_stop", "at": "2026-11-23T19:05:00Z", "in_s": 600, "text": "Nobody works here <b>."}


def test_notice_hangs_as_long_as_the_orders_bring_it(tmp_path: Path) -> None:
    notices.put_up(tmp_path, orders(notice=NOTICE), 1000)
    standing = notices.standing(tmp_path, 1060)
    assert standing
    assert (standing["in_s"], standing["kind"]) == (540, "idle_stop")
    assert standing["keep"] == "aws-research-wizard jupyter extend base-k3x9 --for 2h"
    notices.put_up(tmp_path, orders(), 1070)
    assert notices.standing(tmp_path, 1070) is None
    notices.put_up(tmp_path, orders(), 1080)


def test_notice_of_a_control_plane_that_went_away_comes_down_by_itself(tmp_path: Path) -> None:
    notices.put_up(tmp_path, orders(notice=NOTICE), 1000)
    assert notices.standing(tmp_path, 1600 + 599)
    assert notices.standing(tmp_path, 1600 + 601) is None


def test_same_notice_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notices.put_up(tmp_path, orders(notice=NOTICE), 1000)
    monkeypatch.setattr(files, "write_json", lambda *_: pytest.fail("written again"))
    notices.put_up(tmp_path, orders(notice={**NOTICE, "in_s": 570}), 1030)


def test_hubs_pages_say_it_in_safe_html(tmp_path: Path) -> None:
    assert notices.announcement(tmp_path) == ""
    notices.put_up(tmp_path, orders(notice=NOTICE), 1000)
    said = notices.announcement(tmp_path, 1000)
    assert 'This lab stops at <time datetime="1970-01-01T00:26:40Z"' in said
    assert "&lt;b&gt;" in said


# ---- who had a server ----------------------------------------------------------------------------------------------------


def book(told: Path, day: str = "1970-01-01") -> list[Any]:
    return list(json.loads((told / f"hours/{day}.json").read_text())["spans"])


def test_who_had_a_server_is_written_down_in_spans(tmp_path: Path) -> None:
    shares_of = Shares(tmp_path)
    for people, moment in (((), 100), ((), 130), (("a",), 160), (("a",), 190), (("a", "b"), 220)):
        shares_of.note(people, moment)
    a, b = shares.key("a"), shares.key("b")
    assert book(tmp_path) == [[100, 160, []], [160, 220, [a]], [220, 220, sorted([a, b])]]


def test_a_machine_that_was_off_is_in_no_span_and_midnight_loses_nothing(tmp_path: Path) -> None:
    shares_of = Shares(tmp_path)
    for moment in (1000, 1030, 9000, 86_390, 86_395):
        shares_of.note(["a"], moment)
    shares_of.note(["a"], 86_420)
    assert [span[:2] for span in book(tmp_path)] == [[1000, 1030], [9000, 9000], [86_390, 86_395]]
    assert [span[:2] for span in book(tmp_path, "1970-01-02")] == [[86_400, 86_420]]


def test_price_lies_beside_it_while_the_domain_tracks_costs(tmp_path: Path) -> None:
    price = {"hourly": "0.504", "currency": "USD", "as_of": "2026-11-01"}
    Shares(tmp_path).price(orders(price=price))
    assert json.loads((tmp_path / "price.json").read_text()) == price
    assert (tmp_path / "price.json").stat().st_mode & 0o777 == 0o644
    Shares(tmp_path).price(orders(price=price, cost_tracking=False))
    assert not (tmp_path / "price.json").exists()


def test_what_people_are_told_lies_beside_what_they_may_not_read(machine: Machine) -> None:
    assert machine.told.parent == machine.state
