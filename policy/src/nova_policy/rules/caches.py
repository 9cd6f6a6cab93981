"""Rules about ElastiCache."""

from collections.abc import Iterable

from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import at_least, is_certainly, is_set, may_be

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
USER_GROUP = "aws:elasticache/userGroup:UserGroup"
USER = "aws:elasticache/user:User"


@resource_rule(
    "elasticache-replicationgroup-encryption",
    severity=Severity.HIGH,
    types=(GROUP,),
    controls=(22,),
    references=("ElastiCache.4", "ElastiCache.5"),
    description="A cache speaks TLS alone, and keeps its data under a key of the account's own.",
    remediation="Set transitEncryptionEnabled, atRestEncryptionEnabled and kmsKeyId; require TLS.",
)
def encryption(group: Resource, _options: Options) -> Iterable[str]:
    """Refuse plain connections, also those that the mode ``preferred`` still admits."""
    if not may_be(group.at("transitEncryptionEnabled"), True):
        yield "connections are not encrypted"
    if is_certainly(group.at("transitEncryptionMode"), "preferred"):
        yield "connections without TLS are admitted too"
    if not may_be(group.at("atRestEncryptionEnabled"), True):
        yield "its data is not encrypted at rest"
    elif not is_set(group.at("kmsKeyId")):
        yield "its data is encrypted under AWS's own key"


@stack_rule(
    "elasticache-replicationgroup-users",
    severity=Severity.HIGH,
    types=(GROUP, USER_GROUP, USER),
    controls=(23,),
    references=("ElastiCache.6",),
    description="Each client of a cache signs in as a user, and the default user is off.",
    remediation="Give the group a user group with a user for each client, and an access string for `default` "
    "that begins with off.",
)
def users(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Refuse a default user who may do something: that is whoever gives no name."""
    for group in graph.of_type(GROUP):
        if not is_set(group.at("userGroupIds")):
            yield Finding(group, "it has no users of its own")
    for user in graph.of_type(USER):
        if user.at("userName") == "default" and is_certainly(_switch(user), "on", ""):
            yield Finding(user, "the default user is on")


def _switch(user: Resource) -> object:
    """Return ``on`` or ``off``, whatever the access string says after it."""
    access = user.at("accessString")
    if not isinstance(access, str):
        return access
    return next((word for word in access.split() if word in ("on", "off")), "")


@resource_rule(
    "elasticache-replicationgroup-availability",
    severity=Severity.MEDIUM,
    types=(GROUP,),
    controls=(24,),
    references=("ElastiCache.3",),
    description="A cache of production survives the loss of a node and of a zone.",
    remediation="Set automaticFailoverEnabled, multiAzEnabled and at least two nodes.",
    production=True,
    options={
        "nodes": {"type": "integer", "minimum": 1, "default": 2, "description": "The least number of nodes"}
    },
)
def availability(group: Resource, options: Options) -> Iterable[str]:
    """Ask for somebody to fail over to, elsewhere."""
    if not may_be(group.at("automaticFailoverEnabled"), True):
        yield "it does not fail over by itself"
    if not may_be(group.at("multiAzEnabled"), True):
        yield "all its nodes may stand in one zone"
    sharded = is_set(group.at("replicasPerNodeGroup"))
    replicas, nodes = group.at("replicasPerNodeGroup"), group.at("numCacheClusters")
    if not (at_least(replicas, options["nodes"] - 1) if sharded else at_least(nodes, options["nodes"])):
        yield f"it has fewer than {options['nodes']} nodes"


@resource_rule(
    "elasticache-replicationgroup-snapshots",
    severity=Severity.HIGH,
    types=(GROUP,),
    controls=(25,),
    references=("ElastiCache.1",),
    description="Snapshots of a production cache are kept for a week or more.",
    remediation="Set snapshotRetentionLimit.",
    production=True,
    options={
        "days": {"type": "integer", "minimum": 1, "maximum": 35, "default": 7, "description": "Days at least"}
    },
)
def snapshots(group: Resource, options: Options) -> Iterable[str]:
    """Nothing else brings back what a client deleted."""
    if not at_least(group.at("snapshotRetentionLimit"), options["days"]):
        yield f"snapshots are kept for less than {options['days']} days"


@resource_rule(
    "elasticache-replicationgroup-updates",
    severity=Severity.MEDIUM,
    types=(GROUP,),
    controls=(25,),
    references=("ElastiCache.2",),
    description="A cache gets minor versions, and with them security fixes, by itself.",
    remediation="Leave autoMinorVersionUpgrade at true.",
)
def updates(group: Resource, _options: Options) -> Iterable[str]:
    """AWS does so in the maintenance window unless it is told not to."""
    if is_certainly(group.at("autoMinorVersionUpgrade"), False, "false"):
        yield "minor versions have to be set by hand"
