"""What lies in a queue that nobody empties by himself?"""

from __future__ import annotations

from chalicelib.runtime import aws
from chalicelib.runtime.refusals import patiently


def waiting(queue: str) -> int:
    """About how many messages; none when there is no such queue."""
    with patiently("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"):
        url = aws.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
        found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])
    return 0
