"""Which class speaks for which service?"""

from __future__ import annotations

from collections.abc import Mapping

from tests.fakes.sim.bus import Events
from tests.fakes.sim.cloud import Service
from tests.fakes.sim.dynamodb import DynamoDB
from tests.fakes.sim.ec2 import EC2
from tests.fakes.sim.efs import EFS
from tests.fakes.sim.iam import IAM
from tests.fakes.sim.pricing import Pricing
from tests.fakes.sim.s3 import S3
from tests.fakes.sim.small import SQS, SSM, STS, CloudWatch, Logs, Route53, Scheduler, SecretsManager
from tests.fakes.sim.workflows import StepFunctions

SERVICES: Mapping[str, type[Service]] = {
    "cloudwatch": CloudWatch,
    "dynamodb": DynamoDB,
    "ec2": EC2,
    "efs": EFS,
    "events": Events,
    "iam": IAM,
    "logs": Logs,
    "pricing": Pricing,
    "route53": Route53,
    "s3": S3,
    "scheduler": Scheduler,
    "secretsmanager": SecretsManager,
    "sqs": SQS,
    "ssm": SSM,
    "stepfunctions": StepFunctions,
    "sts": STS,
}
