"""The providers, all explicit, so that nothing is created with a default of some other version or region.

Creates: the AWS provider with the region and the tags of every resource, the awsx, the Docker and the random
provider.
"""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker
import pulumi_random as random


def aws_provider(region: str, tags: Mapping[str, str]) -> aws.Provider:
    """Return the AWS provider of ``region``; ``tags`` go on every resource that can be tagged."""
    return aws.Provider("aws", region=region, default_tags=aws.ProviderDefaultTagsArgs(tags=dict(tags)))


def explicit_providers(region: str, tags: Mapping[str, str]) -> list[pulumi.ProviderResource]:
    """Return the providers to hand to a top component; ``tags`` go on every resource that can be tagged."""
    return [
        aws_provider(region, tags),
        pulumi.ProviderResource("awsx", "awsx", {}),
        docker.Provider("docker"),
        random.Provider("random"),
    ]


def ownership_tags(owner: str, cost_center: str) -> dict[str, str]:
    """Return the tags that say whose a resource is and which stack made it."""
    return {
        "project": pulumi.get_project(),
        "stack": pulumi.get_stack(),
        "owner": owner,
        "cost-center": cost_center,
        "managed-by": "pulumi",
    }
