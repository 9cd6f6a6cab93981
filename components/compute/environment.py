"""The part of a task's environment that every service has (no resources)."""

import pulumi

from ..observe.namespace import metrics_namespace
from .container import CONTAINER_PORT

LOG_LEVEL = "INFO"


def task_environment(service_name: str) -> dict[str, pulumi.Input[str]]:
    """Where the service listens, what it calls itself in logs, and where it counts."""
    return {
        "HOST": "0.0.0.0",  # noqa: S104 (the task has a network interface of its own)
        "PORT": str(CONTAINER_PORT),
        "LOG_LEVEL": LOG_LEVEL,
        "METRICS_NAMESPACE": metrics_namespace(),
        "SERVICE_NAME": service_name,
    }


def job_environment(job_name: str) -> dict[str, pulumi.Input[str]]:
    """Say what the job calls itself in logs; it listens nowhere."""
    return {"LOG_LEVEL": LOG_LEVEL, "SERVICE_NAME": job_name}
