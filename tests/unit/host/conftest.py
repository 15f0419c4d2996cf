from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws_research_wizard.host.machine import Machine

ENV = {
    "AWR_LAB_ID": "base-k3x9",
    "AWR_STAGE": "dev",
    "AWR_REGION": "eu-central-1",
    "AWR_API_URL": "https://abcd1234.execute-api.eu-central-1.amazonaws.com/api/",
    "AWR_INSTANCE_ID": "i-0123456789abcdef0",
}


def order_sheet(**changed: Any) -> dict[str, Any]:
    """Orders as the API sends them."""
    kernel = {
        "name": "base-python",
        "display_name": "Research",
        "language": "python",
        "version": "3.11",
        "lock": "packs/lock.txt",
    }
    return {
        "lab_id": "base-k3x9", "phase": "READY", "domain": "base", "capacity": 5, "shared_storage_gb": 100,
        "owner": "Ada@example.org",
        "users": [{"email": "Ada@example.org", "role": "lead"}], "kernels": [kernel], "examples": True,
        "access": {"mode": "tunnel", "host": None}, "storage": {"file_system_id": "fs-1"}, "heartbeat_seconds": 30, **changed,
    }  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine of a laptop, in a folder of its own."""
    own = {
        "AWR_MACHINE_ROOT": str(tmp_path / "root"),
        "AWR_BUNDLE_DIR": str(tmp_path / "bundle"),
        "AWR_EFS_ROOT": str(tmp_path / "efs"),
    }
    (tmp_path / "bundle").mkdir()
    return Machine.from_env({**ENV, **own, "AWR_PYTHON": "/usr/bin/python3", "AWR_UV": "uv"})


@pytest.fixture
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder to be in: nobody who fetches something may leave it there."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield
    assert list(here.iterdir()) == [], "something was written into the current folder"
