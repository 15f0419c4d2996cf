"""What the runtime's tests share: the JSON lines that were logged."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.runtime.log import logger


class Now:
    """Standard output as it is at this moment: pytest changes it between a test's phases."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """Everything logged and measured since the last call, in order."""
    monkeypatch.setattr(logger().registered_handler, "stream", Now())
    return lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
