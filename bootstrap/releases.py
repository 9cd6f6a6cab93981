"""Where the images lie that deliveries build once for all stacks of a region.

Creates: an ECR repository (immutable tags, scan on push, encrypted, protected) with its lifecycle and the
policy that lets functions pull from it.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bootstrap.lifecycle import newest
from bootstrap.names import releases_repository
from components.access.statements import ResourceStatement, document
from components.account import Account

IMAGES_KEPT = 5_000
"""Newest images kept. All workloads share the repository, and an image in use must never be among the oldest:
a change of the lock file makes one of each workload, so that this is years of them (quota: 100,000)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesArgs:
    """Whose images are kept."""

    account: Account
    platform: str
    """The project."""
    protect: bool


class Releases(pulumi.ComponentResource):
    """Images by content, which no stack owns: destroying the stack that built one takes it from no other.

    Encrypted by AWS's own key for ECR, so that no stack has to be admitted to a key. Costs what is stored, a
    layer once however many images share it.
    """

    repository: str
    """Its name, which stands in digests that stacks take."""

    def __init__(self, name: str, args: ReleasesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:bootstrap:Releases", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.repository = releases_repository(args.platform)
        repository = aws.ecr.Repository(
            f"{name}-repository",
            # Stack settings name it.
            name=self.repository,
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS")],
            force_delete=not args.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.ecr.LifecyclePolicy(
            f"{name}-lifecycle", repository=repository.name, policy=newest(IMAGES_KEPT), opts=child
        )
        functions = ResourceStatement(
            sid="FunctionsPull",
            effect="Allow",
            principals={"Service": "lambda.amazonaws.com"},
            actions=("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
            resources=(),
            conditions={"ArnLike": {"aws:SourceArn": args.account.arn("lambda", "function:*")}},
        )
        aws.ecr.RepositoryPolicy(
            f"{name}-repository-policy",
            repository=repository.name,
            policy=document((functions,)),
            opts=child,
        )
        self.register_outputs({"repository": self.repository})
