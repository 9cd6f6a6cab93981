"""Where else the images of a region's registry are kept, for platforms that may have to take over there.

Creates: the registry's replication, and in each further region what repositories made by it are like.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bootstrap.lifecycle import newest
from components.account import Account

IMAGES_KEPT = 10
"""Newest images kept in each replicated repository: one runs, the others are ways back."""
EVERY_REPOSITORY = "ROOT"
"""Prefix of the template for repositories without one of their own (CreateRepositoryCreationTemplate)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageReplicasArgs:
    """Whose images go where."""

    account: Account
    regions: tuple[str, ...]


class ImageReplicas(pulumi.ComponentResource):
    """Copies of every image that is pushed from now on, under the same name and digest.

    ECR has one replication for a whole registry, so that it cannot belong to a platform. Copies are encrypted
    with keys of ECR: with one of ours each copy would need a role of its own.
    """

    def __init__(
        self, name: str, args: ImageReplicasArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:bootstrap:ImageReplicas", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        templates = [
            aws.ecr.RepositoryCreationTemplate(
                f"{name}-{region}",
                region=region,
                prefix=EVERY_REPOSITORY,
                applied_fors=["REPLICATION"],
                description="Replicas of images of another region",
                image_tag_mutability="IMMUTABLE",
                lifecycle_policy=newest(IMAGES_KEPT),
                opts=child,
            )
            for region in args.regions
        ]
        destination = aws.ecr.ReplicationConfigurationReplicationConfigurationRuleDestinationArgs
        aws.ecr.ReplicationConfiguration(
            f"{name}-replication",
            replication_configuration=aws.ecr.ReplicationConfigurationReplicationConfigurationArgs(
                rules=[
                    aws.ecr.ReplicationConfigurationReplicationConfigurationRuleArgs(
                        destinations=[
                            destination(region=region, registry_id=args.account.account_id)
                            for region in args.regions
                        ]
                    )
                ]
            ),
            # A repository is made by its first copy, and no template changes it afterwards.
            opts=pulumi.ResourceOptions(parent=self, depends_on=templates),
        )
        self.register_outputs({})
