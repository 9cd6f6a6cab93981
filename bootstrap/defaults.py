"""Settings that AWS keeps once per account.

Creates: the account's block of public buckets, and the activation of cost allocation tags.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDefaultsArgs:
    """What holds for the whole account."""

    block_public_buckets: bool
    cost_tags: tuple[str, ...]


class AccountDefaults(pulumi.ComponentResource):
    """What holds for the whole account. Destroying it lifts the block and deactivates the tags."""

    def __init__(
        self, name: str, args: AccountDefaultsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:bootstrap:AccountDefaults", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        if args.block_public_buckets:
            aws.s3.AccountPublicAccessBlock(
                f"{name}-public-access-block",
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=child,
            )
        for tag in args.cost_tags:
            aws.costexplorer.CostAllocationTag(f"{name}-{tag}", tag_key=tag, status="Active", opts=child)
        self.register_outputs({})
