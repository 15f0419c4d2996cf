from __future__ import annotations

from chalicelib.kernels import rules, service
from chalicelib.packs import reading
from chalicelib.packs import service as packs
from tests.unit.packs.raw import base


def test_genomics_gets_its_kernel_by_the_name_people_see() -> None:
    (plan,) = service.plan(packs.resolve("genomics"))
    assert plan.name == "genomics-python"
    assert plan.display_name == "Genomics Research (Python 3.11)"
    assert (plan.language, plan.version) == ("python", "3.11")
    assert plan.lock == "domain_packs/genomics/locks/python-py311-x86_64.txt"
    assert "samtools" in plan.system_packages
    assert plan.resources == {"cpus": 2, "memory_gb": 8, "gpus": 0}


def test_kernel_on_request_is_planned_only_when_asked_for() -> None:
    pack = packs.resolve("machine_learning")
    assert [plan.name for plan in service.plan(pack)] == ["machine_learning-python"]
    assert [plan.name for plan in service.plan(pack, also=("python-gpu",))][1] == "machine_learning-python-gpu"


def test_each_language_has_locks_of_its_own() -> None:
    python = base()["kernels"]["python"]
    kernels = {"r": python | {"version": "4.2"}, "julia": python | {"version": "1.11"}}
    pack = reading.resolve([("base", base(kernels=kernels, examples=[]))])
    assert [rules.lock_path(kernel).rpartition("/")[2] for kernel in pack.kernels] == [
        "r-r42-x86_64.txt",
        "julia-jl111-x86_64.txt",
    ]


def test_environment_reaches_the_plan() -> None:
    kernels = {"python": base()["kernels"]["python"] | {"env": {"OMP_NUM_THREADS": "2"}}}
    (plan,) = service.plan(reading.resolve([("base", base(kernels=kernels))]))
    assert plan.env == {"OMP_NUM_THREADS": "2"}
