"""Lists as real programs print them: what is carried, what stays behind, and that no bytes whatever end in a traceback."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_research_wizard.packs.environments import freeze, kernelspecs, packages, texts
from aws_research_wizard.packs.environments.lines import ImportRefused

TOOLS = frozenset({"samtools", "bwa"})


def carried(text: str) -> list[str]:
    found = packages.read(text, TOOLS)
    return [one.requirement for one in (*found.carried, *found.tools)]


def left(text: str) -> list[tuple[int, str]]:
    return [(one.line, one.why) for one in packages.read(text, TOOLS).left]


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("  pandas >= 2 , < 3  # tables", "pandas<3,>=2"),
        ("requests[socks]==2.32.3", "requests[socks]==2.32.3"),
        ("tomli==2.0.1 ; python_version < '3.12'", "tomli==2.0.1"),
        ("torch==2.3.0+cu121", "torch==2.3.0"),
        ("clr-loader===0.2", "clr-loader===0.2"),
        ("scipy==1.11.0 --hash=sha256:00ff", "scipy==1.11.0"),
        (
            "numpy @ file:///croot/numpy_1704311704800/work/dist/numpy-1.26.3-cp311-cp311-linux_x86_64.whl#sha256=ab",
            "numpy==1.26.3",
        ),
        ("attrs @ file:///home/conda/feedstock_root/build_artifacts/attrs_1704011227531/work", "attrs"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("matplotlib-base=3.8.4=py311h54ef318_0", "matplotlib==3.8.4"),
        ("pytorch=2.3.0=cpu_py311", "torch==2.3.0"),
        ("samtools=1.19=h50ea8bc_0", "samtools"),
        ("numpy                     1.26.4          py311h64a7726_0    conda-forge", "numpy==1.26.4"),
        ("mylib                     0.3.1                    pypi_0    pypi", "mylib==0.3.1"),
        ("https://conda.anaconda.org/conda-forge/noarch/tqdm-4.66.4-pyhd8ed1ab_0.conda#59c1", "tqdm==4.66.4"),
        ("Jinja2            3.1.4", "Jinja2==3.1.4"),
    ],
)
def test_a_line_is_carried(line: str, requirement: str) -> None:
    assert carried(line) == [requirement]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-e git+https://github.com/lab/tool.git@0f3a#egg=tool", freeze.NO_VCS),
        ("-e /home/ada/tool", freeze.OWN_FOLDER),
        ("--editable=./tool", freeze.OWN_FOLDER),
        ("tool            0.1    /home/ada/tool", freeze.OWN_FOLDER),
        ("tool @ git+ssh://git@example.org/lab/tool@main", freeze.NO_VCS),
        ("tool @ file:///home/ada/dist/tool-0.1-py3-none-any.whl", freeze.NO_FILE),
        ("tool @ https://example.org/tool-0.1-py3-none-any.whl", freeze.NO_ADDRESS),
        ("./wheels/tool-0.1-py3-none-any.whl", freeze.NO_FILE),
        ("git+https://example.org/tool", freeze.NO_VCS),
        ("-r more.txt", freeze.OPTIONS["-r"]),
        ("--extra-index-url https://me:secret@example.org/simple", freeze.OPTIONS["-i"]),
        ("--find-links=/wheels", freeze.OPTIONS["-f"]),
        ("pkg-resources==0.0.0", freeze.DEBIAN),
        ("pywin32==306 ; sys_platform == 'win32'", 'it is for other machines only (sys_platform == "win32")'),
        ("_libgcc_mutex=0.1=main", "no Python package: the packages that need it bring their own"),
        ("openssl=3.3.0=hd590300_0", "no Python package: the packages that need it bring their own"),
        ("r-ggplot2=3.5.1=r43hc72bb7e_0", "an R package: a pack has them in a kernel of R, not in Python's"),
    ],
)
def test_a_line_is_left_behind_with_its_reason(line: str, why: str) -> None:
    assert left(f"# a list\n\n{line}\n") == [(3, why)]
    assert carried(line) == []


def test_odd_lines_are_told_one_by_one() -> None:
    text = "numpy==1\nthis is no requirement\n==\n\U0001f600\n"
    assert [line for line, _ in left(text)] == [2, 3, 4]
    assert carried(text) == ["numpy==1"]


def test_a_password_in_an_address_is_not_repeated() -> None:
    found = packages.read(
        "--extra-index-url https://me:hunter2@example.org/simple\ntool @ git+https://tok3n@example.org/tool\n", ()
    )
    assert len(found.left) == 2
    assert not [one for one in found.left if "hunter2" in one.text + one.why or "tok3n" in one.text + one.why]


def test_of_a_package_listed_twice_the_first_line_counts() -> None:
    text = "Scikit_Learn==1.4\nscikit-learn==1.5\n"
    assert carried(text) == ["Scikit_Learn==1.4"]
    assert left(text) == [(2, "scikit-learn stands on line 1 already")]


def test_what_somebody_leaves_out_is_told_as_such() -> None:
    found = packages.read("numpy==1\nMy_Tool==2\n", (), ("my-tool",))
    assert [one.requirement for one in found.carried] == ["numpy==1"]
    assert [(one.line, one.why) for one in found.left] == [(2, "you asked to leave it out")]


def test_a_private_name_is_never_looked_for_on_the_index() -> None:
    """Somebody else may have taken it there."""
    assert carried("mylab @ file:///home/ada/mylab-1.0-py3-none-any.whl\n-e /home/ada/mylab\n") == []


CONDA_LIST = """\
# packages in environment at /opt/conda:
#
# Name                    Version                   Build  Channel
_libgcc_mutex             0.1                 conda_forge    conda-forge
bwa                       0.7.18               he4a0461_0    bioconda
pandas                    2.2.2           py311h14de704_1    conda-forge
python                    3.11.9          hb806964_0_cpython    conda-forge
mytool                    1.0                      pypi_0    pypi
"""


def test_condas_table_is_read() -> None:
    assert carried(CONDA_LIST) == ["pandas==2.2.2", "mytool==1.0", "bwa"]
    assert [line for line, _ in left(CONDA_LIST)] == [4, 7]


def test_json_of_pip_and_of_conda_is_read() -> None:
    pip = [{"name": "numpy", "version": "1.26.4"}, {"name": "tool", "version": "1", "editable_project_location": "/home/ada"}]
    conda = [{"name": "openssl", "version": "3.3", "build_string": "h_0", "channel": "conda-forge"}, {"name": "x"}, 7]
    assert carried(json.dumps(pip)) == ["numpy==1.26.4"]
    assert [line for line, _ in left(json.dumps(pip))] == [2]
    assert [line for line, _ in left(json.dumps(conda))] == [1, 2, 3]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_any_common_encoding_and_line_end_reads_the_same(encoding: str) -> None:
    assert carried(texts.decoded("numpy==1.26.4\r\npandas==2.2.2\r\n".encode(encoding))) == ["numpy==1.26.4", "pandas==2.2.2"]


def test_ten_thousand_packages_are_read() -> None:
    assert len(carried("\n".join(f"package-{number}==1.{number}" for number in range(10_000)))) == 10_000


def test_a_list_beyond_reason_is_refused() -> None:
    with pytest.raises(ImportRefused, match="more than 20,000 lines"):
        packages.read("a==1\n" * 20_001, ())


# ---- kernels -------------------------------------------------------------------------------------------------------------

TEXT = """\
Available kernels:
  ir         /usr/share/jupyter/kernels/ir
  julia-1.10 /home/ada/.local/share/jupyter/kernels/julia-1.10
  teaching   /home/ada/.local/share/jupyter/kernels/teaching
  python3    /opt/venv/lib/python3.9/site-packages/ipykernel/resources
  bash       /usr/share/jupyter/kernels/bash
