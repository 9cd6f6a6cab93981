"""What CloudWatch measures in the cluster (pure, no resources)."""

from enum import StrEnum


class Insights(StrEnum):
    """Values of ECS's setting ``containerInsights``, by rising price."""

    DISABLED = "disabled"
    """CPU and memory per service only, which ECS reports for nothing."""
    ENABLED = "enabled"
    """Tasks, network and storage per service; what a backlog per task is computed from."""
    ENHANCED = "enhanced"
    """The same per task and container."""
