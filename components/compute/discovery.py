"""Private names of services.

Creates: a Cloud Map service in the cluster's namespace, in which ECS registers a service's tasks.
"""

import pulumi
import pulumi_aws as aws

from components.compute.cluster import Cluster

DNS_TTL_SECONDS = 5
"""How long callers may keep an address; a stopping task serves on for longer than that."""


def task_registry(
    name: str, cluster: Cluster, parent: pulumi.Resource
) -> aws.ecs.ServiceServiceRegistriesArgs:
    """Have ``<name>.<namespace>`` stand for the running tasks of the service ``name``."""
    discovery = aws.servicediscovery.Service(
        f"{name}-discovery",
        name=name,
        dns_config=aws.servicediscovery.ServiceDnsConfigArgs(
            namespace_id=cluster.namespace_id,
            dns_records=[aws.servicediscovery.ServiceDnsConfigDnsRecordArgs(ttl=DNS_TTL_SECONDS, type="A")],
            # Several addresses in each answer: a caller that cannot reach one tries the next.
            routing_policy="MULTIVALUE",
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    # A records with awsvpc take the registry alone; a port belongs to SRV records.
    return aws.ecs.ServiceServiceRegistriesArgs(registry_arn=discovery.arn)
