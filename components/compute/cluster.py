"""The cluster.

Creates: an ECS cluster with Container Insights, its capacity providers, and a private Cloud Map namespace.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.network.vpc import Vpc


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterArgs:
    """Where tasks run and how they find each other."""

    vpc: Vpc
    namespace: str
    """Domain of the private names, such as ``nova.local``."""


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
        child = pulumi.ResourceOptions(parent=self)
        cluster = aws.ecs.Cluster(
            f"{name}-cluster",
            settings=[aws.ecs.ClusterSettingArgs(name="containerInsights", value="enabled")],
            opts=child,
        )
        providers = aws.ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
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
