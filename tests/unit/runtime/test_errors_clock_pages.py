"""The small values of the runtime: errors, moments, cursors."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.runtime import errors, pages
from chalicelib.runtime.clock import iso, parse_iso

MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))


def every_error(kind: type[errors.AppError] = errors.AppError) -> list[type[errors.AppError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in every_error(child))]


@pytest.mark.parametrize("kind", every_error()[1:])
def test_every_error_is_drawn_in_the_tree_with_its_status(kind: type[errors.AppError]) -> None:
    if not kind.__module__.endswith("runtime.errors"):
        return
    line = next(line for line in (errors.__doc__ or "").splitlines() if f"── {kind.__name__} " in line)
    assert kind.status == 500 or issubclass(kind, errors.TaskError | errors.Conflict) or str(kind.status) in line


def test_an_error_keeps_message_hint_and_code() -> None:
    error = errors.NotFound("no lab x", "list them")
    assert (str(error), error.message, error.hint, error.code) == ("no lab x", "no lab x", "list them", "not_found")
    assert errors.NotFound("x", code="no_such_lab").code == "no_such_lab"


@pytest.mark.parametrize(
    ("word", "hint"),
    [("genomic", "did you mean 'genomics'?"), ("GENOMICS", "did you mean 'genomics'?"), ("zzz", ""), ("", "")],
)
def test_a_near_miss_names_the_closest_known_word(word: str, hint: str) -> None:
    assert errors.near_miss(word, ["genomics", "climate_modeling"]) == hint


@given(MOMENTS, MOMENTS)
def test_written_moments_sort_as_time_does(one: datetime, other: datetime) -> None:
    assert (iso(one) < iso(other)) == (one < other)
    assert parse_iso(iso(one)) == one


def test_a_moment_of_another_zone_is_written_in_utc() -> None:
    moment = datetime(2026, 11, 23, 10, tzinfo=timezone(timedelta(hours=1)))
    assert iso(moment) == "2026-11-23T09:00:00.000000Z"
    assert parse_iso("2026-11-23T09:00:00") == moment


def test_a_cursor_comes_back_as_the_key_it_was_made_of() -> None:
    key = {"pk": {"S": "LAB#x"}, "sk": {"S": "ü"}}
    cursor = pages.encode(key, "labs of ada")
    assert cursor is not None
    assert pages.decode(cursor, "labs of ada") == key
    assert pages.encode(None, "x") is None
    assert pages.decode(None, "x") is None


def forged(**content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor", ["abc", "!!!", "x" * 2000, forged(v=0, of="", key={}), forged(v=1), forged(v=1, of="x", key=[])]
)
def test_a_stale_or_edited_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(errors.BadInput, match="stale or foreign cursor"):
        pages.decode(cursor, "mine")


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(errors.BadInput, match="stale or foreign cursor"):
        pages.decode(pages.encode({"pk": {"S": "x"}}, "yours"), "mine")


@given(st.text(max_size=80))
def test_no_text_whatever_breaks_the_reading_of_cursors(text: str) -> None:
    if not text:
        assert pages.decode(text, "mine") is None
        return
    with pytest.raises(errors.BadInput):
        pages.decode(text, "mine")
