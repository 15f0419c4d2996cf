from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chalicelib.packs import reading
from chalicelib.packs.rules import Access, Language
from chalicelib.runtime.errors import PackBroken
from tests.unit.packs.raw import base, child, dataset, put

SCHEMA = Draft202012Validator(json.loads((files("domain_packs") / "_schema.json").read_text("utf-8")))
WORDS = st.dictionaries(st.sampled_from("abc"), st.integers() | st.dictionaries(st.sampled_from("xyz"), st.integers()))


def line(**other: Any) -> list[tuple[str, dict[str, Any]]]:
    return [("base", base()), ("child", child(**other))]


def test_child_adds_packages_to_its_parents_kernel() -> None:
    pack = reading.resolve(line(kernels={"python": {"display_name": "Child", "packages": ["pysam"]}}))
    kernel = pack.kernels[0]
    assert kernel.packages == ("numpy", "pandas>=2", "pysam")
    assert (kernel.name, kernel.display_name, kernel.version) == ("child-python", "Child", "3.11")


def test_child_that_names_a_package_again_has_the_last_word() -> None:
    pack = reading.resolve(line(kernels={"python": {"packages": ["Pandas==3.0"]}}))
    assert pack.kernels[0].packages == ("numpy", "Pandas==3.0")


def test_kernel_that_a_child_says_nothing_about_keeps_its_parents_name_and_lock() -> None:
    assert reading.resolve(line()).kernels[0].name == "base-python"


def test_examples_are_not_inherited_for_they_name_the_parents_kernel() -> None:
    assert reading.resolve(line()).examples == ()


def test_data_sets_are_added_and_other_lists_replaced() -> None:
    above = line(datasets=[dataset(name="two")], instances={"team": {"small": ["r6i.xlarge"]}})
    pack = reading.resolve([("base", base(datasets=[dataset(name="one")])), above[1]])
    assert [one.name for one in pack.datasets] == ["one", "two"]
    assert pack.instances.team["small"] == ("r6i.xlarge",)
    assert pack.instances.team["large"] == ("m6i.8xlarge",)


def test_why_names_the_pack_that_each_value_came_from() -> None:
    pack = reading.resolve(line(kernels={"python": {"packages": ["pysam", "numpy"]}}, idle={"auto_shutdown": 30}))
    assert pack.why["kernels.python.packages.pysam"] == "child"
    assert pack.why["kernels.python.packages.numpy"] == "child"
    assert pack.why["kernels.python.packages.pandas"] == "base"
    assert pack.why["idle.auto_shutdown"] == "child"
    assert pack.why["idle.thresholds.cpu_percent"] == "base"
    assert pack.why["title"] == "child"
    assert "examples" not in pack.why
    assert pack.lineage == ("base", "child")


@given(WORDS, WORDS)
def test_overlay_keeps_every_key_and_the_upper_value(below: dict[str, Any], above: dict[str, Any]) -> None:
    merged = reading.overlay(below, above)
    assert merged.keys() == below.keys() | above.keys()
    assert all(merged[key] == value for key, value in above.items() if not isinstance(value, dict))
    assert reading.overlay(merged, above) == merged


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("numpy", "numpy"),
        ("Scikit_Learn>=1.5", "scikit-learn"),
        ("ruamel.yaml[x] ; python_version<'4'", "ruamel-yaml"),
        ("?", "?"),
    ],
)
def test_distribution_is_the_normalised_name(asked: str, name: str) -> None:
    assert reading.distribution(asked) == name


def test_language_is_the_key_unless_said_otherwise() -> None:
    python = base()["kernels"]["python"]
    kernels = {"r": python | {"version": "4.2"}, "python-gpu": python | {"language": "python"}}
    pack = reading.resolve([("base", base(kernels=kernels, examples=[]))])
    assert [kernel.language for kernel in pack.kernels] == [Language.R, Language.PYTHON]


def test_data_set_and_environment_are_read_whole() -> None:
    raw = put(base(datasets=[dataset(prefix="x/", access="requester-pays")]), "kernels.python.env", {"OMP_NUM_THREADS": "2"})
    pack = reading.resolve([("base", raw)])
    assert pack.datasets[0].access is Access.REQUESTER_PAYS
    assert pack.datasets[0].prefix == "x/"
    assert pack.kernels[0].env == {"OMP_NUM_THREADS": "2"}


