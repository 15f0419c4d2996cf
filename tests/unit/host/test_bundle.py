from __future__ import annotations

import tarfile
from pathlib import Path

from tools.bundle import build


def test_same_tree_makes_the_same_bundle_with_all_a_machine_needs(tmp_path: Path) -> None:
    one, two = build(tmp_path / "one"), build(tmp_path / "two")
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(one) as tar:
        names = tar.getnames()
        assert {member.mtime for member in tar.getmembers()} == {1_577_836_800}
    assert "requirements-host.txt" in names
    assert "domain_packs/genomics/locks/python-py311-x86_64.txt" in names
    assert [name for name in names if name.endswith(".whl")] == ["aws_research_wizard-0.1.0-py3-none-any.whl"]
    assert not [name for name in names if "__pycache__" in name or name.startswith(("/", ".."))]
