"""Lines that are none are named, and what cannot be a trace is refused; the schema says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from aws_research_wizard import simulate
from aws_research_wizard.simulate import synthetic
from aws_research_wizard.simulate.policies import BadPolicy, of, read
from aws_research_wizard.simulate.reading import BadTrace, parse
from aws_research_wizard.simulate.usage import lines

SCHEMA = json.loads((Path(simulate.__file__).parent / "trace.schema.json").read_text(encoding="utf-8"))
VALID = jsonschema.Draft202012Validator(SCHEMA)
HEAD = {"line": "trace", "version": 1, "from": "2026-10-05T00:00:00Z", "to": "2026-10-06T00:00:00Z"}
A_LAB = {"line": "lab", "lab": "a", "domain": "genomics", "region": "us-east-1", "instance_type": "r6i.2xlarge"}
CELL = {"line": "cell", "lab": "a", "user": "ada", "from": "2026-10-05T08:00:00Z", "to": "2026-10-05T09:00:00Z"}


def text(*said: Any) -> list[str]:
    return [one if isinstance(one, str) else json.dumps(one) for one in said]


def test_a_synthetic_trace_follows_the_schema() -> None:
    for line in lines(synthetic.month(1, 9, 3)):
        VALID.validate(json.loads(line))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"line": "cell", "cpu": NaN}', "it is not JSON"),
        ({"line": "dream"}, "'line' is \"dream\"; it may be trace, lab, present, cell"),
        (CELL | {"lab": "b"}, "lab b is not described by a line before"),
        (CELL | {"to": CELL["from"]}, "'to' is not after 'from'"),
        (CELL | {"from": "yesterday"}, "'from' is no moment: yesterday"),
        (CELL | {"from": "2026-10-05T08:00:00"}, "'from' has no time zone"),
        (CELL | {"cpu": -1}, "'cpu' is negative"),
        (CELL | {"cpu": "much"}, "'cpu' is not a number"),
        (CELL | {"memory_gb": 1e12}, "'memory_gb' is too large"),
        (CELL | {"work": 1}, "'work' is not true or false"),
        (CELL | {"user": ""}, "'user' is missing"),
        (CELL | {"colour": 1}, "a line 'cell' has no 'colour'"),
        (CELL | {"line": "present", "every_s": 0}, "'every_s' must be at least 1"),
        (CELL | {"line": "tab", "cpu": 1}, "a line 'tab' has no 'cpu'"),
        (A_LAB, "lab a was described before"),
        (A_LAB | {"lab": "b", "zone": "Europe/Atlantis"}, "'zone' is no time zone"),
        (A_LAB | {"lab": "b", "policy": {"idel": 3}}, "'policy' has 'idel'"),
        (HEAD, "there was a line 'trace' before"),
        (HEAD | {"version": 2}, "'version' is 2; this program reads 1"),
    ],
)
def test_a_malformed_line_is_named_with_its_number_and_the_rest_is_read(line: Any, reason: str) -> None:
    trace = parse(text(HEAD, A_LAB, "", line, CELL))
    ((number, why),) = trace.malformed
    assert number == 4
    assert why.startswith(reason)
    assert len(trace.usage.spans) == 1


@pytest.mark.parametrize(
    "line",
    [
        {"line": "dream"},
        CELL | {"cpu": -1},
        CELL | {"colour": 1},
        CELL | {"line": "tab", "cpu": 1},
        CELL | {"user": ""},
        HEAD | {"version": 2},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(line: dict[str, Any]) -> None:
    assert not VALID.is_valid(line)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ((), "the trace is empty"),
        ((A_LAB, CELL), "the trace has no line 'trace'"),
        ((HEAD,), "the trace is empty: it has no lab"),
        ((HEAD, A_LAB), "the trace is empty: it has no usage"),
        ((HEAD, A_LAB, "{"), "the trace is empty: it has no usage (line 3: it is not JSON)"),
        (
            (HEAD, A_LAB, CELL | {"from": "2026-10-05T08:00:00+02:00"}),
            "the trace mixes time zones: line 1 is in +0000, line 3 in +0200",
        ),
    ],
)
def test_what_cannot_be_a_trace_is_refused(said: tuple[Any, ...], wrong: str) -> None:
    with pytest.raises(BadTrace) as refused:
        parse(text(*said))
    assert refused.value.message == wrong
    assert refused.value.hint


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"idel": 30}, "a policy has no 'idel': did you mean 'idle'?"),
        ({"idle": -1}, "'idle' is negative: -1"),
        ({"idle": 0}, "'idle' is 0: nothing would ever have time"),
        ({"idle": "short"}, "'idle' is not a number: \"short\""),
        ({"idle": float("nan")}, "'idle' is not a number: NaN"),
        ({"minute_s": 1}, "a policy has no 'minute_s'"),
        ({"name": "always-on"}, "'always-on' cannot be the name of a policy of one's own"),
        ({"hours": "nine to five"}, "'hours' is no timetable"),
        ({"hours": {"start": "19:00", "stop": "08:00"}}, "'hours' stops before it starts"),
        ({"hours": {"tz": "Europe/Atlantis"}}, "'hours' is no timetable"),
        ({"hours": {"days": "mo-fr"}}, "'hours' is no timetable"),
        ({"hours": {}, "idle": 30}, "a timetable ('hours') asks nothing else"),
    ],
)
def test_a_policy_nobody_can_follow_is_refused(said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(BadPolicy) as refused:
        of(said, "mine")
    assert refused.value.message.startswith(wrong)
    assert refused.value.hint


def test_a_policy_is_read_from_its_file_and_named_for_it(tmp_path: Path) -> None:
    file = tmp_path / "ours.json"
    file.write_text('{"idle": 45, "warning": 20}')
    assert (read(file).name, read(file).settings) == ("ours", {"idle": 45.0, "warning": 20.0})
    file.write_text('{"hours": {"days": "sat-mon"}}')
    assert read(file).hours.days == {5, 6, 0}
    for wrong in ("idle: 45", "[]"):
        file.write_text(wrong)
        with pytest.raises(BadPolicy):
            read(file)
