"""The truths about AWS that this project leans on, by service."""

from tests.contract.truths import dynamodb, ec2, efs, events, iam, images, route53, s3, secrets, stepfunctions
from tests.contract.truths.core import TRUTHS, Place, Truth

__all__ = [
    "TRUTHS",
    "Place",
    "Truth",
    "dynamodb",
    "ec2",
    "efs",
    "events",
    "iam",
    "images",
    "route53",
    "s3",
    "secrets",
    "stepfunctions",
]
