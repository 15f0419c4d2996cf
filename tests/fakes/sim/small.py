"""The services that chalicelib asks little of: Route 53, STS, SSM parameters, Secrets Manager, CloudWatch and its logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.fakes.sim.cloud import ACCOUNT, Json, Service
from tests.fakes.sim.faults import refusal


class Route53(Service):
    def _change_resource_record_sets(self, HostedZoneId: str, ChangeBatch: Json) -> Json:  # noqa: N803
        for change in ChangeBatch["Changes"]:
            record = change["ResourceRecordSet"]
            key = (HostedZoneId, record["Name"].rstrip("."), record["Type"])
            if change["Action"] == "DELETE":
                if self.at("records").get(key) != record:
                    raise refusal("InvalidChangeBatch", "it was not found")
                self.drop("records", key)
            else:
                self.put("records", key, record)
        return {}

    def _list_resource_record_sets(self, HostedZoneId: str, StartRecordName: str = "", **_: Any) -> Json:  # noqa: N803
        rows = sorted(self.at("records").items(self.cloud.stale))
        return {"ResourceRecordSets": [one for (zone, name, _), one in rows if zone == HostedZoneId and name >= StartRecordName]}


class STS(Service):
    def _get_caller_identity(self, **_: Any) -> Json:
        return {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/test/test", "UserId": "test"}

    def _identify(self, who: str) -> Json:
        """What `sts._sent` would hear: who signed. `who` is role/instance."""
        return {"status": 200, "text": f"<Arn>arn:aws:sts::{ACCOUNT}:assumed-role/{who}</Arn>"}


class SSM(Service):
    def _get_parameter(self, Name: str, **_: Any) -> Json:  # noqa: N803
        if not Name.startswith("/aws/service/"):
            raise refusal("ParameterNotFound")
        return {"Parameter": {"Name": Name, "Value": "ami-12c6146b"}}


class SecretsManager(Service):
    def _get_secret_value(self, SecretId: str) -> Json:  # noqa: N803
        if not SecretId.startswith("aws-research-wizard-test"):
            raise refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"SecretString": "s" * 64, "Name": SecretId}


class Logs(Service):
    def _get_log_events(self, **_: Any) -> Json:
        raise refusal("ResourceNotFoundException", "The specified log stream does not exist.")

    def _describe_log_streams(self, **_: Any) -> Json:
        return {"logStreams": []}

    def _delete_log_stream(self, **_: Any) -> Json:
        raise refusal("ResourceNotFoundException", "The specified log stream does not exist.")


class SQS(Service):
    """The stage's queues of what nobody could take. Nothing is ever in them: what is given up lies on the bus, in `lost`."""

    def _get_queue_url(self, QueueName: str) -> Json:  # noqa: N803
        return {"QueueUrl": f"https://sqs.test/{QueueName}"}

    def _get_queue_attributes(self, QueueUrl: str, AttributeNames: Any = ()) -> Json:  # noqa: N803
        return {"Attributes": {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}}


class Scheduler(Service):
    """Schedules of one moment that go when they have gone off."""

    def _create_schedule(self, **asked: Any) -> Json:
        if self.at("schedules").get(asked["Name"]) is not None:
            raise refusal("ConflictException", "Schedule already exists.")
        self.put("schedules", asked["Name"], asked)
        return {"ScheduleArn": asked["Name"]}

    def _update_schedule(self, **asked: Any) -> Json:
        if self.at("schedules").get(asked["Name"]) is None:
            raise refusal("ResourceNotFoundException", "Schedule does not exist.")
        self.put("schedules", asked["Name"], asked)
        return {"ScheduleArn": asked["Name"]}

    def _delete_schedule(self, Name: str, **_: Any) -> Json:  # noqa: N803
        if self.at("schedules").get(Name) is None:
            raise refusal("ResourceNotFoundException", "Schedule does not exist.")
        self.drop("schedules", Name)
        return {}

    def gone_off(self) -> list[tuple[str, Json]]:
        """The functions that are called now, and with what."""
        due = [one for one in self.at("schedules").values() if self._moment(one) <= self.cloud.now]
        for one in due:
            self.drop("schedules", one["Name"])
        return [(one["Target"]["Arn"].rpartition("-")[2], json.loads(one["Target"]["Input"])) for one in due]

    @staticmethod
    def _moment(schedule: Json) -> datetime:
        return datetime.fromisoformat(schedule["ScheduleExpression"][3:-1]).replace(tzinfo=UTC)


class CloudWatch(Service):
    def _put_metric_data(self, **_: Any) -> Json:
        return {}
