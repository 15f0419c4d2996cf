"""How large is what every function carries? The zip, and what it weighs unpacked, by its ten largest parts.

A small zip is fetched and unpacked sooner. The bound is half of what the same package weighs with the AWS SDK inside.
"""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

from tools import package

BOUND_MB = 10.0
STAGE = "local"


def built() -> Path:
    """The package of the local stage, built when it is not current."""
    folder = package.ROOT / "build" / f"package-{STAGE}"
    package.build(package.Job(STAGE, folder))
    return folder


def run() -> dict[str, Any]:
    """Megabytes packed and unpacked; `held` when the zip stays within its bound."""
    file = built() / "deployment.zip"
    parts: Counter[str] = Counter()
    with zipfile.ZipFile(file) as packed:
        for entry in packed.infolist():
            parts[entry.filename.split("/")[0]] += entry.file_size
    megabytes = round(file.stat().st_size / 1e6, 2)
    return {
        "value": f"{megabytes} MB",
        "zip_mb": megabytes,
        "unpacked_mb": round(sum(parts.values()) / 1e6, 2),
        "largest_mb": {name: round(size / 1e6, 2) for name, size in parts.most_common(10)},
        "bound": f"{BOUND_MB} MB",
        "held": megabytes <= BOUND_MB,
    }
