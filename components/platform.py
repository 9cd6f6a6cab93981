"""What all workloads share.

Creates: keys, alerts topic, VPC, event store, read model, data keys, content bucket (each with its replica in
another region, where there is one), usage ledger, leases, access logs, vector store, cache, bus, pipe,
cluster, what jobs share, load balancer and user pool; the budget; each workload's image; and, once they have
declared their routes, the public API, the sampling of its traces, saved queries and the dashboard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pulumi

from .access.role import ServiceRole
from .account import Account, current_account
from .agent.guardrail import Guardrail, GuardrailArgs
from .agent.guardrail_plan import GuardrailPlan
from .agent.models import Model, ModelProfile, ModelProfileArgs
from .compute.capacity import Capacity
from .compute.cluster import Cluster, ClusterArgs
from .compute.deployment import Deployment
from .compute.function import Function, FunctionArgs
from .compute.image import Image, ImageArgs, registry_credentials
from .compute.insights import Insights
from .compute.job_ground import JobGround, JobGroundArgs
from .compute.service import ServiceHost
from .data.access_logs import AccessLogs, AccessLogsArgs
from .data.backup_plan import BackupPlan
from .data.backups import BackedUp, Backups, BackupsArgs
from .data.bucket import ContentBucket, ContentBucketArgs
from .data.cache import Cache, CacheArgs
from .data.cache_plan import CachePlan
from .data.content_replica import ContentReplica, ContentReplicaArgs
from .data.data_keys import DataKeys, DataKeysArgs
from .data.key_plan import DataClass
from .data.keys import Keys, KeysArgs
from .data.replica_plan import ReplicaOf
from .data.secrets import HeldSecret, HeldSecretArgs, SecretPolicy
from .data.tables import (
    EventStore,
    ExistingTable,
    Leases,
    PaymentLedger,
    ReadModel,
    Replica,
    TableArgs,
    UsageLedger,
)
from .data.vectors import VectorStore, VectorStoreArgs
from .edge.api import Api, ApiArgs
from .edge.certificates import DISTRIBUTION_REGION, Certificates, CertificatesArgs
from .edge.distribution import Backends, Distribution, DistributionArgs, DistributionDomain
from .edge.load_balancer import BalancerCertificate, LoadBalancer, LoadBalancerArgs, Shifting
from .edge.origin_proof import OriginProof, OriginProofArgs
from .edge.plan import EdgePlan, SiteDomain
from .edge.routes import Route
from .edge.user_pool import UserPool, UserPoolArgs
from .edge.web_acls import WebAcls, WebAclsArgs
from .messaging.bus import EventBus, EventBusArgs, Pattern
from .messaging.notice import EventNotice, EventNoticeArgs
from .messaging.pipe import Change, EventPipe, EventPipeArgs, publication
from .messaging.queue import QueueEncryption
from .messaging.tampering import TamperWatch, TamperWatchArgs
from .network.needs import EndpointMode
from .network.plan import Network
from .network.vpc import Vpc, VpcArgs
from .observe.alarms import Alerts, AlertsArgs
from .observe.budget import Budget, BudgetArgs
from .observe.dashboard import Dashboard, DashboardArgs
from .observe.log_watch import LogWatch, LogWatchArgs
from .observe.logs import LogPolicy
from .observe.sampling import TraceSampling, TraceSamplingArgs
from .observe.saved_queries import SavedQueries, SavedQueriesArgs
from .observe.sets.agent import model_alarms
from .observe.sets.traffic import account_charges, model_use
from .observe.severity import AlarmScope

NAMESPACE = "nova.local"
"""Domain under which services find each other inside the VPC."""
PASSING_PREFIXES = ("transcribe/",)
"""Content that one service hands to another and nobody keeps."""
STATIC_PATHS = ("/_next/static/*",)
"""Files of the site whose names change with their content."""
UNFILTERED_VECTOR_KEYS = ("text",)
"""What a found vector shows and nobody searches by."""

SEVERE_EVENTS: Pattern = {
    "source": [{"prefix": "nova."}],
    "detail": {"severity": ["HIGH", "CRITICAL", "high", "critical"]},
}
"""Events of our own that a person has to hear of, such as an anomaly in a video."""


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
        self._label = name
        self._child = pulumi.ResourceOptions(parent=self)
        self._protects_images = args.protect
        self._replica_of = args.replica_of
        self._released = args.released_images
        self._images: dict[str, Image] = {}
        self._edge = args.edge
        self._asleep = args.asleep
        self._runbook_url = args.runbook_url
        self._trace_sample_percent = args.trace_sample_percent
        self.account = current_account(
            args.region, pulumi.InvokeOutputOptions(parent=self), boundary=args.permissions_boundary
        )
        keys = Keys(
            f"{name}-keys",
            KeysArgs(
                account=self.account,
                recovery_days=args.recovery_days,
                protect=args.protect,
                existing=args.existing_keys,
                shared=args.shared_key,
                replicated=bool(args.replica_region),
            ),
            opts=self._child,
        )
        self._keys = keys
        self._registry = registry_credentials(pulumi.InvokeOutputOptions(parent=self))
        self._image_key = keys.images
        self._logs = LogPolicy(retention_days=args.log_retention_days, key_arn=keys.logs.arn)
        self.alerts = Alerts(
            f"{name}-alerts",
            AlertsArgs(
                account=self.account,
                keys=keys,
                email=args.alarm_email,
                runbook_url=args.runbook_url,
                scope=args.alarm_scope,
                asleep=args.asleep,
            ),
            opts=self._child,
        )
        if args.budget_usd:
            Budget(
                f"{name}-budget",
                BudgetArgs(usd_a_month=args.budget_usd, alerts=self.alerts),
                opts=self._child,
            )
        self.queues = QueueEncryption(key=keys.messages, alerts=self.alerts)
        self._model_profiles = args.model_profiles
        if args.guardrail is not None:
            self.guardrail = Guardrail(
                f"{name}-guardrail",
                GuardrailArgs(
                    account=self.account,
                    plan=args.guardrail,
                    key=keys.of(DataClass.GUARDRAILS),
                    alerts=self.alerts,
                ),
                opts=self._child,
            )
        self._secrets = SecretPolicy(key=keys.secrets, recovery_days=args.recovery_days, protect=args.protect)
        self._data(keys, args)
        self._messaging(running=args.replica_of is None or not args.replica_of.standby)
        self._compute(args)
        self._memory(keys, args)
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

    def image(self, name: str, folder: str, parent: pulumi.Resource) -> Image:
        """Build and keep the image of the workload in ``folder``, or take it; as a child of ``parent``."""
        image = Image(
            name,
            ImageArgs(
                account=self.account,
                key=self._image_key,
                folder=folder,
                protect=self._protects_images,
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
        if not self._replica:
            return {}
        return {**self._replica, "images": {name: image.reference for name, image in self._images.items()}}

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
                key=self._keys.secrets,
                role=role,
                logs=self._logs,
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
        return PaymentLedger(name, self._regional, opts=pulumi.ResourceOptions(parent=parent))

    def expose(
        self, routes: Sequence[Route], functions: Mapping[str, Function] | None = None
    ) -> Distribution:
        """Open the platform, once: its API with ``routes``, and the distribution before it.

        ``functions`` answer the routes that name them.
        """
        api = Api(
            f"{self._label}-api",
            ApiArgs(
                account=self.account,
                routes=routes,
                user_pool=self.user_pool,
                load_balancer=self.load_balancer,
                vpc=self.host.vpc,
                logs=self._logs,
                alerts=self.alerts,
                plan=self._edge,
                functions=functions or {},
                asleep=self._asleep,
            ),
            opts=self._child,
        )
        distribution = Distribution(
            f"{self._label}-site",
            DistributionArgs(
                backends=None if self._asleep else self._backends(api),
                domain=self._domain,
                access_logs=self.access_logs,
                alerts=self.alerts,
            ),
            opts=self._child,
        )
        self.content.admit_site(distribution.url)
        self._access_log_group = api.access_log_group
        return distribution

    def _backends(self, api: Api) -> Backends:
        TraceSampling(
            f"{self._label}-traces",
            TraceSamplingArgs(stage=api.traced_stage, percent=self._trace_sample_percent),
            opts=self._child,
        )
        web_acl_arn, accepted_by = self._guards(api)
        return Backends(
            api_host=api.host,
            load_balancer=self.load_balancer,
            proof=self._proof,
            proof_accepted_by=accepted_by,
            static_paths=STATIC_PATHS,
            web_acl_arn=web_acl_arn,
        )

    def show(self) -> None:
        """Make the saved queries and the dashboard of all that there is by now. Once, after ``expose``."""
        SavedQueries(
            f"{self._label}-queries",
            SavedQueriesArgs(log_groups=(*self.host.log_watch.groups, self._access_log_group)),
            opts=self._child,
        )
        self.alerts.show(*account_charges())
        self.dashboard = Dashboard(
            f"{self._label}-dashboard",
            DashboardArgs(region=self.account.region, alerts=self.alerts, runbook_url=self._runbook_url),
            opts=self._child,
        )

    def _guards(self, api: Api) -> tuple[pulumi.Output[str] | None, Sequence[pulumi.Resource]]:
        """Return the ARN of the distribution's web ACL, if there is one, and what asks for the proof."""
        if not self._edge.web_acl:
            return None, self.load_balancer.rules
        acls = WebAcls(
            f"{self._label}-web",
            WebAclsArgs(
                region=self.account.region,
                stage_arn=api.stage_arn,
                proof=self._proof,
                logs=self._logs,
                distribution_logs=self._logs_in(DISTRIBUTION_REGION),
                alerts=self.alerts,
            ),
            opts=self._child,
        )
        return acls.distribution_arn, acls.asking

    def _logs_in(self, region: str) -> LogPolicy:
        if region == self.account.region:
            return self._logs
        return replace(self._logs, key_arn=self._keys.of(DataClass.LOGS, region).arn, region=region)

    def _data(self, keys: Keys, args: PlatformArgs) -> None:
        given = args.replica_of
        table = TableArgs(
            key=keys.tables,
            alerts=self.alerts,
            recovery_days=args.recovery_days,
            protect=args.protect,
            replica=_table_replica(keys, args.replica_region),
        )
        events, read_model, data_keys = _given_tables(given)
        self.events = EventStore(f"{self._label}-events", replace(table, existing=events), opts=self._child)
        self.read_model = ReadModel(
            f"{self._label}-read-model", replace(table, existing=read_model), opts=self._child
        )
        self.data_keys = DataKeys(
            f"{self._label}-data-keys",
            DataKeysArgs(
                key=keys.tables,
                wrapping_key=keys.personal,
                alerts=self.alerts,
                protect=args.protect,
                replica=table.replica,
                existing=data_keys,
            ),
            opts=self._child,
        )
        regional = self._regional = replace(table, replica=None)
        self.usage = UsageLedger(f"{self._label}-usage", regional, opts=self._child)
        self.leases = Leases(f"{self._label}-leases", regional, opts=self._child)
        bucket = ContentBucketArgs(
            key=keys.content,
            recovery_days=args.recovery_days,
            passing_prefixes=PASSING_PREFIXES,
            protect=args.protect,
            existing=given.content_bucket if given else "",
            announces=given is None or not given.standby,
        )
        self.content = ContentBucket(f"{self._label}-content", bucket, opts=self._child)
        self._replica = self._replicate(keys, bucket, args.replica_region)
        if args.backups is not None:
            self._back_up(keys, args.backups, args.protect)
        self.access_logs = AccessLogs(
            f"{self._label}-access-logs",
            AccessLogsArgs(
                account=self.account,
                buckets={"content": self.content},
                retention_days=args.log_retention_days,
                protect=args.protect,
            ),
            opts=self._child,
        )
        self.vectors = VectorStore(
            f"{self._label}-vectors",
            VectorStoreArgs(
                key=keys.vectors,
                dimension=args.embedding_dimension,
                model=args.embedding_model,
                unfiltered_keys=UNFILTERED_VECTOR_KEYS,
                protect=args.protect,
            ),
            opts=self._child,
        )

    def _replicate(
        self, keys: Keys, bucket: ContentBucketArgs, region: str
    ) -> dict[str, pulumi.Input[object]]:
        if not region:
            return {}
        content_key = keys.of(DataClass.CONTENT, region)
        replica = ContentReplica(
            f"{self._label}-content-replica",
            ContentReplicaArgs(
                account=self.account,
                source=self.content,
                source_key=keys.content,
                bucket=replace(bucket, key=content_key),
                region=region,
                alerts=self.alerts,
            ),
            opts=self._child,
        )
        return {
            "region": region,
            "eventStoreTable": self.events.name,
            "eventStoreStreamArn": self.events.replica_stream_arn,
            "readModelTable": self.read_model.name,
            "dataKeysTable": self.data_keys.name,
            "contentBucket": replica.name,
            "existingKeys": {
                DataClass.TABLES.value: keys.of(DataClass.TABLES, region).arn,
                DataClass.PERSONAL.value: keys.of(DataClass.PERSONAL, region).arn,
                DataClass.CONTENT.value: content_key.arn,
            },
        }

    def _back_up(self, keys: Keys, plan: BackupPlan, protect: bool) -> None:
        Backups(
            f"{self._label}-backups",
            BackupsArgs(
                account=self.account,
                plan=plan,
                tables=[BackedUp(arn=table.arn, key=keys.tables) for table in (self.events, self.read_model)],
                bucket=BackedUp(arn=self.content.arn, key=keys.content),
                key=keys.of(DataClass.BACKUPS),
                alerts=self.alerts,
                protect=protect,
            ),
            opts=self._child,
        )

    def _memory(self, keys: Keys, args: PlatformArgs) -> None:
        self.cache = Cache(
            f"{self._label}-cache",
            CacheArgs(
                vpc=self.host.vpc,
                plan=args.cache,
                key=keys.cache,
                secrets=self._secrets,
                logs=self._logs,
                alerts=self.alerts,
                snapshot_days=args.recovery_days,
                protect=args.protect,
                asleep=args.asleep,
            ),
            opts=self._child,
        )

    def _messaging(self, *, running: bool) -> None:
        self.bus = EventBus(f"{self._label}-bus", EventBusArgs(encryption=self.queues), opts=self._child)
        EventPipe(
            f"{self._label}-pipe",
            EventPipeArgs(
                account=self.account,
                source=self.events,
                changes=(Change.INSERT,),
                target=publication(self.bus),
                encryption=self.queues,
                logs=self._logs,
                running=running,
            ),
            opts=self._child,
        )
        TamperWatch(
            f"{self._label}-tampering",
            TamperWatchArgs(
                account=self.account,
                source=self.events,
                encryption=self.queues,
                logs=self._logs,
                running=running,
            ),
            opts=self._child,
        )
        EventNotice(
            f"{self._label}-severe-events",
            EventNoticeArgs(bus=self.bus, pattern=SEVERE_EVENTS, encryption=self.queues),
            opts=self._child,
        )

    def _compute(self, args: PlatformArgs) -> None:
        vpc = Vpc(
            f"{self._label}-vpc",
            VpcArgs(
                account=self.account,
                network=args.network,
                endpoints=args.interface_endpoints,
                agents=args.agents_in_vpc,
                logs=self._logs,
                asleep=args.asleep,
            ),
            opts=self._child,
        )
        cluster = Cluster(
            f"{self._label}-cluster",
            ClusterArgs(
                vpc=vpc,
                namespace=NAMESPACE,
                insights=args.insights,
                key=self._image_key,
                logs=self._logs,
            ),
            opts=self._child,
        )
        self.host = ServiceHost(
            account=self.account,
            vpc=vpc,
            cluster=cluster,
            logs=self._logs,
            alerts=self.alerts,
            log_watch=LogWatch(
                f"{self._label}-log-watch", LogWatchArgs(alerts=self.alerts), opts=self._child
            ),
            capacity=args.capacity,
            deployment=args.deployment,
            asleep=args.asleep,
        )
        self.jobs = JobGround(f"{self._label}-jobs", JobGroundArgs(host=self.host), opts=self._child)
        self._entry(vpc, args)

    def _entry(self, vpc: Vpc, args: PlatformArgs) -> None:
        self._proof = OriginProof(
            f"{self._label}-proof",
            OriginProofArgs(generation=args.edge.origin_proof_generation),
            opts=self._child,
        )
        self._domain, certificate = self._named(args.edge.domain)
        self.load_balancer = LoadBalancer(
            f"{self._label}-balancer",
            LoadBalancerArgs(
                vpc=vpc,
                access_logs=self.access_logs,
                alerts=self.alerts,
                protect=args.protect,
                certificate=certificate,
                proof=None if args.edge.web_acl else self._proof,
                shifting=_shifting(args.deployment),
                origin_security_group=args.edge.origin_security_group,
                asleep=args.asleep,
            ),
            opts=self._child,
        )
        self.user_pool = UserPool(
            f"{self._label}-users",
            UserPoolArgs(
                account=self.account,
                alerts=self.alerts,
                existing=args.edge.existing_pool,
                access_token_minutes=args.edge.access_token_minutes,
                refresh_token_days=args.edge.refresh_token_days,
                protect=args.protect,
            ),
            opts=self._child,
        )

    def _named(
        self, domain: SiteDomain | None
    ) -> tuple[DistributionDomain, BalancerCertificate] | tuple[None, None]:
        if domain is None:
            return None, None
        certificates = Certificates(
            f"{self._label}-certificates", CertificatesArgs(domain=domain), opts=self._child
        )
        return (
            DistributionDomain(domain=domain, certificate_arn=certificates.distribution_arn),
            BalancerCertificate(arn=certificates.balancer_arn, domain=domain),
        )


def _given_tables(
    given: ReplicaOf | None,
) -> tuple[ExistingTable, ExistingTable, ExistingTable] | tuple[None, None, None]:
    if given is None:
        return None, None, None
    events = ExistingTable(name=given.event_store_table, stream_arn=given.event_store_stream_arn)
    return events, ExistingTable(name=given.read_model_table), ExistingTable(name=given.data_keys_table)


def _table_replica(keys: Keys, region: str) -> Replica | None:
    return Replica(region=region, key=keys.of(DataClass.TABLES, region)) if region else None


def _shifting(deployment: Deployment) -> Shifting:
    if not deployment.shifts:
        return Shifting.NONE
    return Shifting.TEST_AND_PRODUCTION if deployment.test_minutes else Shifting.PRODUCTION
