from __future__ import annotations

import pytest

from chalicelib.packs import yaml_files
from chalicelib.runtime.errors import PackBroken

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


def test_packs_are_found_by_their_folders() -> None:
    assert {"base", "genomics", "climate_modeling", "machine_learning"} <= set(yaml_files.names())


@pytest.mark.parametrize("name", ["../base", "base/", "", ".", "BASE", "base\0", "b" * 200, "_schema.json"])
def test_strange_name_is_no_pack_and_touches_no_file(name: str) -> None:
    assert yaml_files.read(name) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no mapping"),
        ("- a", "holds no mapping"),
        ("a: 1\nb: [", "line "),
        ("a: 1\nb: 2\na: 3", "line 3: 'a' stands here twice"),
        ("a:\n  b: 1\n  b: 2", "line 3: 'b' stands here twice"),
        ("a:\n  - {b: 1, b: 2}", "line 2: 'b' stands here twice"),
        (BOMB, "aliases (&, *) are not used in packs"),
        ("a: &a\n  b: *a", "aliases (&, *) are not used in packs"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: 2026-99-99", "month must be in 1..12"),
        ("a: '\x07'", "control characters are not allowed"),
        ("a: " + "[" * 3000, ""),
        ("#" * 300_000, "larger than 256 KB"),
    ],
)
def test_what_is_not_plain_yaml_is_told_in_one_line(text: str, said: str) -> None:
    with pytest.raises(PackBroken) as refused:
        yaml_files.parse("odd", text)
    assert said in refused.value.message
    assert refused.value.message.startswith("pack odd: ")
    assert "\n" not in refused.value.message


def test_plain_yaml_is_read() -> None:
    assert yaml_files.parse("odd", "a: [1, {b: two}]\nc:\n") == {"a": [1, {"b": "two"}], "c": None}
