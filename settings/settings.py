"""``Settings``: the only reader of a stack's configuration."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi.runtime import config as runtime_config

from components.agent.model_ids import parse_model_id
from components.compute import sizing
from components.compute.sizing import ServiceSize
from components.data.cache_plan import REPLICAS_MAX, CacheEngine, CachePlan, check_node_type
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
    "agentModel",
    "embeddingModel",
    "embeddingDimension",
    "embeddingRegion",
    "cacheNodeType",
    "cacheReplicas",
    "cacheEngine",
    "cachePasswordGeneration",
    "accessTokenMinutes",
    "refreshTokenDays",
    "throttleRate",
    "throttleBurst",
    "alarmEmail",
    "owner",
    "costCenter",
)
"""Every key that is read here, without the project's namespace; the project file declares exactly these."""

SERVICES = (
    "agent-core",
    "audio",
    "audio-worker",
    "projector",
    "projector-worker",
    "search",
    "search-indexer",
)
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
# Dimensions that Nova Multimodal Embeddings makes (Amazon Nova user guide, request schema).
_EMBEDDING_DIMENSIONS = (256, 384, 1024, 3072)
# Passwords are counted up by hand: a typing error should not start far from there.
_PASSWORD_GENERATION = (1, 1_000_000)
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
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

    agent_core: ServiceSize
    audio: ServiceSize
    audio_worker: ServiceSize
    projector: ServiceSize
    projector_worker: ServiceSize
    search: ServiceSize
    search_indexer: ServiceSize
    spot_percent: int
    tasks_max: int
    """Tasks that all services together may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which models are invoked, and where."""

    agent: str
    """Id of the language model or inference profile, called in the stack's region."""
    embedding: str
    embedding_dimension: int
    """Numbers in each embedding."""
    embedding_region: str


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
    models: ModelSettings
    cache: CachePlan
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
        region = _region(values, "region")
        services = _services(values)
        settings = cls(
            region=region,
            network=_network(values, region),
            services=services,
            models=_models(values),
            cache=_cache(values),
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
        if self.network.nat is NatStrategy.NONE and self.services.tasks_max > 0:
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
        agent_core=sizes["agent-core"],
        audio=sizes["audio"],
        audio_worker=sizes["audio-worker"],
        projector=sizes["projector"],
        projector_worker=sizes["projector-worker"],
        search=sizes["search"],
        search_indexer=sizes["search-indexer"],
        spot_percent=values.integer("spotPercent", 0, 100),
        tasks_max=sum(size.tasks_max for size in sizes.values()),
    )


def _models(values: Values) -> ModelSettings:
    agent, embedding = values.text("agentModel"), values.text("embeddingModel")
    _checked(values.key("agentModel"), agent, lambda: parse_model_id(agent))
    _checked(values.key("embeddingModel"), embedding, lambda: _check_embedding_model(embedding))
    dimension = values.integer("embeddingDimension", 1, max(_EMBEDDING_DIMENSIONS))
    if dimension not in _EMBEDDING_DIMENSIONS:
        allowed = ", ".join(map(str, _EMBEDDING_DIMENSIONS))
        raise SettingsError(
            values.key("embeddingDimension"), dimension, f"the model makes one of {allowed} numbers"
        )
    return ModelSettings(
        agent=agent,
        embedding=embedding,
        embedding_dimension=dimension,
        embedding_region=_region(values, "embeddingRegion"),
    )


def _check_embedding_model(model_id: str) -> None:
    # Search speaks the request format of this family, which has no inference profiles.
    parsed = parse_model_id(model_id)
    family = r"amazon\.nova-.*embeddings.*"
    if parsed.scope != "region" or re.fullmatch(family, parsed.foundation_model) is None:
        raise ValueError(
            "it is an embeddings model of the Nova family, without the prefix of an inference profile, such "
            "as amazon.nova-2-multimodal-embeddings-v1:0"
        )


def _cache(values: Values) -> CachePlan:
    node_type, engine = values.text("cacheNodeType"), values.text("cacheEngine")
    _checked(values.key("cacheNodeType"), node_type, lambda: check_node_type(node_type))
    engines = [known.value for known in CacheEngine]
    if engine not in engines:
        raise SettingsError(values.key("cacheEngine"), engine, f"it is one of {', '.join(engines)}")
    return CachePlan(
        engine=CacheEngine(engine),
        node_type=node_type,
        replicas=values.integer("cacheReplicas", 0, REPLICAS_MAX),
        password_generation=values.integer("cachePasswordGeneration", *_PASSWORD_GENERATION),
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


def _region(values: Values, name: str) -> str:
    return _matching(values, name, _REGION, "it is an AWS region such as us-east-1")


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
