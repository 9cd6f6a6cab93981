"""What topics of SNS send, written where people look: nobody is subscribed by mail on this machine."""

import importlib
from collections.abc import Callable
from typing import Any

LOG = "alerts"
"""Name of the log: `nova logs alerts`."""


def install(write: Callable[[str, bytes], None]) -> None:
    """Have `write(topic, line)` called for each message of a topic, beside its delivery."""
    sns: Any = importlib.import_module("ministack.services.sns")
    fanout = sns._fanout

    def announce(topic_arn: str, message_id: str, message: object, *rest: object, **more: object) -> None:
        # Line breaks would make several entries of one message.
        line = " ".join(str(message).split())
        write(topic_arn.rpartition(":")[2], line.encode())
        fanout(topic_arn, message_id, message, *rest, **more)

    sns._fanout = announce
