"""What all workloads share.

Creates: keys, alerts topic, VPC, event store, read model, data keys, content bucket (each with its replica in
another region, where there is one), usage ledger, leases, access logs, vector store, cache, bus, pipe,
cluster, what jobs share, load balancer and user pool; the budget; each workload's image; and, once they have
declared their routes, the public API, the sampling of its traces, saved queries and the dashboard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from .access.role import ServiceRole
from .account import Account, current_account
from .agent.guardrail import Guardrail, GuardrailArgs
from .agent.guardrail_plan import GuardrailPlan
from .agent.models import Model, ModelProfile, ModelProfileArgs
from .compute.capacity import Capacity
from .compute.deployment import Deployment
from .compute.function import Function, FunctionArgs
from .compute.image import Image, ImageArgs, registry_credentials
from .compute.insights import Insights
from .compute.job_ground import JobGround, JobGroundArgs
from .compute.service import ServiceHost
from .data.access_logs import AccessLogs
from .data.backup_plan import BackupPlan
from .data.bucket import ContentBucket
from .data.cache import Cache, CacheArgs
from .data.cache_plan import CachePlan
from .data.data_keys import DataKeys
from .data.key_plan import DataClass
from .data.keys import Keys, KeysArgs
from .data.replica_plan import ReplicaOf
from .data.secrets import HeldSecret, HeldSecretArgs, SecretPolicy
from .data.tables import EventStore, Leases, PaymentLedger, ReadModel, UsageLedger
from .data.vectors import VectorStore
from .edge.distribution import Distribution
from .edge.load_balancer import LoadBalancer
from .edge.plan import EdgePlan
from .edge.routes import Route
from .edge.user_pool import UserPool
from .foundation.common import Common
from .foundation.front import Front, FrontPlan
from .foundation.ground import GroundPlan, service_host
from .foundation.messages import published
from .foundation.stores import StorePlan, Stores
from .messaging.bus import EventBus
from .messaging.queue import QueueEncryption
from .network.needs import EndpointMode
from .network.plan import Network
from .observe.alarms import Alerts, AlertsArgs
from .observe.budget import Budget, BudgetArgs
from .observe.dashboard import Dashboard, DashboardArgs
from .observe.logs import LogPolicy
from .observe.saved_queries import SavedQueries, SavedQueriesArgs
from .observe.sets.agent import model_alarms
from .observe.sets.traffic import account_charges, model_use
from .observe.severity import AlarmScope


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformArgs:
    """What a deployment decides about the shared parts."""

    region: str
    network: Network
    interface_endpoints: EndpointMode
    agents_in_vpc: bool
    """Whether a managed agent runtime stands in the network."""
    log_retention_days: int
    protect: bool
    recovery_days: int
    existing_keys: Mapping[DataClass, str]
    backups: BackupPlan | None
    """Nothing where the stack keeps none."""
    capacity: Capacity
    insights: Insights
    deployment: Deployment
    alarm_email: str
    runbook_url: str
    budget_usd: int
    """A month; 0 for no budget."""
    trace_sample_percent: int
    alarm_scope: AlarmScope
    edge: EdgePlan
    embedding_model: str
    embedding_dimension: int
    model_profiles: bool
    """Whether each workload calls its model by a profile of its own."""
    guardrail: GuardrailPlan | None
    cache: CachePlan
    shared_key: bool = False
    """Whether all classes of data share one key, apart from those that exist."""
    permissions_boundary: str = ""
    """Name of the IAM policy that bounds every role; empty for none."""
    replica_region: str = ""
    """Where tables and content have replicas; empty for nowhere."""
    replica_of: ReplicaOf | None = None
    """The replicas that this platform works on; nothing where it has tables and a bucket of its own."""
    released_images: Mapping[str, str] = field(default_factory=dict[str, str])
    """By workload, ``<repository>@sha256:<digest>`` of an image that is taken as it is; others are built."""
    asleep: bool = False
    """Whether it keeps what it has stored, and nothing that costs by the hour."""


class Platform(pulumi.ComponentResource):
    """The shared parts, as handles with verbs that a workload uses to declare what it needs."""

    account: Account
    alerts: Alerts
    """Who watches, and is told."""
    events: EventStore
    read_model: ReadModel
    data_keys: DataKeys
    usage: UsageLedger
    """What users have spent."""
    leases: Leases
    """Tickets that are used once, and places that are held."""
    content: ContentBucket
    access_logs: AccessLogs
    """Where load balancers and distributions write who asked for what."""
    vectors: VectorStore
    cache: Cache
    bus: EventBus
    load_balancer: LoadBalancer
    user_pool: UserPool
    host: ServiceHost
    """Where services run."""
    jobs: JobGround
    """Where jobs run."""
    queues: QueueEncryption
    """How queues are encrypted and watched."""
    guardrail: Guardrail | None = None
    """For whoever lets people talk with a model, where the stack has one."""
    dashboard: Dashboard
    """What people look at; it is made by ``show``, after everything else."""

    def __init__(self, name: str, args: PlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:platform:Platform", name, None, opts)
        self._runbook_url = args.runbook_url
        self._replica_of = args.replica_of
        self._released = args.released_images
        self._model_profiles = args.model_profiles
        self._images: dict[str, Image] = {}
        self._registry = registry_credentials(pulumi.InvokeOutputOptions(parent=self))
        common = self._common = self._made_with(name, args)
        self.account = common.account
        self.alerts = common.alerts
        self.queues = common.queues
        self._secrets = SecretPolicy(
            key=common.keys.secrets, recovery_days=args.recovery_days, protect=args.protect
        )
        if args.budget_usd:
            Budget(
                common.named("budget"),
                BudgetArgs(usd_a_month=args.budget_usd, alerts=common.alerts),
                opts=common.options,
            )
        if args.guardrail is not None:
            self.guardrail = Guardrail(
                common.named("guardrail"),
                GuardrailArgs(
                    account=common.account,
                    plan=args.guardrail,
                    key=common.keys.of(DataClass.GUARDRAILS),
                    alerts=common.alerts,
                ),
                opts=common.options,
            )
        self._store(args)
        self.bus = published(
            common, self.events, running=args.replica_of is None or not args.replica_of.standby
        )
        self.host = service_host(
            common,
            GroundPlan(
                network=args.network,
                interface_endpoints=args.interface_endpoints,
                agents_in_vpc=args.agents_in_vpc,
                capacity=args.capacity,
                insights=args.insights,
                deployment=args.deployment,
            ),
        )
        self.jobs = JobGround(common.named("jobs"), JobGroundArgs(host=self.host), opts=common.options)
        plan = FrontPlan(edge=args.edge, trace_sample_percent=args.trace_sample_percent)
        self._front = Front(common, plan, self.host, self.access_logs)
        self.load_balancer = self._front.load_balancer
        self.user_pool = self._front.user_pool
        self.cache = Cache(
            common.named("cache"),
            CacheArgs(
                vpc=self.host.vpc,
                plan=args.cache,
                key=common.keys.cache,
                secrets=self._secrets,
                logs=common.logs,
                alerts=common.alerts,
                snapshot_days=args.recovery_days,
                protect=args.protect,
                asleep=args.asleep,
            ),
            opts=common.options,
        )
        self.register_outputs(
            {
                "event_store_table": self.events.name,
                "read_model_table": self.read_model.name,
                "data_keys_table": self.data_keys.name,
                "content_bucket": self.content.name,
                "access_log_bucket": self.access_logs.name,
                "vector_bucket": self.vectors.bucket_name,
                "cache_endpoint": self.cache.endpoint,
                "event_bus": self.bus.name,
            }
        )

    def _made_with(self, name: str, args: PlatformArgs) -> Common:
        """Make what every part is made with: keys and the alerts topic."""
        options = pulumi.ResourceOptions(parent=self)
        account = current_account(
            args.region, pulumi.InvokeOutputOptions(parent=self), boundary=args.permissions_boundary
        )
        keys = Keys(
            f"{name}-keys",
            KeysArgs(
                account=account,
                recovery_days=args.recovery_days,
                protect=args.protect,
                existing=args.existing_keys,
                shared=args.shared_key,
                replicated=bool(args.replica_region),
            ),
            opts=options,
        )
        alerts = Alerts(
            f"{name}-alerts",
            AlertsArgs(
                account=account,
                keys=keys,
                email=args.alarm_email,
                runbook_url=args.runbook_url,
                scope=args.alarm_scope,
                asleep=args.asleep,
            ),
            opts=options,
        )
        return Common(
            label=name,
            options=options,
            account=account,
            keys=keys,
            logs=LogPolicy(retention_days=args.log_retention_days, key_arn=keys.logs.arn),
            alerts=alerts,
            queues=QueueEncryption(key=keys.messages, alerts=alerts),
            recovery_days=args.recovery_days,
            protect=args.protect,
            asleep=args.asleep,
        )

    def _store(self, args: PlatformArgs) -> None:
        stores = self._stores = Stores(
            self._common,
            StorePlan(
                replica_region=args.replica_region,
                replica_of=args.replica_of,
                backups=args.backups,
                embedding_model=args.embedding_model,
                embedding_dimension=args.embedding_dimension,
            ),
        )
        self.events = stores.events
        self.read_model = stores.read_model
        self.data_keys = stores.data_keys
        self.usage = stores.usage
        self.leases = stores.leases
        self.content = stores.content
        self.access_logs = stores.access_logs
        self.vectors = stores.vectors

    def image(self, name: str, folder: str, parent: pulumi.Resource) -> Image:
        """Build and keep the image of the workload in ``folder``, or take it; as a child of ``parent``."""
        image = Image(
            name,
            ImageArgs(
                account=self.account,
                key=self._common.keys.images,
                folder=folder,
                protect=self._common.protect,
                credentials=self._registry,
                existing=self._replica_of.images.get(name, "") if self._replica_of else "",
                released=self._released.get(name, ""),
            ),
            opts=pulumi.ResourceOptions(parent=parent),
        )
        self._images[name] = image
        return image

    def images(self) -> dict[str, pulumi.Output[str]]:
        """Return the image of each workload, once all have theirs: ``<registry>/<repository>@<digest>``."""
        return {name: image.digest for name, image in self._images.items()}

    def handed_over(self) -> dict[str, pulumi.Input[object]]:
        """Return what a stack in the replicas' region is given, once all workloads have their images."""
        if not self._stores.replica:
            return {}
        return {
            **self._stores.replica,
            "images": {name: image.reference for name, image in self._images.items()},
        }

    def model(
        self,
        name: str,
        model_id: str,
        region: str,
        parent: pulumi.Resource,
        *,
        profiled: bool = True,
    ) -> Model:
        """Return the model or profile ``model_id`` as the workload ``name`` calls it in ``region``, watched.

        Without ``profiled`` it is called by its own id, also where models have profiles of the stack's own.

        What belongs to it becomes children of ``parent``. Raises ``ValueError`` for an id that is none.
        """
        model = Model(id=model_id, region=region, account=self.account)
        if self._model_profiles and profiled:
            model = ModelProfile(
                f"{name}-model",
                ModelProfileArgs(model=model, workload=name),
                opts=pulumi.ResourceOptions(parent=parent),
            ).model
        self.alerts.watch(f"{name}-model", model_alarms(model.metric_names, region), parent)
        self.alerts.show(*model_use(name, model.metric_names, region))
        return model

    def function(
        self,
        name: str,
        image: Image,
        role: ServiceRole,
        environment: Mapping[str, pulumi.Input[str]],
        *,
        memory: int,
        timeout_seconds: int,
        parent: pulumi.Resource,
    ) -> Function:
        """Make a function with a URL, outside the VPC; ``role`` is sealed here."""
        return Function(
            name,
            FunctionArgs(
                account=self.account,
                image=image,
                command=(),
                environment=environment,
                key=self._common.keys.secrets,
                role=role,
                logs=self._common.logs,
                queues=self.queues,
                memory=memory,
                timeout_seconds=timeout_seconds,
                url=True,
            ),
            opts=pulumi.ResourceOptions(parent=parent),
        )

    def held_secret(
        self, name: str, description: str, reader: ServiceRole, parent: pulumi.Resource
    ) -> HeldSecret:
        """Make a secret that people set and ``reader`` alone reads."""
        args = HeldSecretArgs(policy=self._secrets, description=description, reader=reader)
        return HeldSecret(name, args, opts=pulumi.ResourceOptions(parent=parent))

    def payment_ledger(self, name: str, parent: pulumi.Resource) -> PaymentLedger:
        """Make the table by which payments are made."""
        return PaymentLedger(name, self._stores.regional, opts=pulumi.ResourceOptions(parent=parent))

    def expose(
        self, routes: Sequence[Route], functions: Mapping[str, Function] | None = None
    ) -> Distribution:
        """Open the platform, once: its API with ``routes``, and the distribution before it.

        ``functions`` answer the routes that name them.
        """
        distribution = self._front.open(routes, functions or {})
        self.content.admit_site(distribution.url)
        return distribution

    def show(self) -> None:
        """Make the saved queries and the dashboard of all that there is by now. Once, after ``expose``."""
        SavedQueries(
            self._common.named("queries"),
            SavedQueriesArgs(log_groups=(*self.host.log_watch.groups, self._front.access_log_group)),
            opts=self._common.options,
        )
        self.alerts.show(*account_charges())
        self.dashboard = Dashboard(
            self._common.named("dashboard"),
            DashboardArgs(region=self.account.region, alerts=self.alerts, runbook_url=self._runbook_url),
            opts=self._common.options,
        )