WRONG = [
    ("name", "other", "the folder and the name must be one"),
    ("title", None, "title is missing"),
    ("title", 7, 'put it in quotes: "7"'),
    ("kernels", [], "kernels. must be a mapping"),
    ("kernels.python.version", 3.11, "kernels.python.version must be text"),
    ("kernels.python.version", "three", "kernels.python.version is 'three'"),
    ("kernels.python.language", "pyton", "did you mean 'python'?"),
    ("kernels.python.packages", "numpy", "must be a list of words"),
    ("kernels.python.packages", [1], "must be a list of words"),
    ("kernels.python.pakages", ["numpy"], "did you mean 'packages'?"),
    ("kernels.python.resources.cpus", 0, "must be a number from 1 to 448"),
    ("kernels.python.resources.cpus", True, "must be a number"),
    ("kernels.python.on_request", "yes", "must be true or false"),
    ("examples.0.file", "../../etc/passwd", "examples[0].file is '../../etc/passwd'"),
    ("examples.0.kernel", "pyton", "did you mean 'python'?"),
    ("examples", {}, "examples must be a list"),
    ("examples", ["one.ipynb"], "examples[0]. must be a mapping"),
    ("datasets", [dataset(access="free")], "one of: public, requester-pays"),
    ("datasets", [dataset(bucket="*")], "datasets[0].bucket is '*'"),
    ("datasets", [dataset(prefix="no-slash")], "datasets[0].prefix is 'no-slash'"),
    ("datasets", [dataset(region="everywhere")], "datasets[0].region is 'everywhere'"),
    ("instances.team.small", [], "instances.team.small names no instance type"),
    ("instances.team.tiny", ["t3.nano"], "instances.team.tiny is not known here"),
    ("instances.job.gpus", ["g5.xlarge"], "instances.job.gpus is not known here"),
    ("idle.auto_shutdown", 1, "must be a number from 5 to 10080"),
    ("cost_tracking", "on", "must be true or false"),
    ("colour", "red", "colour is not known here"),
]


@pytest.mark.parametrize(("path", "value", "said"), WRONG, ids=[f"{path}={value!r:.20}" for path, value, _ in WRONG])
def test_wrong_value_is_named_with_its_path_and_a_remedy(path: str, value: object, said: str) -> None:
    with pytest.raises(PackBroken) as refused:
        reading.resolve([("base", put(base(), path, value))])
    assert said in f"{refused.value.message} {refused.value.hint}"
    assert refused.value.message.startswith("pack base: ")


@pytest.mark.parametrize(("path", "value", "said"), WRONG, ids=[f"{path}={value!r:.20}" for path, value, _ in WRONG])
def test_editors_see_the_same_mistakes(path: str, value: object, said: str) -> None:
    needs_more_than_a_schema = path in ("name", "examples.0.kernel")
    assert SCHEMA.is_valid(put(base(), path, value)) == needs_more_than_a_schema


def test_kernel_name_that_could_leave_its_folder_is_refused() -> None:
    kernels = {"../python": base()["kernels"]["python"]}
    with pytest.raises(PackBroken, match="no kernel name"):
        reading.resolve([("base", base(kernels=kernels, examples=[]))])
    assert not SCHEMA.is_valid(base(kernels=kernels, examples=[]))


def test_good_pack_pleases_both() -> None:
    good = base(datasets=[dataset(prefix="release/")])
    assert SCHEMA.is_valid(good)
    assert reading.resolve([("base", good)]).name == "base"
    assert SCHEMA.is_valid(child())


def _properties(schema: dict[str, Any], way: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, value in schema.get("properties", {}).items():
        yield f"{way}{name}", value
        yield from _properties(value, f"{way}{name}.")
    for name, value in schema.get("$defs", {}).items():
        yield from _properties(value, f"{name}.")


def test_an_editor_can_explain_every_field() -> None:
    silent = [way for way, value in _properties(dict(SCHEMA.schema)) if not value.get("description")]
    assert silent == []


def test_the_schema_offers_the_words_that_the_reader_takes() -> None:
    fields = dict(_properties(dict(SCHEMA.schema)))
    assert fields["kernel.language"]["enum"] == [word.value for word in Language]
    assert fields["dataset.access"]["enum"] == [word.value for word in Access]
