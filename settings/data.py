"""How data is kept: protection, recovery, backups, keys and the cache."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import cast

from components.data.backup_plan import BackupPlan
from components.data.cache_plan import REPLICAS_MAX, CacheEngine, CachePlan, check_node_type
from components.data.key_plan import DataClass, check_key_arn
from components.data.replica_plan import ReplicaOf, check_replica_region
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
    "sharedKey",
    "backups",
    "replicaRegion",
    "replicaOf",
)

# AWS limits: KMS PendingWindowInDays 7-30 (the strictest of what recoveryDays sets).
_RECOVERY_DAYS = (7, 30)
# Passwords are counted up by hand: a typing error should not start far from there.
_PASSWORD_GENERATION = (1, 1_000_000)
_REPLICA_TEXTS = (
    "eventStoreTable",
    "eventStoreStreamArn",
    "readModelTable",
    "dataKeysTable",
    "contentBucket",
)
_REPLICA_FIELDS = (*_REPLICA_TEXTS, "images", "standby")
_REPLICATED = (DataClass.TABLES, DataClass.PERSONAL, DataClass.CONTENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSettings:
    """How data is protected and how long it can be brought back, and the cache."""

    protect: bool
    """Whether stateful resources refuse deletion."""
    recovery_days: int
    cache: CachePlan
    existing_keys: Mapping[DataClass, str]
    """ARNs of the team's own KMS keys, by what they encrypt."""
    shared_key: bool
    """Whether all classes of data share one key."""
    backups: BackupPlan | None
    """Nothing where the stack keeps none."""
    replica_region: str
    """Where tables and content have replicas; empty for nowhere."""
    replica_of: ReplicaOf | None
    """The replicas that the stack works on; nothing where it has tables and a bucket of its own."""


def read_data(values: Values, region: str) -> DataSettings:
    """Read how data is kept in ``region``; raises ``SettingsError`` for a value that AWS does not take."""
    recovery_days = values.integer("recoveryDays", *_RECOVERY_DAYS)
    backups = BackupPlan(daily_retention_days=recovery_days, monthly=values.boolean("production"))
    existing_keys = _existing_keys(values, region)
    return DataSettings(
        protect=values.boolean("protectStatefulResources"),
        recovery_days=recovery_days,
        cache=_cache(values),
        existing_keys=existing_keys,
        shared_key=values.boolean("sharedKey"),
        backups=backups if values.boolean("backups") else None,
        replica_region=_replica_region(values, region),
        replica_of=_replica_of(values, region, existing_keys),
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


def _replica_region(values: Values, region: str) -> str:
    if not values.text("replicaRegion"):
        return ""
    replica = values.region("replicaRegion")
    values.check("replicaRegion", replica, lambda: check_replica_region(region, replica))
    if values.table("replicaOf"):
        allowed = "the stack works on replicas itself (replicaOf): where more are is their owner's matter"
        raise SettingsError(values.key("replicaRegion"), replica, allowed)
    return replica


def _replica_of(values: Values, region: str, keys: Mapping[DataClass, str]) -> ReplicaOf | None:
    given = values.table("replicaOf")
    if not given:
        return None
    path = values.key("replicaOf")
    for field in given:
        if field not in _REPLICA_FIELDS:
            allowed = f"no such field; there are: {', '.join(_REPLICA_FIELDS)}"
            raise SettingsError(f"{path}.{field}", given[field], allowed)
    texts = {field: _text(path, given, field) for field in _REPLICA_TEXTS}
    for data_class in _REPLICATED:
        if data_class not in keys:
            allowed = "replicas are encrypted under their owner's key of this region: give its ARN"
            raise SettingsError(values.key(f"existingKeys.{data_class}"), None, allowed)
    if not isinstance(given.get("standby"), bool):
        raise SettingsError(f"{path}.standby", given.get("standby"), "it is true or false")
    try:
        return ReplicaOf(
            region=region,
            event_store_table=texts["eventStoreTable"],
            event_store_stream_arn=texts["eventStoreStreamArn"],
            read_model_table=texts["readModelTable"],
            data_keys_table=texts["dataKeysTable"],
            content_bucket=texts["contentBucket"],
            images=_images(path, given),
            standby=given["standby"] is True,
        )
    except ValueError as error:
        raise SettingsError(path, given, str(error)) from error


def _images(path: str, given: Mapping[str, object]) -> dict[str, str]:
    images = given.get("images")
    if not isinstance(images, dict):
        raise SettingsError(f"{path}.images", images, "it has to be an object; {} to build all images here")
    table = cast("dict[str, object]", images)
    return {name: _text(f"{path}.images", table, name) for name in table}


def _text(path: str, given: Mapping[str, object], field: str) -> str:
    value = given.get(field)
    if not isinstance(value, str):
        raise SettingsError(f"{path}.{field}", value, "it has to be a string")
    return value
