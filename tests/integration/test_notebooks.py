"""Does every example notebook run in its own kernel, offline, and print the line its pack promises?

Each kernel is installed for real from its lock, once for as long as the lock stays the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from chalicelib.kernels import service as kernels
from chalicelib.kernels.rules import KernelPlan
from chalicelib.packs import service, yaml_files
from chalicelib.packs.rules import Example, Pack
from tools.locks import ROOT

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
LESSONS = [(pack, example) for name in yaml_files.names() for pack in [service.resolve(name)] for example in pack.examples]
DEAD_END = "http://127.0.0.1:9"  # nothing listens on the discard port


def environment(plan: KernelPlan) -> Path:
    """A virtualenv with exactly what the lock pins; made beside and moved into place, so that nobody sees half of one."""
    lock = ROOT / plan.lock
    cache = Path(os.environ.get("AWR_TEST_CACHE", ROOT / ".cache" / "kernels"))
    home = cache / f"{plan.name}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if home.is_dir():
        return home
    making = cache / f"{home.name}.{os.getpid()}"
    subprocess.run(["uv", "venv", "--quiet", "--python", plan.version, str(making)], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(making / "bin" / "python"), "--require-hashes", "-r", str(lock)]
    subprocess.run(install, check=True)
    if not home.exists():
        making.rename(home)
    return home


def register(plan: KernelPlan, folder: Path) -> None:
    """A kernel spec as a lab's machine writes it."""
    python = environment(plan) / "bin" / "python"
    spec = {"argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"], "language": plan.language}
    spec |= {"display_name": plan.display_name, "env": {**plan.env}}
    (folder / "kernels" / plan.name).mkdir(parents=True)
    (folder / "kernels" / plan.name / "kernel.json").write_text(json.dumps(spec))


def last_line(notebook: nbformat.NotebookNode) -> str:
    printed = [
        out.text for cell in notebook.cells[-1:] for out in cell.outputs if out.output_type == "stream" and out.name == "stdout"
    ]
    return "".join(printed).strip()


@pytest.mark.filterwarnings("default")  # the client's own warnings are not ours
@pytest.mark.parametrize(("pack", "example"), LESSONS, ids=[f"{pack.name}/{example.file}" for pack, example in LESSONS])
def test_example_notebook_runs_in_its_kernel(
    pack: Pack, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans = {kernel.key: plan for kernel, plan in zip(pack.installed_kernels, kernels.plan(pack), strict=True)}
    plan = plans[example.kernel]
    register(plan, tmp_path / "jupyter")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, DEAD_END)
    home = tmp_path / "home"
    home.mkdir()
    notebook = nbformat.read(ROOT / "domain_packs" / pack.name / "notebooks" / example.file, as_version=4)
    began = time.monotonic()
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(home)}}).execute()
    took = time.monotonic() - began
    assert last_line(notebook) == example.expect
    assert took < 60, f"{took:.0f} s"
    assert list(home.iterdir()) == [], "a lesson cleans up after itself"
