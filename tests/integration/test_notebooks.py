"""Do the lessons of the leading packs keep what they promise? (`make packs` asks all packs the same.)"""

from __future__ import annotations

import pytest

from aws_research_wizard.host.lessons import last_line
from chalicelib.packs import service
from chalicelib.packs.rules import Example, Pack
from tools import lessons

pytestmark = [pytest.mark.local_cloud, pytest.mark.timeout(600)]
LEADING = ("base", "genomics", "climate_modeling", "machine_learning")
LESSONS = [(pack, example) for name in LEADING for pack in [service.resolve(name)] for example in pack.examples]


@pytest.mark.filterwarnings("default")  # the client's own warnings are not ours
@pytest.mark.parametrize(("pack", "example"), LESSONS, ids=[f"{pack.name}/{example.file}" for pack, example in LESSONS])
def test_example_notebook_runs_in_its_kernel(pack: Pack, example: Example) -> None:
    notebook, _ = lessons.run(pack, example)
    assert last_line(notebook) == example.expect
