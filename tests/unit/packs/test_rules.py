from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.packs import reading, rules
from chalicelib.packs.rules import TeamSize
from chalicelib.runtime.errors import BadInput
from tests.unit.packs.raw import base, dataset, put

PACK = reading.resolve([("base", base())])


@pytest.mark.parametrize(
    ("users", "size"),
    [
        (1, TeamSize.SMALL),
        (5, TeamSize.SMALL),
        (6, TeamSize.MEDIUM),
        (20, TeamSize.MEDIUM),
        (21, TeamSize.LARGE),
        (200, TeamSize.LARGE),
    ],
)
def test_team_of_some_people_has_a_size(users: int, size: TeamSize) -> None:
    assert rules.team_size(users) is size


def test_small_team_gets_the_small_list_in_the_order_it_was_written() -> None:
    assert rules.instance_for(PACK, users=5) == ("m6i.xlarge", "m5.xlarge")


def test_job_decides_before_the_team_size() -> None:
    assert rules.instance_for(PACK, users=50, job="gpu") == ("g5.xlarge", "g4dn.xlarge")


def test_wanted_type_comes_first_and_its_neighbours_follow() -> None:
    assert rules.instance_for(PACK, users=50, wanted="m5.xlarge", job="gpu") == ("m5.xlarge", "m6i.xlarge")


def test_wanted_type_that_no_list_has_stands_alone() -> None:
    assert rules.instance_for(PACK, users=5, wanted="p5.48xlarge") == ("p5.48xlarge",)


def test_mistyped_job_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadInput, match="unknown job 'gpus'") as refused:
        rules.instance_for(PACK, users=1, job="gpus")
    assert refused.value.hint == "did you mean 'gpu'?"


def test_job_that_the_pack_has_no_machine_for_is_refused_with_those_it_has() -> None:
    with pytest.raises(BadInput) as refused:
        rules.instance_for(PACK, users=1, job="memory")
    assert refused.value.hint == "base has machines for: general, gpu"


@given(st.integers(1, 200), st.none() | st.sampled_from(PACK.instances.types), st.none() | st.sampled_from(["general", "gpu"]))
def test_candidates_never_repeat_and_begin_with_what_was_wanted(users: int, wanted: str | None, job: str | None) -> None:
    found = rules.instance_for(PACK, users, wanted, job)
    assert found
    assert len(set(found)) == len(found)
    assert wanted is None or found[0] == wanted


def test_kernel_on_request_is_not_installed() -> None:
    kernels = base()["kernels"] | {"r": base()["kernels"]["python"] | {"on_request": True}}
    pack = reading.resolve([("base", base(kernels=kernels))])
    assert [kernel.name for kernel in pack.kernels] == ["base-python", "base-r"]
    assert [kernel.name for kernel in pack.installed_kernels] == ["base-python"]


def test_requirements_have_one_order_whatever_order_they_were_written_in() -> None:
    turned = put(base(), "kernels.python.packages", ["pandas>=2", "numpy"])
    assert reading.resolve([("base", turned)]).kernels[0].requirements == PACK.kernels[0].requirements


def test_pack_without_data_sets_gets_no_rights() -> None:
    assert rules.read_rights(PACK) == ()


def test_whole_bucket_may_be_listed_and_read_and_nothing_else() -> None:
    pack = reading.resolve([("base", base(datasets=[dataset()]))])
    read, listed = rules.read_rights(pack, "aws-us-gov")
    assert read["Action"] == ["s3:GetObject"]
    assert read["Resource"] == ["arn:aws-us-gov:s3:::a-bucket/*"]
    assert listed["Resource"] == ["arn:aws-us-gov:s3:::a-bucket"]


def test_part_of_a_bucket_is_listed_only_below_its_prefix() -> None:
    pack = reading.resolve([("base", base(datasets=[dataset(prefix="release/")]))])
    read, listed = rules.read_rights(pack)
    assert read["Resource"] == ["arn:aws:s3:::a-bucket/release/*"]
    assert listed["Condition"] == {"StringLike": {"s3:prefix": ["release/*"]}}


def test_controlled_data_are_not_granted_by_a_pack() -> None:
    pack = reading.resolve([("base", base(datasets=[dataset(access="controlled")]))])
    assert rules.read_rights(pack) == ()
