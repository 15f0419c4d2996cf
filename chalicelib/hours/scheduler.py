"""How is a moment kept by AWS? EventBridge Scheduler: one schedule for each lab and kind, by name, gone once it has fired.

Each is told the next moment in UTC, which we work out, and again after it fired: no rule of AWS's about moved clocks is leant on.
One that is lost or late is made up for by the sweep, so nothing hangs on it but punctuality.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from chalicelib.hours.rules import Kind
from chalicelib.runtime import aws, settings

FUNCTION = "run_hours"
SOURCE = "aws.scheduler"
SOON = timedelta(seconds=5)  # a moment that is past is told as one that is about to come


def group() -> str:
    return f"{settings.current().prefix}-hours"


def name(lab_id: str, kind: Kind) -> str:
    return f"{lab_id}-{kind}"


def put(lab_id: str, kind: Kind, at: datetime, now: datetime) -> None:
    """The schedule of this lab and kind goes off then, and at no other time."""
    known = settings.current()
    when = max(at, now + SOON).astimezone(UTC) + timedelta(microseconds=999_999)  # whole seconds, and never before
    asked = {
        "Name": name(lab_id, kind),
        "GroupName": group(),
        "ScheduleExpression": f"at({when:%Y-%m-%dT%H:%M:%S})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": known.arn("lambda", f"function:{known.prefix}-{FUNCTION}"),
            "RoleArn": f"arn:{known.partition}:iam::{known.need('account')}:role/{group()}",
            "Input": json.dumps({"source": SOURCE, "detail-type": "Moment", "detail": {"lab_id": lab_id, "kind": kind}}),
            "RetryPolicy": {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600},
        },
    }
    try:
        aws.client("scheduler").create_schedule(**asked)
    except ClientError as error:
        if aws.error_code(error) != "ConflictException":
            raise
        aws.client("scheduler").update_schedule(**asked)


def remove(lab_id: str, kind: Kind) -> None:
    try:
        aws.client("scheduler").delete_schedule(Name=name(lab_id, kind), GroupName=group())
    except ClientError as error:
        if aws.error_code(error) != "ResourceNotFoundException":
            raise
