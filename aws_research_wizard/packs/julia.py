"""Which packages make up a Julia kernel? Rendered from the pack, and solved by Julia's own Pkg where there is a Julia.

A pack names a package as Pkg does, with the release it wants: `DataFrames@1`. Julia knows packages by number, so those that packs
use stand here with theirs. Where there is no Julia, the lock has the project without a manifest: it is solved on the first bake.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from aws_research_wizard.host import julia
from aws_research_wizard.host.steps import CommandFailed
from aws_research_wizard.packs.locks import Kernel

KERNEL = "IJulia"
WORD = re.compile(r"([A-Za-z][A-Za-z0-9]*)@(\d+(?:\.\d+){0,2})")
RELEASES = {"1.11": ("1.11.6", "e99e52e2029d845097c68f2372d836186f0eb3fb897a9dde0bdf9ee9250d03d5")}
"""The official releases for Linux on x86_64, by the hash that the project publishes."""
NUMBERS = {
    "BioSequences": "7e6ae17a-c86d-528c-b3b9-7f778a29fe59",
    "CSV": "336ed68f-0bac-5ca0-87d4-7b16caf5d00b",
    "DFTK": "acf6eb54-70d9-11e9-0013-234b7a5f5337",
    "DataFrames": "a93c6f00-e57d-5684-b7b6-d8193f3e46c0",
    "DifferentialEquations": "0c46a032-eb83-5123-abaf-570d42b7fbaa",
    "Distributions": "31c24e10-a181-5473-b8eb-7969acd0382f",
    "FASTX": "c2308a5c-f048-11e8-3e8a-31650f418d12",
    "Flux": "587475ba-b771-5e3f-ad9e-33799f191a9c",
    "GenomicFeatures": "899a7d2d-5c61-547b-bef9-6698a8d05446",
    "HiGHS": "87dc4568-4c63-4d18-b0c0-bb2238e4078b",
    "IJulia": "7073ff75-c697-5162-941a-fcdaad2a7d2a",
    "JuMP": "4076af6c-e467-56ae-b986-b466b2749572",
    "MLJ": "add582a8-e3ab-11e8-2d5e-e98b27df1bc7",
    "Measurements": "eff96d63-e80a-5855-80a2-b1b0885c5ab7",
    "NCDatasets": "85f8d34a-cbdd-5861-8df4-14fed0d494ab",
    "Plots": "91a5bcdd-55d7-5caf-9e0b-520d859cae80",
    "Unitful": "1986cc42-f94f-5a68-af5c-568840ba703d",
}


def solve(kernel: Kernel, _old: str | None, _upgrade: bool) -> str:
    """Return a lock's text below its first line: release, project, and the manifest where there is a Julia to make one."""
    asked = dict(_read(word) for word in kernel.requirements)
    if KERNEL not in asked:
        raise CommandFailed(f"a Julia kernel needs {KERNEL} among its packages", [])
    if kernel.version not in RELEASES:
        raise CommandFailed(f"Julia {kernel.version} is not known here, only {', '.join(RELEASES)}", [])
    version, sha256 = RELEASES[kernel.version]
    sheet = {"deps": {name: NUMBERS[name] for name in asked}, "compat": {**asked, "julia": kernel.version}}
    text = f'[julia]\nversion = "{version}"\nsha256 = "{sha256}"\n\n{julia.project(sheet)}'
    program = shutil.which("julia")
    return text + (f"\n[manifest]\ntext = '''\n{_manifest(program, sheet)}'''\n" if program else "")


def _read(word: str) -> tuple[str, str]:
    found = WORD.fullmatch(word)
    if not found:
        raise CommandFailed(f"'{word}' does not say which release: write DataFrames@1", [])
    if found[1] not in NUMBERS:
        raise CommandFailed(f"the number of {found[1]} is not known; add it to aws_research_wizard/packs/julia.py", [])
    return found[1], found[2]


def _manifest(program: str, sheet: julia.Sheet) -> str:
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "Project.toml").write_text(julia.project(sheet))
        words = [program, "--startup-file=no", f"--project={place}", "-e", "using Pkg; Pkg.resolve()"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandFailed(done.stderr.strip()[-1000:], [])
        return (Path(place) / "Manifest.toml").read_text()
