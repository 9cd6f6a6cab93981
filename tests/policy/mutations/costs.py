"""What makes a stack dear."""

from tests.policy.mutation import Mutation, added, altered, both, set_at

RULE = "stack-cost-fixed"
CACHE = ("aws:elasticache/replicationGroup:ReplicationGroup", "nova-cache-group")
NODES = ("engine", "nodeType", "numCacheClusters")
SERVICE = ("aws:ecs/service:Service", "agent-core-service")
LEAST = ("aws:appautoscaling/target:Target", "agent-core-scaling", "minCapacity")
BUDGET = ("aws:budgets/budget:Budget", "nova-budget", "limitAmount")

MUTATIONS = (
    altered(RULE, "hundreds of nodes", (*CACHE, "numCacheClusters"), 300, needs=NODES),
    altered(RULE, "nodes that nobody has priced", (*CACHE, "nodeType"), "cache.x9.large", needs=NODES),
    altered(RULE, "a smaller budget", BUDGET, "200", at=CACHE, needs=NODES),
    Mutation(
        # Prod costs 1020.50 USD, and these 0.50, 0.50 and 1: without any one of them 1022 would do.
        rule=RULE, what="a zone, an alarm and a key too many", at=CACHE, unknown=BUDGET, needs=NODES,
        change=both(
            added("aws:cloudwatch/compositeAlarm:CompositeAlarm", "both", {"alarmActions": ["arn:topic"]}),
            added("aws:kms/replicaKey:ReplicaKey", "copy", {"policy": "{}"}),
            added("aws:route53/zone:Zone", "shop", {"name": "shop.example"}),
            set_at(BUDGET, "1022"),
        ),
    ),
    Mutation(
        rule=RULE, what="hundreds of tasks at least", change=set_at(LEAST, 300), at=SERVICE, unknown=LEAST,
        needs=("capacityProviderStrategies",),
    ),
)  # fmt: skip
