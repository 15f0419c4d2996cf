from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from aws_research_wizard.host.people import People
from aws_research_wizard.host.tickets import Reason, Ticket, TicketRefused, Used, admit, read

KEY, LAB, NOW = b"k" * 32, "base-k3x9", 1_000_000.0
CLAIMS = {"sub": "Ada@Example.org", "role": "member", "lab": LAB, "iat": NOW, "exp": NOW + 120, "jti": "j1"}


def signed(key: bytes = KEY, algorithm: str = "HS256", **changed: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm)


def reason(text: str, now: float = NOW) -> Reason:
    with pytest.raises(TicketRefused) as refused:
        read(text, KEY, LAB, now)
    return refused.value.reason


def test_good_ticket_is_read() -> None:
    assert read(signed(), KEY, LAB, NOW + 119) == Ticket("ada@example.org", "member", "j1", NOW, NOW + 120)


def unsigned() -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none", "typ": "JWT"}, CLAIMS)
    ]
    return ".".join([*parts, ""])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", Reason.MISSING),
        ("not a ticket", Reason.FOREIGN),
        (signed(key=b"x" * 32), Reason.FOREIGN),
        (signed(key=b"k" * 64, algorithm="HS512"), Reason.FOREIGN),
        (unsigned(), Reason.FOREIGN),
        (signed(lab="other-aaaa"), Reason.FOREIGN),
        (signed(aud="other-aaaa"), Reason.FOREIGN),
        (signed(jti=None), Reason.FOREIGN),
        (signed(exp=None), Reason.FOREIGN),
        (signed(exp=NOW - 60), Reason.EXPIRED),
    ],
)
def test_bad_ticket_is_refused(text: str, why: Reason) -> None:
    assert reason(text) is why


def test_time_of_a_ticket_allows_for_clocks_that_differ() -> None:
    read(signed(), KEY, LAB, NOW + 129)
    assert reason(signed(), NOW + 131) is Reason.EXPIRED


def test_viewer_may_not_work() -> None:
    with pytest.raises(TicketRefused) as refused:
        admit(read(signed(role="viewer"), KEY, LAB, NOW), People())
    assert (refused.value.reason, refused.value.person) == (Reason.VIEWER, "ada@example.org")


def test_ticket_from_before_a_removal_is_worthless_and_one_after_it_is_not() -> None:
    ticket = read(signed(), KEY, LAB, NOW)
    with pytest.raises(TicketRefused):
        admit(ticket, People({}, {"ada@example.org": NOW + 30}))
    admit(ticket, People({}, {"ada@example.org": NOW - 30}))


def test_ticket_is_used_once_also_after_a_restart(tmp_path: Path) -> None:
    ticket = read(signed(), KEY, LAB, NOW)
    Used(tmp_path / "used.json").take(ticket, NOW)
    with pytest.raises(TicketRefused) as refused:
        Used(tmp_path / "used.json").take(ticket, NOW + 1)
    assert refused.value.reason is Reason.USED


def test_expired_tickets_are_forgotten(tmp_path: Path) -> None:
    used = Used(tmp_path / "used.json")
    used.take(Ticket("a@x", "member", "old", NOW, NOW + 120), NOW)
    used.take(Ticket("a@x", "member", "new", NOW + 500, NOW + 620), NOW + 500)
    assert list(json.loads((tmp_path / "used.json").read_text())) == ["new"]
