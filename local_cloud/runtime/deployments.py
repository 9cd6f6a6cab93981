"""The pure part of the service scheduler: what a rolling deployment does next.

Rules: "Amazon ECS deployment types, rolling update" and "deployment circuit breaker" (ECS developer guide).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from local_cloud.documents import Document, part

BACKOFF_FIRST_SECONDS, BACKOFF_LAST_SECONDS = 1.0, 60.0
"""Pause after a task failed, doubled each time: ECS throttles restarts likewise, but starts at 15 s."""
BREAKER_LEAST, BREAKER_MOST = 3, 200
"""The circuit breaker's threshold is half the desired count within these bounds (developer guide)."""

UNHEALTHY = "Task failed container health checks"
"""The stopped reason of a task whose health check failed (ECS)."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """What the scheduler sees of a live task."""

    id: str
    deployment: str
    healthy: bool
    unhealthy: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """How many tasks of the primary deployment to start, and which tasks to stop with what reason."""

    start: int
    stop: tuple[tuple[str, str], ...]


def limits(service: Document) -> tuple[int, int]:
    """Return how many tasks a service may have, and how many healthy ones it must keep, while it rolls."""
    configuration = part(service, "deploymentConfiguration")
    desired: int = service["desiredCount"]
    maximum = math.floor(desired * configuration.get("maximumPercent", 200) / 100)
    minimum = math.ceil(desired * configuration.get("minimumHealthyPercent", 100) / 100)
    return max(maximum, desired, 1 if desired else 0), minimum


def plan(service: Document, primary: str, tasks: Sequence[TaskView]) -> Plan:
    """Return the next step towards the desired count of healthy tasks of the primary deployment."""
    desired: int = service["desiredCount"]
    maximum, minimum = limits(service)
    stop: list[tuple[str, str]] = [(task.id, UNHEALTHY) for task in tasks if task.unhealthy]
    live = [task for task in tasks if not task.unhealthy]
    current = [task for task in live if task.deployment == primary]
    old = [task for task in live if task.deployment != primary]
    surplus = sorted(current, key=lambda task: task.healthy)[: max(0, len(current) - desired)]
    stop += [(task.id, "Scaling activity initiated by deployment") for task in surplus]
    healthy = sum(task.healthy for task in live) - sum(task.healthy for task in surplus)
    for task in sorted(old, key=lambda task: task.healthy):
        if task.healthy and healthy - 1 < minimum:
            break
        if not task.healthy and not any(task.healthy for task in current) and desired:
            continue  # still starting itself: nothing better runs yet
        healthy -= task.healthy
        stop.append((task.id, "Scaling activity initiated by deployment"))
    missing = max(0, desired - len(current))
    return Plan(min(missing, max(0, maximum - len(tasks))), tuple(stop))


def breaker_threshold(desired: int) -> int:
    """Return after how many failed tasks a deployment has failed."""
    return max(BREAKER_LEAST, min(BREAKER_MOST, math.ceil(desired * 0.5)))


def backoff_seconds(failures: int) -> float:
    """Return how long to wait before the next start after so many failures in a row."""
    return 0.0 if failures == 0 else min(BACKOFF_LAST_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** (failures - 1))
