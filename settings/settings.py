"""``Settings``: the only reader of a stack's configuration, composed of one module for each concern."""

from collections.abc import Iterator
from dataclasses import dataclass

import pulumi
from pulumi.runtime import config as runtime_config

from components.agent.mcp_plan import McpServers
from components.agent.runtime_plan import RuntimeNetwork, RuntimePlan
from components.compute.capacity import PRODUCTION_BASE_MIN
from components.edge.plan import EdgePlan
from components.network.needs import EndpointMode
from components.network.plan import ExistingNetwork, NewNetwork
from components.payments.plan import SellerPlan, WalletPlan
from settings import (
    access,
    agent,
    audio,
    data,
    edge,
    images,
    mcp,
    models,
    network,
    operations,
    seller,
    services,
    wallet,
)
from settings.access import AccessSettings, read_access
from settings.agent import read_agent
from settings.audio import AudioSettings, read_audio
from settings.data import DataSettings, read_data
from settings.edge import read_edge
from settings.errors import SettingsError
from settings.images import ImageSettings, read_images
from settings.mcp import read_mcp
from settings.models import ModelSettings, check_residency, read_models
from settings.network import NetworkSettings, read_network
from settings.operations import OperationsSettings, read_operations
from settings.seller import read_seller
from settings.services import ServiceSettings, read_services
from settings.slices import Calls, ModelUse
from settings.values import Values, check_keys
from settings.wallet import read_wallet

KEYS = (
    "region",
    "production",
    *network.KEYS,
    *services.KEYS,
    *models.KEYS,
    *agent.KEYS,
    *mcp.KEYS,
    *audio.KEYS,
    *seller.KEYS,
    *wallet.KEYS,
    *data.KEYS,
    *edge.KEYS,
    *operations.KEYS,
    *access.KEYS,
    *images.KEYS,
)
"""Every key that is read here, without the project's namespace; the project file declares exactly these."""

