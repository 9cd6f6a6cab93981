"""How data is kept: protection, recovery, backups, keys and the cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from components.data.backup_plan import BackupPlan
from components.data.cache_plan import REPLICAS_MAX, CacheEngine, CachePlan, check_node_type
from components.data.key_plan import DataClass, check_key_arn
from settings.errors import SettingsError
from settings.values import Values

KEYS = (
    "protectStatefulResources",
    "recoveryDays",
    "cacheNodeType",
    "cacheReplicas",
    "cacheEngine",
    "cachePasswordGeneration",
    "existingKeys",
    "backups",
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
    existing_keys: Mapping[DataClass, str]
    """ARNs of the team's own KMS keys, by what they encrypt."""
    backups: BackupPlan | None
    """Nothing where the stack keeps none."""


def read_data(values: Values, region: str) -> DataSettings:
    """Read how data is kept in ``region``; raises ``SettingsError`` for a value that AWS does not take."""
    recovery_days = values.integer("recoveryDays", *_RECOVERY_DAYS)
    backups = BackupPlan(daily_retention_days=recovery_days, monthly=values.boolean("production"))
    return DataSettings(
        protect=values.boolean("protectStatefulResources"),
        recovery_days=recovery_days,
        cache=_cache(values),
        existing_keys=_existing_keys(values, region),
        backups=backups if values.boolean("backups") else None,
    )


def _existing_keys(values: Values, region: str) -> dict[DataClass, str]:
    found: dict[DataClass, str] = {}
    for label, arn in values.table_of_texts("existingKeys").items():
        key = f"existingKeys.{label}"
        if label not in set(DataClass):
            raise SettingsError(values.key(key), arn, f"keys encrypt one of: {', '.join(DataClass)}")
        values.check(key, arn, partial(check_key_arn, arn, region))
        found[DataClass(label)] = arn
    return found


def _cache(values: Values) -> CachePlan:
    node_type = values.text("cacheNodeType")
    values.check("cacheNodeType", node_type, lambda: check_node_type(node_type))
    return CachePlan(
        engine=values.choice("cacheEngine", CacheEngine),
        node_type=node_type,
        replicas=values.integer("cacheReplicas", 0, REPLICAS_MAX),
        password_generation=values.integer("cachePasswordGeneration", *_PASSWORD_GENERATION),
    )
