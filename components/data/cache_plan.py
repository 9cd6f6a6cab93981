"""Size, engine and password generation of a cache (pure, no resources)."""

import re
from dataclasses import dataclass
from enum import StrEnum

REPLICAS_MAX = 5
"""Replicas of one shard (ElastiCache limit)."""

_NODE_TYPE = re.compile(r"cache\.[a-z]+[0-9]+[a-z]*\.(micro|small|medium|large|[0-9]*xlarge)")
_TIERED = re.compile(r"cache\.[a-z]+[0-9]+gd\.")


class CacheEngine(StrEnum):
    """What runs on the nodes."""

    REDIS = "redis"
    VALKEY = "valkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePlan:
    """What a deployment decides about its cache; raises ``ValueError`` as the checks below do."""

    engine: CacheEngine
    node_type: str
    replicas: int
    """Copies of the primary, each in another zone; with one or more it fails over by itself."""
    password_generation: int
    """Counts up by one for a new password; the one before stays valid until the next step."""

    def __post_init__(self) -> None:
        """Check the plan."""
        check_node_type(self.node_type)
        if not 0 <= self.replicas <= REPLICAS_MAX:
            raise ValueError(f"replicas: {self.replicas} is not allowed; a cache has 0 to {REPLICAS_MAX}")
        if self.password_generation < 1:
            raise ValueError(
                f"password_generation: {self.password_generation} is not allowed; it is 1 or more"
            )


def check_node_type(node_type: str) -> None:
    """Raise ``ValueError`` unless ``node_type`` is named as ElastiCache names a type without data tiering."""
    if _NODE_TYPE.fullmatch(node_type) is None:
        raise ValueError("it is an ElastiCache node type such as cache.t4g.micro")
    if _TIERED.match(node_type) is not None:
        raise ValueError("it is a node type that keeps all data in memory, such as cache.r7g.large")