_PRODUCTION_NEEDS = {
    "protectStatefulResources": "it is true where production is",
    "webAcl": "it is true where production is",
    "domain": "where production is true it is the site's host name, such as nova.example.com",
    "onDemandBase": "AWS may take all Spot capacity back at once: in production at least "
    f"{PRODUCTION_BASE_MIN} tasks of each service run on demand, or spotPercent is 0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a stack decides, checked as a whole."""

    region: str
    production: bool
    """Whether people depend on the stack: then nothing that protects them may be left out."""
    network: NetworkSettings
    services: ServiceSettings
    models: ModelSettings
    agent: RuntimePlan
    mcp: McpServers
    """Whose tools the agent is given beside its own."""
    audio: AudioSettings
    seller: SellerPlan | None
    """How weather data is paid; nothing where none is sold."""
    wallet: WalletPlan | None
    """What agents may pay; nothing where they buy nothing."""
    data: DataSettings
    edge: EdgePlan
    operations: OperationsSettings
    access: AccessSettings
    images: ImageSettings

    @classmethod
    def load(cls, config: pulumi.Config) -> "Settings":
        """Read ``config``, the project's own bag.

        Raises ``SettingsError`` for a key that nothing reads, in whatever namespace, and for every value or
        combination that the platform cannot be built from. Warns of what it cannot check.
        """
        declared = {f"{config.name}:{key}": None for key in KEYS}
        check_keys(config.name, declared, dict.fromkeys(received_keys()))
        texts = {f"{config.name}:{key}": text for key in KEYS if (text := config.get(key)) is not None}
        settings = cls.read(Values(project=config.name, texts=texts))
        for warning in settings.models.warnings:
            pulumi.log.warn(warning)
        return settings

    @classmethod
    def read(cls, values: Values) -> "Settings":
        """Read ``values``; raises ``SettingsError`` as ``load`` does."""
        region = values.region("region")
        settings = cls(
            region=region,
            production=values.boolean("production"),
            network=read_network(values, region),
            services=read_services(values),
            models=read_models(values, region),
            agent=read_agent(values, region),
            mcp=read_mcp(values),
            audio=read_audio(values),
            seller=read_seller(values),
            wallet=read_wallet(values),
            data=read_data(values, region),
            edge=read_edge(values, region),
            operations=read_operations(values),
            access=read_access(values),
            images=read_images(values),
        )
        settings._check_egress(values)
        settings._check_agent_subnets(values)
        settings._check_production(values)
        settings._check_asleep(values)
        settings._check_runtime(values)
        settings._check_shifting(values)
        settings._check_wallet(values)
        replica = settings.data.replica_region
        check_residency(
            values, settings.models, {"region": region} | ({"replicaRegion": replica} if replica else {})
        )
        return settings

    def _check_runtime(self, values: Values) -> None:
        if self.agent.network is RuntimeNetwork.PUBLIC and self.edge.domain is None:
            raise SettingsError(
                values.key("agentRuntimeNetwork"),
                self.agent.network.value,
                "on the internet the agent reaches the services by the site's own address, which has to be "
                "known beforehand: set domain, or choose vpc or none",
            )

    def _check_wallet(self, values: Values) -> None:
        if self.wallet and not self.wallet.resource_server and self.edge.domain is None:
            raise SettingsError(
                values.key("wallet"),
                "",
                "where things are bought has to be known beforehand: give resourceServer, or set domain",
            )

    def _check_egress(self, values: Values) -> None:
        blocked = "; ".join(self._internet_needs())
        if self.network.plan.internet or not blocked:
            return
        made = isinstance(self.network.plan, NewNetwork)
        raise SettingsError(
            values.key("natGateways" if made else "existingNetwork.internetAccess"),
            "none" if made else False,
            f"there are parts that need the internet: {blocked}. "
            f"{'Choose single or per-az' if made else 'Give its subnets a way there'}, or set maxTasks of "
            "these services to 0 and agentRuntimeNetwork to none",
        )

    def _check_agent_subnets(self, values: Values) -> None:
        plan = self.network.plan
        if self.agent.in_vpc and isinstance(plan, ExistingNetwork) and not plan.agent_subnet_ids:
            raise SettingsError(
                values.key("existingNetwork.agentSubnetIds"),
                [],
                "the agent's runtime needs subnets of its own there, or agentRuntimeNetwork public or none",
            )

    def _internet_needs(self) -> Iterator[str]:
        calls = dict(self._callers())
        if calls and self.network.interface_endpoints is EndpointMode.NONE:
            yield f"{', '.join(calls)} call AWS APIs, and interfaceEndpoints is none"
            return
        for host in sorted({host for called in calls.values() for host in called.internet}):
            callers = [name for name, called in calls.items() if host in called.internet]
            yield f"{', '.join(callers)} call {host}, which no endpoint serves"
        dictation = {ModelUse.DICTATION} if self.audio.sonic_hears_recordings else set[ModelUse]()
        far = (
            ("embedding model", {ModelUse.EMBEDDING}, self.models.embedding_region),
            ("speech-to-speech model", {ModelUse.SPEECH, *dictation}, self.models.sonic_region),
        )
        for model, uses, region in far:
            callers = [name for name, called in calls.items() if not uses.isdisjoint(called.models)]
            if callers and region != self.region:
                yield (
                    f"{', '.join(callers)} call the {model} in {region}, and "
                    f"endpoints serve {self.region} only"
                )

    def _callers(self) -> Iterator[tuple[str, Calls]]:
        """Return what runs in the VPC, and what each calls."""
        for name in self.services.running:
            yield name, self.services.slices.services[name].calls
        if self.agent.in_vpc:
            yield from self.services.slices.runtimes.items()

    def _check_shifting(self, values: Values) -> None:
        if self.services.deployment.shifts and not self.edge.web_acl:
            raise SettingsError(
                f"{values.key('deployment')}.strategy",
                self.services.deployment.strategy.value,
                "without a web ACL the load balancer asks every request for CloudFront's proof; services, "
                "which then call each other by it, have none: set webAcl to true, or the strategy to rolling",
            )

    def _check_asleep(self, values: Values) -> None:
        awake_for = {
            "production": (self.production, "people depend on the stack"),
            "protectStatefulResources": (self.data.protect, "cache and load balancer refuse to go"),
            "replicaRegion": (self.data.replica_region, "another stack stands by for this one"),
            "replicaOf": (self.data.replica_of, "the stack stands by for another one"),
            "agentEndpointVersion": (
                self.agent.endpoint_version,
                "that version would not find the cache, which has another address after each sleep; leave "
                "it empty",
            ),
        }
        for key, (found, reason) in awake_for.items():
            if self.operations.asleep and found:
                raise SettingsError(
                    values.key("asleep"), True, f"it is false because of {values.key(key)}: {reason}"
                )

    def _check_production(self, values: Values) -> None:
        if not self.production:
            return
        capacity = self.services.capacity
        for key, value, safe in (
            ("protectStatefulResources", self.data.protect, self.data.protect),
            ("webAcl", self.edge.web_acl, self.edge.web_acl),
            ("domain", "", self.edge.domain is not None),
            ("onDemandBase", capacity.on_demand_base, capacity.survives_spot),
        ):
            if not safe:
                raise SettingsError(values.key(key), value, _PRODUCTION_NEEDS[key])


def received_keys() -> frozenset[str]:
    """Full names of all the keys that the SDK was given, whatever their namespace."""
    return frozenset(runtime_config.CONFIG.get()) | frozenset(runtime_config.get_config_env())
