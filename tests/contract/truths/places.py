"""The stand-ins: moto, the emulator of the local cloud, and the simulator; one account each."""

from __future__ import annotations

import json
import time
from functools import cached_property
from typing import Any

import boto3

from tests.conftest import table_definition
from tests.contract.truths.core import NotOffered, Place

TABLE = "things"
STORY = {
    "StartAt": "Wait",
    "States": {
        "Wait": {
            "Type": "Task",
            "Resource": "arn:aws:states:::dynamodb:putItem.waitForTaskToken",
            "Parameters": {
                "TableName": "aws-research-wizard-test-things",
                "Item": {"pk": {"S.$": "$$.Execution.Name"}, "sk": {"S": "TOKEN"}, "token": {"S.$": "$$.Task.Token"}},
            },
            "TimeoutSeconds": 60,
            "End": True,
        }
    },
}


class Boto(Place):
    """A stand-in that boto3 reaches, at an endpoint or patched."""

    name = "moto"

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(service, region_name="us-east-1", endpoint_url=self.endpoint)  # type: ignore[call-overload]
        return self._clients[service]

    def table(self) -> str:
        return self._table

    def bucket(self) -> str:
        return self._bucket

    def bus(self) -> str:
        return self._bus

    def zone(self) -> str:
        return self._zone

    def workflow(self) -> str:
        return self._workflow

    @cached_property
    def _table(self) -> str:
        definition = table_definition(TABLE, {"by_person": ("person", "sk")})
        self.client("dynamodb").create_table(**definition)
        return str(definition["TableName"])

    @cached_property
    def _bucket(self) -> str:
        name = "truths-of-s3"
        self.client("s3").create_bucket(Bucket=name)
        self.client("s3").put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    @cached_property
    def _bus(self) -> str:
        self.client("events").create_event_bus(Name="truths")
        return "truths"

    @cached_property
    def _zone(self) -> str:
        made = self.client("route53").create_hosted_zone(Name="labs.example.org", CallerReference="truths")
        return str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")

    @cached_property
    def _workflow(self) -> str:
        role = "arn:aws:iam::123456789012:role/states"
        machine = self.client("stepfunctions").create_state_machine(name="waits", definition=json.dumps(STORY), roleArn=role)
        return str(machine["stateMachineArn"])

    def token(self, execution: str) -> str:
        raise NotOffered("workflows do not run")


class Emulator(Boto):
    name = "ministack"

    def token(self, execution: str) -> str:
        key = {"pk": {"S": execution.rpartition(":")[2]}, "sk": {"S": "TOKEN"}}
        for _ in range(100):
            item = self.client("dynamodb").get_item(TableName=self.table(), Key=key).get("Item")
            if item:
                return str(item["token"]["S"])
            time.sleep(0.05)
        raise NotOffered("no token came")

    def pass_time(self) -> None:
        time.sleep(0.1)


class Simulated(Place):
    """The simulator's account, without the town that stands on it."""

    name = "simulator"

    def __init__(self) -> None:
        from tests.fakes.sim.cloud import Cloud

        self.cloud, self._runs = Cloud(), list[str]()

    def client(self, service: str) -> Any:
        found = self.cloud.client(service)
        return _Operations(found) if service == "dynamodb" else found

    def table(self) -> str:
        return "aws-research-wizard-test-people"

    def bucket(self) -> str:
        return "truths-of-s3"

    def bus(self) -> str:
        return "aws-research-wizard-test-facts"

    def zone(self) -> str:
        return "ZTRUTHS"

    def workflow(self) -> str:
        return "arn:aws:states:us-east-1:123456789012:stateMachine:aws-research-wizard-test-stop_lab"

    def token(self, execution: str) -> str:
        """Tasks are done as soon as they begin, until one waits."""
        states = self.client("stepfunctions")
        self._runs.append(execution)
        for _ in range(5):
            job = states.begin(execution)
            states.finish(job)
            if job and job.function == "save_work":  # whatever comes of it, the workflow goes on
                states.send_task_failure(taskToken=job.event["token"], error="MachineAway", cause="a test")
            elif job and "token" in job.event:
                return str(job.event["token"])
        raise NotOffered("no task waited")

    def pass_time(self) -> None:
        """Machines and file systems arrive; a workflow's last tasks are done."""
        for service in ("ec2", "efs"):
            for part in self.client(service).passing():
                self.client(service).arrive(part)
        states = self.client("stepfunctions")
        for execution in set(states.ready(slow=False)) & set(self._runs):
            states.finish(states.begin(execution))

    def sell_out(self, instance_type: str) -> None:
        self.cloud.sold_out.add(instance_type)


class _Operations:
    """DynamoDB's verbs, through the one door that pynamodb uses."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, verb: str) -> Any:
        operation = "".join(word.capitalize() for word in verb.split("_"))
        return lambda **asked: self.client._make_api_call(operation, asked)
