"""How many vCPUs, GPUs and GiB has each instance type that we know a price of, and which types are there at all? The first
from moto's copy of EC2's own DescribeInstanceTypes (moto/ec2/resources/instance_types.json.gz), the second from botocore's
model of EC2, both of the version that requirements/dev.txt pins.

    python -m tools.instances          writes chalicelib/limits/instances.json and aws_research_wizard/packs/instance_types.txt
    python -m tools.instances --check  fails when it is stale
"""

from __future__ import annotations

import gzip
import json
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from botocore.session import get_session

from tools import fresh

LIMITS = Path(__file__).resolve().parents[1] / "chalicelib" / "limits"
PAGE = LIMITS / "instances.json"
NAMES = LIMITS.parents[1] / "aws_research_wizard" / "packs" / "instance_types.txt"


def written() -> str:
    known = json.loads(gzip.decompress((files("moto") / "ec2" / "resources" / "instance_types.json.gz").read_bytes()))
    types = {name: _facts(known[name]) for name in sorted(_priced()) if name in known}
    head = {"source": f"EC2 DescribeInstanceTypes, as moto {version('moto')} ships it", "fields": ["vcpus", "gpus", "memory_mib"]}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(facts)}" for name, facts in types.items())
    return f'{json.dumps(head, indent=1)[:-2]},\n "types": {{\n{lines}\n }}\n}}\n'


def names() -> str:
    """Every type of botocore's enum, one a line."""
    model: Any = get_session().get_service_model("ec2")
    found = sorted(model.shape_for("InstanceType").enum)
    return "\n".join((f"# EC2 instance types, as botocore {version('botocore')} names them", *found)) + "\n"


def _priced() -> set[str]:
    prices: dict[str, Any] = json.loads((LIMITS / "prices.json").read_text(encoding="utf-8"))
    return {name for region in prices["hourly"].values() for types in region.values() for name in types}


def _facts(seen: dict[str, Any]) -> list[int]:
    gpus = sum(one["Count"] for one in seen.get("GpuInfo", {}).get("Gpus", ()))
    return [seen["VCpuInfo"]["DefaultVCpus"], gpus, seen["MemoryInfo"]["SizeInMiB"]]


if __name__ == "__main__":
    sys.exit(fresh.keep(PAGE, written()) or fresh.keep(NAMES, names()))
