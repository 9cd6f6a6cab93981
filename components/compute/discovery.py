"""Private names of services.

Creates: a Cloud Map service in the cluster's namespace, in which ECS registers a service's tasks, or in
which one entry stands for the load balancer.
"""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from .cluster import Cluster

DNS_TTL_SECONDS = 5
"""How long callers may keep an address; a stopping task serves on for longer than that."""


def task_registry(
    name: str, cluster: Cluster, parent: pulumi.Resource
) -> aws.ecs.ServiceServiceRegistriesArgs:
    """Have ``<name>.<namespace>`` stand for the running tasks of the service ``name``."""
    # Several addresses in each answer: a caller that cannot reach one tries the next.
    discovery = _discovery(name, cluster, "MULTIVALUE", (), parent)
    # A records with awsvpc take the registry alone; a port belongs to SRV records.
    return aws.ecs.ServiceServiceRegistriesArgs(registry_arn=discovery.arn)


def balancer_alias(
    name: str,
    cluster: Cluster,
    dns_name: pulumi.Input[str],
    service: aws.ecs.Service,
    parent: pulumi.Resource,
) -> None:
    """Have ``<name>.<namespace>`` stand for the load balancer called ``dns_name``.

    The name waits for ``service``, which takes its tasks out of it when it begins to shift requests.
    """
    # Cloud Map makes aliases of load balancers in services with this policy only (RegisterInstance).
    discovery = _discovery(name, cluster, "WEIGHTED", (service,), parent)
    aws.servicediscovery.Instance(
        f"{name}-alias",
        service_id=discovery.id,
        instance_id="load-balancer",
        attributes={"AWS_ALIAS_DNS_NAME": dns_name},
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _discovery(
    name: str, cluster: Cluster, policy: str, after: Sequence[pulumi.Resource], parent: pulumi.Resource
) -> aws.servicediscovery.Service:
    return aws.servicediscovery.Service(
        f"{name}-discovery",
        name=name,
        dns_config=aws.servicediscovery.ServiceDnsConfigArgs(
            namespace_id=cluster.namespace_id,
            dns_records=[aws.servicediscovery.ServiceDnsConfigDnsRecordArgs(ttl=DNS_TTL_SECONDS, type="A")],
            routing_policy=policy,
        ),
        # Another policy is another Cloud Map service, and a namespace holds no two of one name.
        opts=pulumi.ResourceOptions(parent=parent, depends_on=list(after), delete_before_replace=True),
    )
