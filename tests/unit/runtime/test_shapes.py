"""Shapes: light classes that agree with the pydantic models they stand for."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import ValidationError

from chalicelib.runtime.shapes import Asked, Field, Told, model_of

Word = Annotated[str, Field(pattern="^[a-z]+$", examples=["abc"])]


class Phase(StrEnum):
    READY = "READY"


class Part(Told):
    at: datetime
    price: Decimal | None = None


class Whole(Told):
    """The whole."""

    phase: Phase
    parts: list[Part]
    by_name: dict[str, Part]
    note: str | None = Field(default=None, description="A note")


class More(Whole):
    extra: int = 1


class Wanted(Asked):
    word: Word | None = None
    words: list[Word] = Field(default_factory=list, max_length=2)
    kind: Literal["a", "b"] = "a"
    inner: Inner | None = None

    def shout(self) -> str:
        return str(self.word).upper()


class Inner(Asked):
    n: int = Field(ge=1)


class Lenient(Asked):
    model_config = Asked.model_config | {"extra": "ignore"}

    n: int = 0


MOMENT = datetime(2026, 11, 23, 9, 0, 0, 5, tzinfo=UTC)
PART = {"at": MOMENT, "price": Decimal("0.50")}


def test_a_light_answer_reads_like_the_one_pydantic_writes() -> None:
    light = More(phase=Phase.READY, parts=[Part(**PART)], by_name={"x": Part(at=MOMENT)})
    real = model_of(More)(phase=Phase.READY, parts=[PART], by_name={"x": {"at": MOMENT}})
    assert json.loads(light.model_dump_json()) == json.loads(real.model_dump_json())
    assert list(json.loads(light.model_dump_json())) == ["phase", "parts", "by_name", "note", "extra"]


def test_an_answer_has_exactly_its_fields() -> None:
    with pytest.raises(TypeError, match=r"missing \['at'\]"):
        Part()
    with pytest.raises(TypeError, match=r"unknown \['colour'\]"):
        Part(at=MOMENT, colour="red")


def test_answers_are_values() -> None:
    assert Part(**PART) == Part(**PART)
    assert Part(**PART) != Part(at=MOMENT)
    assert "price=Decimal('0.50')" in repr(Part(**PART))
    assert Part(**PART).model_copy(update={"price": None}) == Part(at=MOMENT)


def test_an_answer_can_be_read_from_attributes() -> None:
    class Stored:
        at, price = MOMENT, Decimal(1)

    assert json.loads(Part.model_validate(Stored(), from_attributes=True).model_dump_json())["price"] == "1"
    assert Part.model_validate(PART) == Part(**PART)


def test_what_json_cannot_say_is_said_plainly() -> None:
    class Odd(Told):
        value: Any

    assert json.loads(Odd(value=[date(2026, 1, 2), {3, 1}, frozenset("b")]).model_dump_json()) == {
        "value": ["2026-01-02", [1, 3], ["b"]]
    }
    with pytest.raises(TypeError, match="cannot be told"):
        Odd(value=object()).model_dump_json()


def test_a_request_is_validated_by_pydantic() -> None:
    wanted = Wanted.model_validate({"word": " abc ", "words": ["x"], "inner": {"n": 2}})
    assert (wanted.word, wanted.words, wanted.inner.n, wanted.shout()) == ("abc", ["x"], 2, "ABC")
    for bad in ({"word": "A"}, {"words": ["a", "b", "c"]}, {"words": ["1"]}, {"kind": "c"}, {"inner": {"n": 0}}, {"unknown": 1}):
        with pytest.raises(ValidationError):
            Wanted.model_validate(bad)
    assert Wanted(word="abc") == Wanted.model_validate({"word": "abc"})


def test_a_request_that_says_nothing_has_its_defaults() -> None:
    blank = Wanted.model_validate({})
    assert (blank.word, blank.words, blank.kind, blank.shout()) == (None, [], "a", "NONE")
    with pytest.raises(ValidationError):
        Inner.model_validate({})


def test_a_request_may_be_lenient() -> None:
    assert Lenient.model_validate({"n": 1, "new": 2}).n == 1


def test_the_schema_is_pydantics() -> None:
    schema = model_of(Whole).model_json_schema(mode="serialization")
    assert schema["description"] == "The whole."
    assert schema["properties"]["note"]["description"] == "A note"
    assert set(schema["$defs"]) == {"Part", "Phase"}
    wanted = model_of(Wanted).model_json_schema()
    assert wanted["properties"]["words"]["items"] == {"type": "string", "pattern": "^[a-z]+$", "examples": ["abc"]}
    assert wanted["additionalProperties"] is False


def test_the_whole_api_is_imported_without_pydantic_or_boto3() -> None:
    code = "import sys, app; print([name for name in ('pydantic', 'boto3', 'aws_xray_sdk', 'yaml') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ".:vendor"}
    )
    assert done.stdout.strip() == "[]"
