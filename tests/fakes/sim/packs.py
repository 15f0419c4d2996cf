"""Teams' own packs in the simulated world: what somebody uploads, and the flows that begin with it."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.fakes.sim.town import ROOT, Town

MINE, LOCK = "mine", "python-py311-x86_64.txt"
NAMES = ("ipykernel", "ipywidgets", "matplotlib", "numpy", "pandas", "scipy")
TEXT = "name: mine\ntitle: Mine\npurpose: Ours.\nextends: base\nkernels:\n  python: {packages: [numpy]}\n"
PINS = "".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in NAMES)


def uploaded(town: Town, text: str = TEXT) -> dict[str, Any]:
    """The files are where uploads go; what to say at POST /packs."""
    contents = {"pack.yaml": text.encode(), LOCK: PINS.encode()}
    named = [{"name": file, "sha256": hashlib.sha256(body).hexdigest()} for file, body in contents.items()]
    for one in named:
        key = f"incoming/{one['sha256']}/{one['name']}"
        town.cloud.client("s3").put_object(Bucket="artifacts", Key=key, Body=contents[one["name"]])
    return {"name": MINE, "files": named}


def nothing_but_files(town: Town) -> str:
    uploaded(town)
    return ""


def added(town: Town, text: str = TEXT) -> str:
    answer = town.call("POST", "/packs", uploaded(town, text), who=ROOT)
    assert answer.status == 201, answer.text
    town.quiet()
    return ""


def in_use(town: Town) -> str:
    """A lab that runs on a team's own pack; the files of its next version are uploaded."""
    added(town)
    lab_id = town.request(domain=MINE, users=2)
    town.quiet()
    assert town.lab(lab_id)["phase"] == "READY", town.lab(lab_id)
    uploaded(town, TEXT + "# another day\n")
    return lab_id


def bring(town: Town, _lab: str) -> object:
    return town.ask("POST", "/packs", uploaded(town), who=ROOT)


def change(town: Town, _lab: str) -> object:
    return town.ask("POST", "/packs", uploaded(town, TEXT + "# another day\n"), who=ROOT)


def take_away(town: Town, _lab: str) -> object:
    """Somebody takes it away while somebody else asks for a lab of it."""
    town.ask("DELETE", f"/packs/{MINE}", who=ROOT)
    return town.ask("POST", "/labs", {"domain": MINE, "users": 2})
