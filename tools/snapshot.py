"""The tables of a stage, kept beside its labs' backups now: what happens every night, on demand.

    python -m tools.snapshot --stage prod          (make snapshot STAGE=prod)

Prints what was written and whether it is in the second region too.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from typing import Any

from tools.stack import APP, Failed


def event(now: datetime) -> dict[str, Any]:
    """What EventBridge sends to a schedule's function."""
    return {
        "version": "0",
        "id": "by-hand",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "",
        "resources": [],
        "detail": {},
    }


def main() -> int:
    """Ask the stage's own function; it has the rights, we need only those to ask it."""
    import boto3

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--region", help="the stage's region (default: that of your credentials)")
    asked = parser.parse_args()
    client = boto3.Session(region_name=asked.region).client("lambda")
    name = f"{APP}-{asked.stage}-back_up_tables"
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event(datetime.now(UTC))).encode())
    said = json.loads(answer["Payload"].read() or b"{}")
    if answer.get("FunctionError"):
        raise Failed(f"{name}: {said.get('errorMessage', said)}")
    print(json.dumps(said, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