"""


def test_the_kernel_of_the_packages_is_found_in_text_and_the_others_are_told() -> None:
    chosen = kernelspecs.read(TEXT)
    assert chosen.spec
    assert (chosen.spec.name, chosen.spec.version) == ("python3", "3.9")
    assert {(one.line, one.text) for one in chosen.left} == {(2, "ir"), (3, "julia-1.10"), (4, "teaching"), (6, "bash")}
    assert "R" in next(one.why for one in chosen.left if one.text == "ir")


def test_a_kernels_variables_come_along_unless_they_are_places_or_may_be_secret() -> None:
    env = {"OMP_NUM_THREADS": "4", "DATA": "/scratch/ada", "API_TOKEN": "xyz", "PATH": "bin", "bad name": "1"}
    spec = {"argv": ["python3.10", "-m", "ipykernel"], "display_name": "Analysis", "language": "python", "env": env}
    chosen = kernelspecs.read(json.dumps({"kernelspecs": {"analysis": {"resource_dir": "/x", "spec": spec}}}, indent=2))
    assert chosen.env == {"OMP_NUM_THREADS": "4"}
    assert {one.text for one in chosen.left} == {f"analysis: {name}" for name in env if name != "OMP_NUM_THREADS"}
    assert not [one for one in chosen.left if "xyz" in one.text + one.why]


@pytest.mark.parametrize("text", ["", "{}", "{", '{"kernelspecs": []}', "nothing here", '{"kernelspecs": {"a": 1}}'])
def test_a_list_without_a_kernel_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        kernelspecs.read(text)
    assert "\n" not in refused.value.message


# ---- anything ------------------------------------------------------------------------------------------------------------

WORDS = "numpy == = 1.0 @ file:///croot/ .whl -e -- git+https:// ; python_version < '3' [ ] # \\ { } : , py311_0 pypi / C: é 😀"
PIECES = st.sampled_from([*WORDS.split(" "), "\t", " ", "\r\n", "\n", '"', "\x00"])
ANYTHING = st.one_of(st.binary(max_size=400), st.lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode()))


@given(ANYTHING)
def test_no_bytes_end_in_a_traceback_and_no_line_is_lost(content: bytes) -> None:
    text = texts.decoded(content)
    found = packages.read(text, TOOLS)
    told = {one.line for one in (*found.carried, *found.tools, *found.left)}
    if not text.lstrip().startswith("["):
        said = {n for n, line in enumerate(text.split("\n"), 1) if (plain := line.strip()) and not plain.startswith("#")}
        assert {n for n in said - told if not packages.HEAD.fullmatch(text.split("\n")[n - 1].strip())} == set()
    with suppress(ImportRefused):
        kernelspecs.read(text)
