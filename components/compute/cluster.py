"""The cluster.

Creates: an ECS cluster with Container Insights as the stack wants them, a log group for what is typed into
tasks, its capacity providers, and a private Cloud Map namespace.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..data.keys import DataKey
from ..network.vpc import Vpc
from ..observe.logs import LogPolicy
from .capacity import PROVIDERS
from .insights import Insights


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterArgs:
    """Where tasks run and how they find each other."""

    vpc: Vpc
    namespace: str
    """Domain of the private names, such as ``nova.local``."""
    insights: Insights
    key: DataKey
    """Encrypts the storage of tasks, which holds their image."""
    logs: LogPolicy


class Cluster(pulumi.ComponentResource):
    """Where services run: Fargate and Fargate Spot, no instances."""

    arn: pulumi.Output[str]
    name: pulumi.Output[str]
    namespace: str
    namespace_id: pulumi.Output[str]
    capacity: pulumi.Resource
    """What a service has to wait for: ECS refuses a capacity provider that the cluster lacks."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:compute:Cluster", name, None, opts)
        self._label = name
        child = pulumi.ResourceOptions(parent=self)
        cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value=args.insights)],
            configuration=aws.ecs.ClusterConfigurationArgs(
                execute_command_configuration=self._execute_command(args.logs),
                managed_storage_configuration=aws.ecs.ClusterConfigurationManagedStorageConfigurationArgs(
                    fargate_ephemeral_storage_kms_key_id=args.key.arn
                ),
            ),
            opts=child,
        )
        providers = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=list(PROVIDERS),
            opts=child,
        )
        namespace = aws.servicediscovery.PrivateDnsNamespace(
            f"{name}-namespace", name=args.namespace, vpc=args.vpc.vpc_id, opts=child
        )
        self.arn = cluster.arn
        self.name = cluster.name
        self.capacity = providers
        self.namespace = args.namespace
        self.namespace_id = namespace.id
        self.register_outputs({"arn": self.arn, "name": self.name, "namespace_id": self.namespace_id})

    def _execute_command(
        self, logs: LogPolicy
    ) -> aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgs:
        # No service allows it; where somebody opens one for an emergency, what is typed is recorded.
        group = logs.group(f"{self._label}-execute-command-logs", parent=self)
        return aws.ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
            logging="OVERRIDE",
            log_configuration=aws.ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
                cloud_watch_encryption_enabled=True, cloud_watch_log_group_name=group.name
            ),
        )
