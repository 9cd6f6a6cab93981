"""How the services behind the load balancer are replaced."""

from collections.abc import Mapping

from components.compute.deployment import Deployment, DeploymentError, Shift, Strategy
from settings.errors import SettingsError
from settings.values import Values

KEY = "deployment"

_EVERY = {"rollbackAlarms": True}
_SHIFTING = {**_EVERY, "bakeMinutes": 10, "testMinutes": 0}
_DEFAULTS: Mapping[Strategy, Mapping[str, bool | float]] = {
    Strategy.ROLLING: _EVERY,
    Strategy.BLUE_GREEN: _SHIFTING,
    Strategy.LINEAR: {**_SHIFTING, "stepPercent": 10.0, "stepMinutes": 6},
    Strategy.CANARY: {**_SHIFTING, "canaryPercent": 5.0, "canaryMinutes": 10},
}
"""Fields that each strategy knows, with ECS's own shares and minutes."""
_FIELDS = {"rollback_alarms": "rollbackAlarms", "bake_minutes": "bakeMinutes", "test_minutes": "testMinutes"}
_SHARES = {
    Strategy.LINEAR: {"percent": "stepPercent", "minutes": "stepMinutes"},
    Strategy.CANARY: {"percent": "canaryPercent", "minutes": "canaryMinutes"},
}
"""What the plan's fields are called here."""


def read_deployment(values: Values) -> Deployment:
    """Read the strategy and what belongs to it; raises ``SettingsError`` for anything else."""
    path, given = values.key(KEY), values.table(KEY)
    strategy = _strategy(path, given.get("strategy"))
    fields = _fields(path, strategy, given)
    share = _SHARES.get(strategy, {})
    try:
        return Deployment(
            strategy=strategy,
            rollback_alarms=bool(fields["rollbackAlarms"]),
            bake_minutes=int(fields.get("bakeMinutes", 0)),
            test_minutes=int(fields.get("testMinutes", 0)),
            shift=Shift(percent=fields[share["percent"]], minutes=int(fields[share["minutes"]]))
            if share
            else None,
        )
    except DeploymentError as error:
        field = (_FIELDS | share)[error.field]
        raise SettingsError(f"{path}.{field}", error.value, error.allowed) from error


def _strategy(path: str, value: object) -> Strategy:
    known = [strategy.value for strategy in Strategy]
    if value not in known:
        raise SettingsError(f"{path}.strategy", value, f"it is one of {', '.join(known)}")
    return Strategy(value)


def _fields(path: str, strategy: Strategy, given: Mapping[str, object]) -> dict[str, bool | float]:
    fields = dict(_DEFAULTS[strategy])
    for name, value in given.items():
        if name == "strategy":
            continue
        if name not in fields:
            raise SettingsError(
                f"{path}.{name}", value, f"{strategy} has no such field; there are: {', '.join(fields)}"
            )
        fields[name] = _checked(f"{path}.{name}", value, fields[name])
    return fields


def _checked(path: str, value: object, default: bool | float) -> bool | float:
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise SettingsError(path, value, "it is true or false")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SettingsError(path, value, "it has to be a number")
    if isinstance(default, int) and not float(value).is_integer():
        raise SettingsError(path, value, "it has to be a whole number")
    return value
