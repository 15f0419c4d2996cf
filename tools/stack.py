"""How does a package become a stack? The few verbs of S3 and CloudFormation that `tools.deploy` needs.

A stack's code must lie in a bucket before the stack exists, so each account and region has one small code bucket, made here.
Everything in it is named by its hash: an upload that was done before is not done again, and two deployments never collide.
With AWS_ENDPOINT_URL set, all of this speaks to an emulator.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

APP = "aws-research-wizard"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
PAUSE = 2.0
NOTHING_TO_DO = ("didn't contain changes", "No updates are to be performed")


class Failed(SystemExit):
    """The deployment did not happen; the text says why and what to do."""


@dataclass(frozen=True)
class Account:
    """Whose account and which region, from the credentials at hand."""

    session: Any

    def client(self, service: str) -> Any:
        return self.session.client(service)

    @property
    def region(self) -> str:
        return str(self.session.region_name)

    @cached_property
    def number(self) -> str:
        return str(self.client("sts").get_caller_identity()["Account"])

    @property
    def code_bucket(self) -> str:
        return f"{APP}-code-{self.number}-{self.region}"


def is_there(s3: Any, bucket: str, key: str | None = None) -> bool:
    """Whether a bucket, or an object in it, exists."""
    from botocore.exceptions import ClientError

    try:
        s3.head_object(Bucket=bucket, Key=key) if key else s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if str(error.response["Error"]["Code"]) in ("404", "NoSuchBucket", "NoSuchKey", "NotFound"):
            return False
        raise
    return True


def make_code_bucket(account: Account) -> str:
    """The account's code bucket: private, encrypted, spoken to over TLS only."""
    s3, name = account.client("s3"), account.code_bucket
    if is_there(s3, name):
        return name
    where = {} if account.region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": account.region}}
    s3.create_bucket(Bucket=name, **where)
    closed = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=closed)
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(_tls_only(name, s3.meta.partition)))
    return name


def _tls_only(bucket: str, partition: str) -> dict[str, Any]:
    arn = f"arn:{partition}:s3:::{bucket}"
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"], "Condition": plain}
    return {"Version": "2012-10-17", "Statement": [deny]}


def upload(s3: Any, file: Path, bucket: str, key: str) -> None:
    """Put a file where it is not yet; its key names its content."""
    if not is_there(s3, bucket, key):
        s3.upload_file(str(file), bucket, key)


def url_of(s3: Any, bucket: str, key: str) -> str:
    """How CloudFormation reaches an object."""
    return f"{str(s3.meta.endpoint_url).rstrip('/')}/{bucket}/{key}"


@dataclass(frozen=True)
class ChangeSet:
    """What a deployment would do to one stack."""

    cloudformation: Any
    stack: str
    name: str

    def is_ready(self) -> bool:
        """Wait until CloudFormation has compared; False when nothing would change."""
        while (one := self._described())["Status"] not in ("CREATE_COMPLETE", "FAILED"):
            time.sleep(PAUSE)
        if one["Status"] == "CREATE_COMPLETE":
            return True
        self.drop()
        if any(words in one.get("StatusReason", "") for words in NOTHING_TO_DO):
            return False
        raise Failed(f"CloudFormation refuses the template: {one.get('StatusReason')}")

    def told(self) -> Iterator[str]:
        """One line for each resource that would change."""
        paginator = self.cloudformation.get_paginator("describe_change_set")
        for page in paginator.paginate(StackName=self.stack, ChangeSetName=self.name):
            for change in (one["ResourceChange"] for one in page["Changes"]):
                replaced = " (replaced)" if change.get("Replacement") == "True" else ""
                yield f"{change['Action'].lower():7} {change['LogicalResourceId']}{replaced}"

    def execute(self) -> None:
        self.cloudformation.execute_change_set(StackName=self.stack, ChangeSetName=self.name)

    def drop(self) -> None:
        self.cloudformation.delete_change_set(StackName=self.stack, ChangeSetName=self.name)

    def _described(self) -> dict[str, Any]:
        return dict(self.cloudformation.describe_change_set(StackName=self.stack, ChangeSetName=self.name))


@dataclass(frozen=True)
class Stack:
    """One stack by name."""

    cloudformation: Any
    name: str

    def described(self) -> dict[str, Any] | None:
        """What CloudFormation knows of it; None when it is not there, or was only ever reviewed."""
        from botocore.exceptions import ClientError

        try:
            found = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if found["StackStatus"] in ("REVIEW_IN_PROGRESS", "DELETE_COMPLETE") else dict(found)

    def outputs(self) -> dict[str, str]:
        found = self.described() or {}
        return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}

    def parameters(self, wanted: Mapping[str, str], known: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What was asked for; what the stack has already; the template's default for the rest."""
        found = self.described() or {}
        kept = {one["ParameterKey"] for one in found.get("Parameters", [])} & set(known)
        unknown = sorted(set(wanted) - set(known))
        if unknown:
            raise Failed(f"the stack has no parameter {', '.join(unknown)}: it has {', '.join(sorted(known))}")
        asked: list[dict[str, Any]] = [{"ParameterKey": key, "ParameterValue": value} for key, value in wanted.items()]
        return asked + [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(kept - set(wanted))]

    def propose(self, template_url: str, parameters: list[dict[str, Any]], tags: Mapping[str, str]) -> ChangeSet | None:
        """Make a change set and wait for it; None when there is nothing to do."""
        found = self.described()
        change_set = ChangeSet(self.cloudformation, self.name, f"{self.name}-{time.time_ns()}")
        self.cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=change_set.name,
            ChangeSetType="UPDATE" if found else "CREATE",
            TemplateURL=template_url,
            Parameters=parameters,
            Capabilities=CAPABILITIES,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        return change_set if change_set.is_ready() else None

    def clear_failed_start(self) -> None:
        """A first attempt that was rolled back leaves a name that can only be deleted."""
        if (self.described() or {}).get("StackStatus") == "ROLLBACK_COMPLETE":
            self.cloudformation.delete_stack(StackName=self.name)
            self.settled()

    def carry_out(self, change_set: ChangeSet) -> None:
        """Execute a change set; wait; on failure name the resources that failed and why."""
        began = time.time() - 60
        change_set.execute()
        status = self.settled()
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise Failed("\n".join([f"{self.name}: {status}; nothing was changed for good", *self.failures(began)]))

    def settled(self) -> str:
        """Wait until nothing moves; the status ("" when the stack is gone)."""
        while (found := self.described()) and found["StackStatus"].endswith("_IN_PROGRESS"):
            time.sleep(PAUSE)
        return str(found["StackStatus"]) if found else ""

    def failures(self, since: float) -> Iterator[str]:
        """The resources that failed since a moment, oldest first."""
        events = self.cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        for event in reversed(events):
            if event["ResourceStatus"].endswith("_FAILED") and event["Timestamp"].timestamp() >= since:
                yield f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', '')}"
