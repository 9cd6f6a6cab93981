"""The AWS account that the platform is built in, and ARNs in it. Creates nothing."""

from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from .joined import joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where resources live; taken from the provider, so that no account or partition stands in code."""

    account_id: pulumi.Output[str]
    partition: pulumi.Output[str]
    """``aws``, ``aws-cn`` or ``aws-us-gov``."""
    region: str
    boundary: str = ""
    """Name of the IAM policy that bounds every role made here; empty for none."""

    def arn(self, service: str, resource: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return the ARN in this account and region whose last part is ``resource``."""
        return joined(
            "arn:", self.partition, ":", service, ":", self.region, ":", self.account_id, ":", resource
        )

    def global_arn(self, service: str, resource: pulumi.Input[str]) -> pulumi.Output[str]:
        """Return the ARN in this account, of a service without regions, whose last part is ``resource``."""
        return joined("arn:", self.partition, ":", service, "::", self.account_id, ":", resource)

    def in_region(self, region: str) -> "Account":
        """Return the same account in ``region``."""
        return replace(self, region=region)

    def root_arn(self) -> pulumi.Output[str]:
        """Return the account itself as a principal: whoever the account's own IAM policies allow."""
        return self.global_arn("iam", "root")

    def boundary_arn(self) -> pulumi.Output[str] | None:
        """Return the ARN of the permissions boundary, if there is one."""
        if not self.boundary:
            return None
        return self.global_arn("iam", f"policy/{self.boundary}")

    def endpoint(self, service: str) -> str:
        """Return the value of ``kms:ViaService`` when ``service`` uses a key on a caller's behalf."""
        return f"{service}.{self.region}.amazonaws.com"


def current_account(region: str, opts: pulumi.InvokeOptions, boundary: str = "") -> Account:
    """Ask the provider in ``opts`` whose account its credentials belong to, bounded as given."""
    identity = aws.get_caller_identity_output(opts=opts)
    return Account(
        account_id=identity.account_id,
        partition=identity.arn.apply(lambda arn: arn.split(":")[1]),
        region=region,
        boundary=boundary,
    )
