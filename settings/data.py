"""How data is kept: protection, recovery and the cache."""

from dataclasses import dataclass

from components.data.cache_plan import REPLICAS_MAX, CacheEngine, CachePlan, check_node_type
from settings.values import Values

KEYS = (
    "protectStatefulResources",
    "recoveryDays",
    "cacheNodeType",
    "cacheReplicas",
    "cacheEngine",
    "cachePasswordGeneration",
)

# AWS limits: KMS PendingWindowInDays 7-30 (the strictest of what recoveryDays sets).
_RECOVERY_DAYS = (7, 30)
# Passwords are counted up by hand: a typing error should not start far from there.
_PASSWORD_GENERATION = (1, 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """How data is protected and how long it can be brought back, and the cache."""

    protect: bool
    """Whether stateful resources refuse deletion."""
    recovery_days: int
    cache: CachePlan


def read_data(values: Values) -> DataSettings:
    """Read how data is kept; raises ``SettingsError`` for a value that AWS or the platform does not take."""
    return DataSettings(
        protect=values.boolean("protectStatefulResources"),
        recovery_days=values.integer("recoveryDays", *_RECOVERY_DAYS),
        cache=_cache(values),
    )


def _cache(values: Values) -> CachePlan:
    node_type = values.text("cacheNodeType")
    values.check("cacheNodeType", node_type, lambda: check_node_type(node_type))
    return CachePlan(
        engine=values.choice("cacheEngine", CacheEngine),
        node_type=node_type,
        replicas=values.integer("cacheReplicas", 0, REPLICAS_MAX),
        password_generation=values.integer("cachePasswordGeneration", *_PASSWORD_GENERATION),
    )
