"""The cache: short-term memory in Redis or Valkey.

Creates: an ElastiCache replication group (one shard, TLS only, encrypted) with its subnet group in the
isolated subnets, security group, parameter group and engine log; a user group whose default user can do
nothing; alarms for each node; for each client a user with two passwords, the newer of them as a secret.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from ..asleep import NOWHERE
from ..joined import joined
from ..names import stack_name
from ..network.connection import Callee, Peer
from ..network.vpc import Vpc
from ..observe.alarms import Alerts
from ..observe.logs import LogPolicy
from ..observe.sets.data import cache_node_alarms
from ..rotation import Slot, current_slot, slot_generations
from .cache_plan import CacheEngine, CachePlan
from .keys import DataKey
from .secrets import Secret, SecretArgs, SecretPolicy, SecretReference

PORT = 6379
SNAPSHOT_WINDOW = "03:00-04:00"
MAINTENANCE_WINDOW = "sun:04:30-sun:05:30"
"""UTC; they must not overlap (ElastiCache refuses that)."""
PASSWORD_LENGTH = 64
"""Letters and digits; ElastiCache takes 16 to 128 characters."""
EVICTION_POLICY = "volatile-lru"
"""When memory is full, keys with an expiry go, least recently used first; what has none is never lost."""

_ENGINES = {CacheEngine.REDIS: ("7.1", "redis7"), CacheEngine.VALKEY: ("8.0", "valkey8")}
# Version and parameter group family of each engine.
_USER_ID_LENGTH_MAX = 40
_GROUP_ID_LENGTH_MAX = 40
_DISABLED = "off -@all"
# SCAN and RANDOMKEY would show the names of everybody's keys, FUNCTION would change everybody's functions.
_COMMANDS = (
    "-@all +@read +@write +@connection +@transaction +@scripting "
    "-@admin -@dangerous -function -scan -randomkey"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheArgs:
    """Where the cache stands, how large it is, and how it is encrypted, watched and protected."""

    vpc: Vpc
    plan: CachePlan
    key: DataKey
    secrets: SecretPolicy
    logs: LogPolicy
    alerts: Alerts
    snapshot_days: int
    """Days that daily snapshots are kept where the stack protects what it keeps; elsewhere there are none."""
    protect: bool
    asleep: bool = False
    """Whether there are users and passwords alone, for when there are nodes again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUserArgs:
    """One client of a cache."""

    client: str
    """Its user name, and what its keys start with: ``<client>:``."""
    plan: CachePlan
    user_group_id: pulumi.Input[str]
    replication_group: pulumi.Resource | None
    """Nothing while the stack sleeps."""
    secrets: SecretPolicy


class CacheUser(pulumi.ComponentResource):
    """A client's own user, limited to its own keys and to commands that are neither dangerous nor for admins.

    It has two passwords. Raising the plan's password generation by one renews the older: tasks that still
    know the newer go on, and are replaced by tasks that know the renewed one.
    """

    name: pulumi.Output[str]
    password: SecretReference

    def __init__(self, name: str, args: CacheUserArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:CacheUser", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        generations = slot_generations(args.plan.password_generation)
        passwords = {
            slot: _password(f"{name}-password-{slot}", {"generation": str(generation)}, child)
            for slot, generation in generations.items()
        }
        user = aws.elasticache.User(
            f"{name}-user",
            user_id=stack_name(args.client, _USER_ID_LENGTH_MAX),
            user_name=args.client,
            engine=args.plan.engine,
            access_string=access_string(args.client),
            authentication_mode=aws.elasticache.UserAuthenticationModeArgs(
                type="password", passwords=[passwords[slot] for slot in Slot]
            ),
            opts=child,
        )
        membership = aws.elasticache.UserGroupAssociation(
            f"{name}-membership",
            user_group_id=args.user_group_id,
            user_id=user.user_id,
            # A group cannot be changed while a cache is being made with it.
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.replication_group),
        )
        secret = Secret(
            f"{name}-password",
            SecretArgs(
                policy=args.secrets,
                description=f"Password of {args.client} for the cache",
                value=passwords[current_slot(args.plan.password_generation)],
            ),
            opts=child,
        )
        self.name = user.user_name
        self.password = secret.reference(valid_after=(user, membership))
        self.register_outputs({"name": self.name})


