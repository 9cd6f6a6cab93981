"""How many requests are traced.

Creates: a sampling rule of X-Ray.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..names import stack_name

PRIORITY = 1000
"""Between what somebody tries out for a day (lower numbers go first) and X-Ray's own rule (10,000)."""
RESERVOIR = 1
"""Traces a second that are recorded in any case, so that a quiet stack shows its every request."""
_NAME_LENGTH_MAX = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSamplingArgs:
    """Which requests, and how many; raises ``ValueError`` for a share that is none."""

    stage: pulumi.Input[str]
    """What traces call a stage of a REST API: the API's name and the stage's, with a slash between."""
    percent: int
    """Share of the requests beyond the reservoir."""

    def __post_init__(self) -> None:
        """Check the share."""
        if not 0 <= self.percent <= 100:  # noqa: PLR2004 (a share)
            raise ValueError(f"percent: {self.percent} is not allowed; it is 0 to 100")


class TraceSampling(pulumi.ComponentResource):
    """Decides at the public API, where requests come in; what follows the request goes by the decision.

    Where traces end up, and how many of them can be searched for, is the region's business: the account
    stack sends them to CloudWatch Logs (Transaction Search).
    """

    def __init__(
        self, name: str, args: TraceSamplingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:observe:TraceSampling", name, None, opts)
        aws.xray.SamplingRule(
            name,
            rule_name=stack_name(name, _NAME_LENGTH_MAX),
            priority=PRIORITY,
            version=1,
            reservoir_size=RESERVOIR,
            fixed_rate=args.percent / 100,
            service_type="AWS::ApiGateway::Stage",
            service_name=args.stage,
            resource_arn="*",
            host="*",
            http_method="*",
            url_path="*",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
