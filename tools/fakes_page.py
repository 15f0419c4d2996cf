"""Write docs/reference/fakes.md: where each stand-in for AWS differs from AWS's documentation.

python -m tools.fakes_page            write the page
python -m tools.fakes_page --check    exit 1 when it is stale
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from tests.contract.truths import TRUTHS, Truth
from tools import fresh

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "fakes.md"
NAMES = {
    "dynamodb": "DynamoDB",
    "ec2": "EC2",
    "efs": "EFS",
    "images": "EC2: images",
    "events": "EventBridge",
    "iam": "IAM",
    "route53": "Route 53",
    "s3": "S3",
    "secrets": "Secrets Manager and Parameter Store",
    "stepfunctions": "Step Functions",
}
HEAD = """# Stand-ins for AWS, and where they differ from it

Generated from `tests/contract/truths`, which `tests/contract/test_fakes_are_true.py` runs on each stand-in. Every line is a
sentence of AWS's documentation that the control plane leans on. ✔ = behaves so; words = what it does instead. A line that
stops differing fails the suite as well as one that starts to.

| stand-in | used for | differs in |
|---|---|---|
"""
USES = {
    "simulator": "fault sweeps and soaks: `make faults`, `make soak`",
    "moto": "unit tests; EC2, IAM, EFS of the local cloud",
    "ministack": "the rest of the local cloud; the deployed package",
}


def page() -> str:
    """The whole page."""
    counts = {name: sum(name in truth.differs for truth in TRUTHS) for name in USES}
    lines = [f"| {name} | {use} | {counts[name] or 'nothing'} of {len(TRUTHS)} |" for name, use in USES.items()]
    ordered = sorted(TRUTHS, key=lambda truth: list(NAMES).index(truth.service))
    parts = [_service(service, truths) for service, truths in groupby(ordered, key=lambda truth: truth.service)]
    return HEAD + "\n".join(lines) + "\n" + "".join(parts)


def _service(service: str, truths: Iterable[Truth]) -> str:
    head = f"\n## {NAMES[service]}\n\n| AWS says | where | simulator | moto | ministack |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {truth.sentence} | {truth.document} | " + " | ".join(truth.differs.get(name, "✔") for name in USES) + " |\n"
        for truth in truths
    )


def main() -> int:
    """Write, or check."""
    return fresh.keep(PAGE, page())


if __name__ == "__main__":
    sys.exit(main())