class Cache(pulumi.ComponentResource):
    """One shard with as many replicas as its plan says. Nobody reaches it, or may do anything, by default.

    ``user`` makes a client known to it; ``callee`` is what the client's service has to be allowed to call.
    The engine's log is kept, the slow log is not: it shows the arguments of commands, and so what people
    said. Asleep it has users and no node, and so forgets everything.
    """

    callee: Callee
    endpoint: pulumi.Output[str]
    """Host name of the primary node; a name that leads nowhere while the stack sleeps."""

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:Cache", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        security_group = aws.ec2.SecurityGroup(
            f"{name}-security-group",
            description="Nodes of the cache",
            vpc_id=args.vpc.vpc_id,
            opts=self._child,
        )
        self._user_group = self._users()
        group = self._replication_group = self._group(security_group.id)
        if group is not None:
            self._watch(group.id)
        self.endpoint = group.primary_endpoint_address if group else pulumi.Output.from_input(NOWHERE)
        self.callee = Callee(
            name="cache",
            peer=Peer(label="the cache", security_group_id=security_group.id),
            port=PORT,
            url=joined("rediss://", self.endpoint, f":{PORT}"),
        )
        self.register_outputs({"endpoint": self.endpoint})

    def user(self, client: str) -> CacheUser:
        """Make the user of ``client``, which may use keys that start with ``<client>:`` and no others."""
        return CacheUser(
            f"{self._label}-{client}",
            CacheUserArgs(
                client=client,
                plan=self._args.plan,
                user_group_id=self._user_group.user_group_id,
                replication_group=self._replication_group,
                secrets=self._args.secrets,
            ),
            opts=self._child,
        )

    def _users(self) -> aws.elasticache.UserGroup:
        engine = self._args.plan.engine
        default = aws.elasticache.User(
            f"{self._label}-default-user",
            user_id=stack_name("default", _USER_ID_LENGTH_MAX),
            user_name="default",
            engine=engine,
            access_string=_DISABLED,
            authentication_mode=self._default_authentication(),
            opts=self._child,
        )
        return aws.elasticache.UserGroup(
            f"{self._label}-users",
            user_group_id=stack_name("cache", _GROUP_ID_LENGTH_MAX),
            engine=engine,
            user_ids=[default.user_id],
            # The other members come by associations, which the group would otherwise undo.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["user_ids"]),
        )

    def _default_authentication(self) -> aws.elasticache.UserAuthenticationModeArgs:
        if self._args.plan.engine is CacheEngine.REDIS:
            return aws.elasticache.UserAuthenticationModeArgs(type="no-password-required")
        # Groups for Valkey take no user without a password: nobody knows this one.
        unknown = _password(f"{self._label}-default-password", {}, self._child)
        return aws.elasticache.UserAuthenticationModeArgs(type="password", passwords=[unknown])

    def _group(self, security_group_id: pulumi.Output[str]) -> aws.elasticache.ReplicationGroup | None:
        args, plan = self._args, self._args.plan
        version, family = _ENGINES[plan.engine]
        subnets = aws.elasticache.SubnetGroup(
            f"{self._label}-subnets",
            description="Isolated subnets",
            subnet_ids=args.vpc.isolated_subnet_ids,
            opts=self._child,
        )
        parameters = aws.elasticache.ParameterGroup(
            f"{self._label}-parameters",
            description="Parameters of the cache",
            family=family,
            parameters=[
                aws.elasticache.ParameterGroupParameterArgs(name="maxmemory-policy", value=EVICTION_POLICY)
            ],
            opts=self._child,
        )
        log_group = args.logs.group(f"{self._label}-engine-logs", parent=self)
        if args.asleep:
            return None
        fails_over = plan.replicas > 0
        return aws.elasticache.ReplicationGroup(
            f"{self._label}-group",
            description="Short-term memory",
            engine=plan.engine,
            engine_version=version,
            node_type=plan.node_type,
            num_cache_clusters=1 + plan.replicas,
            automatic_failover_enabled=fails_over,
            multi_az_enabled=fails_over,
            port=PORT,
            subnet_group_name=subnets.name,
            security_group_ids=[security_group_id],
            parameter_group_name=parameters.name,
            user_group_ids=[self._user_group.user_group_id],
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=args.key.arn,
            snapshot_retention_limit=args.snapshot_days if args.protect else 0,
            snapshot_window=SNAPSHOT_WINDOW,
            final_snapshot_identifier=stack_name("cache-final", _GROUP_ID_LENGTH_MAX)
            if args.protect
            else None,
            maintenance_window=MAINTENANCE_WINDOW,
            auto_minor_version_upgrade=True,
            # Otherwise a change would wait for the maintenance window, after an update that reports it done.
            apply_immediately=True,
            log_delivery_configurations=[
                aws.elasticache.ReplicationGroupLogDeliveryConfigurationArgs(
                    destination=log_group.name,
                    destination_type="cloudwatch-logs",
                    log_format="json",
                    log_type="engine-log",
                )
            ],
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )

    def _watch(self, group_id: pulumi.Output[str]) -> None:
        replicated = self._args.plan.replicas > 0
        for number in range(1, 2 + self._args.plan.replicas):
            # ElastiCache numbers the nodes of a group itself, and reports engine metrics by node only.
            node = f"{number:03}"
            cluster_id = joined(group_id, "-", node)
            self._args.alerts.watch(
                f"{self._label}-node-{node}", cache_node_alarms(cluster_id, replicated), parent=self
            )


def access_string(client: str) -> str:
    """Return what the user of ``client`` may do, in the engines' own language for access control."""
    return f"on ~{client}:* resetchannels {_COMMANDS}"


def _password(name: str, keepers: dict[str, str], opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    made = random.RandomPassword(name, length=PASSWORD_LENGTH, special=False, keepers=keepers, opts=opts)
    return pulumi.Output.secret(made.result)
