"""``Settings``: the only reader of a stack's configuration."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi.runtime import config as runtime_config

from components.compute import sizing
from components.compute.sizing import ServiceSize
from components.network.zones import NatStrategy, check_zones, plan_zones
from components.observe.retention import check_retention
from settings.errors import SettingsError
from settings.values import Values, check_keys, integers

KEYS = (
    "region",
    "availabilityZones",
    "vpcCidr",
    "natGateways",
    "logRetentionDays",
    "protectStatefulResources",
    "recoveryDays",
    "services",
    "spotPercent",
    "accessTokenMinutes",
    "refreshTokenDays",
    "throttleRate",
    "throttleBurst",
    "alarmEmail",
    "owner",
    "costCenter",
)
"""Every key that is read here, without the project's namespace; the project file declares exactly these."""

SERVICES = ("audio", "audio-worker", "projector", "projector-worker")
"""ECS services, by name."""

_SIZE_FIELDS = {"cpu": "cpu", "memory": "memory", "minTasks": "tasks_min", "maxTasks": "tasks_max"}

# AWS limits: KMS PendingWindowInDays 7-30 (the strictest of what recoveryDays sets).
_RECOVERY_DAYS = (7, 30)
# AWS limits of a Cognito app client: access token 5 minutes to 1 day, refresh token up to 10 years.
_ACCESS_TOKEN_MINUTES = (5, 1440)
_REFRESH_TOKEN_DAYS = (1, 3650)
# AWS limits: API Gateway admits 10,000 requests a second and a burst of 5,000 per account and region.
_THROTTLE_RATE = (1, 10_000)
_THROTTLE_BURST = (1, 5_000)
# AWS limit of a tag's value; the characters are those allowed in all services.
_TAG_VALUE = re.compile(r"[A-Za-z0-9 _.:/=+@-]{1,256}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """Addresses, zones and the way out."""

    cidr: IPv4Network
    zones: tuple[str, ...]
    nat: NatStrategy


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Sizes of the ECS services, and the share of their tasks (per cent) on Fargate Spot."""

    audio: ServiceSize
    audio_worker: ServiceSize
    projector: ServiceSize
    projector_worker: ServiceSize
    spot_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """How long tokens last and how many requests the public API admits."""

    access_token_minutes: int
    refresh_token_days: int
    throttle_rate: int
    """Requests a second."""
    throttle_burst: int
    """Requests at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a stack decides, checked as a whole."""

    region: str
    network: NetworkSettings
    services: ServiceSettings
    api: ApiSettings
    log_retention_days: int
    protect: bool
    """Whether stateful resources refuse deletion."""
    recovery_days: int
    alarm_email: str
    owner: str
    cost_center: str

    @classmethod
    def load(cls, config: pulumi.Config) -> "Settings":
        """Read ``config``, the project's own bag.

        Raises ``SettingsError`` for a key that nothing reads, in whatever namespace, and for every value or
        combination that the platform cannot be built from.
        """
        declared = {f"{config.name}:{key}": None for key in KEYS}
        check_keys(config.name, declared, dict.fromkeys(received_keys()))
        texts = {f"{config.name}:{key}": text for key in KEYS if (text := config.get(key)) is not None}
        return cls.read(Values(project=config.name, texts=texts))

    @classmethod
    def read(cls, values: Values) -> "Settings":
        """Read ``values``; raises ``SettingsError`` as ``load`` does."""
        region = _matching(
            values, "region", r"[a-z]{2}(-[a-z]+)+-\d", "it is an AWS region such as us-east-1"
        )
        services = _services(values)
        settings = cls(
            region=region,
            network=_network(values, region),
            services=services,
            api=_api(values),
            log_retention_days=_retention(values),
            protect=values.boolean("protectStatefulResources"),
            recovery_days=values.integer("recoveryDays", *_RECOVERY_DAYS),
            alarm_email=_matching(
                values, "alarmEmail", r"([^@\s]+@[^@\s]+\.[^@\s]+)?", "it is a mail address, or empty"
            ),
            owner=_matching(values, "owner", _TAG_VALUE, "it is a tag value of 1 to 256 characters"),
            cost_center=_matching(
                values, "costCenter", _TAG_VALUE, "it is a tag value of 1 to 256 characters"
            ),
        )
        settings._check_egress(values)
        return settings

    def _check_egress(self, values: Values) -> None:
        sizes = (
            self.services.audio,
            self.services.audio_worker,
            self.services.projector,
            self.services.projector_worker,
        )
        if self.network.nat is NatStrategy.NONE and any(size.tasks_max > 0 for size in sizes):
            raise SettingsError(
                values.key("natGateways"),
                self.network.nat.value,
                "services that run tasks reach AWS over the internet: choose single or per-az, or set every "
                "service's maxTasks to 0",
            )


def received_keys() -> frozenset[str]:
    """Full names of all the keys that the SDK was given, whatever their namespace."""
    return frozenset(runtime_config.CONFIG.get()) | frozenset(runtime_config.get_config_env())


def _network(values: Values, region: str) -> NetworkSettings:
    zones = values.texts_of("availabilityZones")
    _checked(values.key("availabilityZones"), list(zones), lambda: check_zones(region, zones))
    cidr = values.text("vpcCidr")
    _checked(values.key("vpcCidr"), cidr, lambda: plan_zones(cidr, zones))
    nat = values.text("natGateways")
    strategies = [strategy.value for strategy in NatStrategy]
    if nat not in strategies:
        raise SettingsError(values.key("natGateways"), nat, f"it is one of {', '.join(strategies)}")
    return NetworkSettings(cidr=IPv4Network(cidr), zones=zones, nat=NatStrategy(nat))


def _services(values: Values) -> ServiceSettings:
    table = values.table("services")
    path = values.key("services")
    for name in table:
        if name not in SERVICES:
            raise SettingsError(
                f"{path}.{name}", table[name], f"no such service; there are: {', '.join(SERVICES)}"
            )
    for name in SERVICES:
        if name not in table:
            raise SettingsError(f"{path}.{name}", None, f"it is missing; state all of {', '.join(SERVICES)}")
    sizes = {name: _size(f"{path}.{name}", table[name]) for name in SERVICES}
    return ServiceSettings(
        audio=sizes["audio"],
        audio_worker=sizes["audio-worker"],
        projector=sizes["projector"],
        projector_worker=sizes["projector-worker"],
        spot_percent=values.integer("spotPercent", 0, 100),
    )


def _size(path: str, value: object) -> ServiceSize:
    numbers = integers(path, value, tuple(_SIZE_FIELDS))
    fields = {_SIZE_FIELDS[key]: number for key, number in numbers.items()}
    found = sizing.problem(**fields)
    if found is not None:
        field, wrong, allowed = found
        key = next(key for key, name in _SIZE_FIELDS.items() if name == field)
        raise SettingsError(f"{path}.{key}", wrong, allowed)
    return ServiceSize(**fields)


def _api(values: Values) -> ApiSettings:
    rate = values.integer("throttleRate", *_THROTTLE_RATE)
    burst = values.integer("throttleBurst", *_THROTTLE_BURST)
    if burst < min(rate, _THROTTLE_BURST[1]):
        raise SettingsError(values.key("throttleBurst"), burst, f"it is at least throttleRate, {rate}")
    access_minutes = values.integer("accessTokenMinutes", *_ACCESS_TOKEN_MINUTES)
    return ApiSettings(
        access_token_minutes=access_minutes,
        refresh_token_days=values.integer("refreshTokenDays", *_REFRESH_TOKEN_DAYS),
        throttle_rate=rate,
        throttle_burst=burst,
    )


def _retention(values: Values) -> int:
    days = values.integer("logRetentionDays", 1, 3653)
    _checked(values.key("logRetentionDays"), days, lambda: check_retention(days))
    return days


def _matching(values: Values, name: str, pattern: str | re.Pattern[str], allowed: str) -> str:
    text = values.text(name)
    if re.fullmatch(pattern, text) is None:
        raise SettingsError(values.key(name), text, allowed)
    return text


def _checked(key: str, value: object, check: Callable[[], object]) -> None:
    try:
        check()
    except ValueError as error:
        raise SettingsError(key, value, str(error)) from error
