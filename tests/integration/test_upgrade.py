"""A new package over a running lab, on the real local cloud: nobody notices, not even the upgrade that somebody asks for."""

from __future__ import annotations

import httpx
import pytest

from tests.fakes.bundles import HOST, changed, release_of
from tests.integration.local import KERNEL, Cloud
from tools.hub import Person

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
MARK = "the release after this one"


def test_people_work_on_through_a_deployment_an_upgrade_and_one_that_fails(here: Cloud, patch: pytest.MonkeyPatch) -> None:
    lab = here.wizard("jupyter", "deploy", "--domain", "base")
    lab_id, first = lab["id"], release_of(here.bundle())
    assert lab["release"] == first
    person = Person.by_link(here.wizard("jupyter", "open", lab_id, "--no-browser")["url"])
    person.start_server()
    kernel = person.start_kernel(KERNEL)
    person.run(kernel, "x = 41")

    page = {f"{HOST}/templates/ticket.html": lambda text: text.replace("</", f"<!-- {MARK} --></", 1)}
    newer = changed(here.bundle(), page)
    here.up(here.with_bundle("newer", newer), patch)
    found = here.wizard("jupyter", "status", lab_id)
    assert (found["phase"], found["release"], found["newer_release"]) == ("READY", first, release_of(newer))
    assert "LabReleaseAvailable" in {one["name"] for one in here.wizard("jupyter", "events", lab_id)}
    assert person.run(kernel, "print(x)").text.strip() == "41"

    done = here.wizard("jupyter", "upgrade", lab_id)
    assert (done["release"], done["newer_release"]) == (release_of(newer), None)
    assert person.run(kernel, "print(x + 1)").text.strip() == "42"
    assert MARK in httpx.get(f"{lab['address']}/hub/login", trust_env=False).text

    smoke = {f"{HOST}/templates/smoke.ipynb": lambda text: text.replace("print(x + 1)", "import no_such_module")}
    broken = changed(here.bundle(), page | smoke)
    here.up(here.with_bundle("broken", broken), patch)
    said = here.wizard("jupyter", "upgrade", lab_id, code=1)
    assert "smoke notebook failed in base-python, cell two: ModuleNotFoundError" in " ".join(said.split())
    found = here.wizard("jupyter", "status", lab_id)
    assert (found["phase"], found["release"]) == ("READY", release_of(newer))
    assert person.run(kernel, "print(x + 1)").text.strip() == "42"
    person.http.close()
    assert {"LabUpgraded", "LabUpgradeFailed"} <= {one["name"] for one in here.wizard("jupyter", "events", lab_id)}
    here.wizard("jupyter", "delete", lab_id, "--yes")
