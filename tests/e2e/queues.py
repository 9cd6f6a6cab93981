"""The queues of a running platform, and what waits in them."""

import json

from tests.e2e.running import Running


def working_queues(platform: Running) -> list[str]:
    """The queues that a worker reads: those that move on what it fails to handle."""
    return [url for url in _queues(platform) if _dead_letter_target(platform, url)]


def dead_letter_queues(platform: Running) -> list[str]:
    """The dead-letter queues of the working queues."""
    names = {_dead_letter_target(platform, url) for url in _queues(platform)} - {""}
    return [url for url in _queues(platform) if url.rpartition("/")[2] in names]


def _dead_letter_target(platform: Running, url: str) -> str:
    """The name of the queue's dead-letter queue; empty without one."""
    answer = platform.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
    policy = answer.get("Attributes", {}).get("RedrivePolicy", "{}")
    return json.loads(policy).get("deadLetterTargetArn", "").rpartition(":")[2]


def depth(platform: Running) -> tuple[int, int]:
    """How many messages wait or are in work, and how many are dead letters (of any kind)."""
    sqs = platform.aws("sqs")
    counts = [0, 0]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    working = set(working_queues(platform))
    for url in _queues(platform):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        counts[url not in working] += sum(int(attributes[name]) for name in names)
    return counts[0], counts[1]


def _queues(platform: Running) -> list[str]:
    return platform.aws("sqs").list_queues().get("QueueUrls", [])
