"""Do the packs that ship hold what they promise to AWS, to Jupyter and to each other?"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from botocore.session import get_session
from jsonschema import Draft202012Validator

from chalicelib.kernels import service as kernels
from chalicelib.limits.rules import hourly_price
from chalicelib.packs import service, yaml_files
from chalicelib.packs.rules import Language, Pack
from tools.locks import ROOT

NAMES = yaml_files.names()
SPEAKS = {Language.PYTHON: "ipykernel", Language.R: "r-cran-irkernel", Language.JULIA: "IJulia"}
FIELDS = (
    "agricultural_sciences",
    "astronomy_astrophysics",
    "atmospheric_chemistry",
    "benchmarking_performance",
    "chemistry_computational",
    "climate_modeling",
    "cybersecurity_research",
    "digital_humanities",
    "drug_discovery",
    "economics_finance",
    "food_science_nutrition",
    "forestry_natural_resources",
    "genomics",
    "geoscience",
    "geospatial_research",
    "machine_learning",
    "marine_biology_oceanography",
    "materials_science",
    "mathematical_modeling",
    "neuroscience",
    "physics_computational",
    "quantum_computing",
    "renewable_energy_systems",
    "social_sciences",
    "sports_science_biomechanics",
    "structural_biology",
    "visualization_studio",
)
ON_A_CARD = ("machine_learning", "visualization_studio", "structural_biology", "drug_discovery", "neuroscience")
SIMULATING = (
    "atmospheric_chemistry",
    "chemistry_computational",
    "climate_modeling",
    "geoscience",
    "materials_science",
    "mathematical_modeling",
    "physics_computational",
    "quantum_computing",
)


@pytest.fixture(params=NAMES)
def pack(request: pytest.FixtureRequest) -> Pack:
    return service.resolve(request.param)


@cache
def instance_types() -> frozenset[str]:
    return frozenset(get_session().get_service_model("ec2").shape_for("InstanceType").enum)  # type: ignore[attr-defined]


def notebook(pack: Pack, file: str) -> dict[str, Any]:
    text = (ROOT / "domain_packs" / pack.name / "notebooks" / file).read_text("utf-8")
    return dict(json.loads(text))


def test_all_27_fields_are_there_and_extend_base() -> None:
    assert len(FIELDS) == 27
    assert set(NAMES) >= {"base", *FIELDS}
    assert all("base" in service.resolve(name).lineage for name in FIELDS)


def test_file_is_what_the_schema_says(pack: Pack) -> None:
    schema = json.loads((files("domain_packs") / "_schema.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    wrong = [error.message for error in Draft202012Validator(schema).iter_errors(yaml_files.read(pack.name))]
    assert wrong == []


def test_every_instance_type_exists_and_has_a_price(pack: Pack) -> None:
    assert set(pack.instances.types) <= instance_types()
    assert [name for name in pack.instances.types if hourly_price(name, "us-east-1") is None] == []


def test_every_list_of_instances_has_something_to_fall_back_on(pack: Pack) -> None:
    for types in (*pack.instances.team.values(), *pack.instances.job.values()):
        assert len(types) >= 2


def test_every_kernel_has_its_lock(pack: Pack) -> None:
    for plan in kernels.plan(pack, also=tuple(kernel.key for kernel in pack.kernels)):
        assert (ROOT / plan.lock).is_file()


def test_every_kernel_can_talk_to_jupyter(pack: Pack) -> None:
    for kernel in pack.kernels:
        assert SPEAKS[kernel.language] in {word.partition("@")[0] for word in kernel.packages}
        assert kernel.version in kernel.display_name


def test_there_are_two_examples_and_no_notebook_beside_them(pack: Pack) -> None:
    shipped = {path.name for path in (ROOT / "domain_packs" / pack.name / "notebooks").glob("*.ipynb")}
    assert shipped == {example.file for example in pack.examples}
    assert len(shipped) >= 2


def test_notebooks_name_the_packs_kernel_and_hold_no_output(pack: Pack) -> None:
    known = {kernel.key: kernel for kernel in pack.kernels}
    for example in pack.examples:
        content = notebook(pack, example.file)
        kernel = known[example.kernel]
        assert content["metadata"]["kernelspec"]["name"] == kernel.name
        assert content["metadata"]["kernelspec"]["display_name"] == kernel.display_name
        code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
        assert "check: " in "".join(code[-1]["source"])


def test_data_sets_of_one_pack_have_different_names(pack: Pack) -> None:
    names = [one.name for one in pack.datasets]
    assert len(set(names)) == len(names)


def test_labs_with_dear_cards_stop_sooner_and_see_a_card_at_work() -> None:
    base = service.resolve("base").idle
    for name in ON_A_CARD:
        pack = service.resolve(name)
        assert pack.idle.auto_shutdown < base.auto_shutdown
        assert pack.idle.thresholds.gpu_percent < base.thresholds.gpu_percent
        assert "gpu" in pack.instances.job


def test_labs_that_simulate_may_be_silent_for_days() -> None:
    for name in SIMULATING:
        assert service.resolve(name).idle.max_busy >= 72
        assert service.resolve(name).idle.thresholds.cpu_percent < service.resolve("base").idle.thresholds.cpu_percent


def test_genomics_brings_what_its_users_expect() -> None:
    pack = service.resolve("genomics")
    assert {"1000genomes", "gnomad"} <= {one.name for one in pack.datasets}
    assert {"bwa", "samtools", "bcftools", "tabix", "rna-star", "minimap2"} <= set(pack.kernels[0].system)
