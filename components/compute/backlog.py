"""How many waiting messages one worker task is there for (pure, no resources)."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """A queue, how fast one task empties it, and how long a message may wait.

    A service that consumes it gets one task for each ``messages_per_task`` waiting messages. Raises
    ``ValueError`` for numbers that leave a task less than one message.
    """

    queue_name: pulumi.Input[str]
    seconds_per_message: float
    """What handling one message takes, on average."""
    messages_at_once: int
    """Messages that one task handles side by side."""
    wait_seconds: float
    """How long the last of the waiting messages may wait for its turn."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for field, value in (
            ("seconds_per_message", self.seconds_per_message),
            ("messages_at_once", self.messages_at_once),
            ("wait_seconds", self.wait_seconds),
        ):
            if value <= 0:
                raise ValueError(f"{field}: {value} is not allowed; it is more than 0")
        if self.messages_per_task < 1:
            raise ValueError(
                f"wait_seconds: {self.wait_seconds} is not allowed; one message takes "
                f"{self.seconds_per_message} s, of which a task does {self.messages_at_once} at once: "
                "allow at least the time of one"
            )

    @property
    def messages_per_task(self) -> float:
        """Messages that a task works off in ``wait_seconds``, which is its fair share of the backlog.

        As AWS has it for queues: acceptable latency divided by the time that one message takes (Amazon EC2
        Auto Scaling user guide, scaling policy based on SQS).
        """
        return self.wait_seconds * self.messages_at_once / self.seconds_per_message
