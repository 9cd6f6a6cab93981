"""The containers of a task definition (pure)."""

from collections.abc import Iterator
from typing import Any

from nova_policy.graph import Resource
from nova_policy.values import at, each, is_set, parsed

TASK = "aws:ecs/taskDefinition:TaskDefinition"
SERVICE = "aws:ecs/service:Service"
STOP_SECONDS = 30
"""That ECS waits for a container to stop where stopTimeout is left out."""


def containers(task: Resource) -> Iterator[tuple[str, Any]]:
    """Yield each container with what people call it; none of definitions that are unknown.

    Raises ``ValueError`` for definitions that are no JSON.
    """
    for container in each(parsed(task.at("containerDefinitions"))):
        yield f"container {at(container, 'name')}", container


def serves(container: Any) -> bool:
    """Whether it listens: others ask it, and have to know that it answers."""
    return is_set(at(container, "portMappings"))
