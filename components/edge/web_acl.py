"""Web ACLs.

Creates: a web ACL, the log group of what it refuses or counts, its logging, and its alarms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import pulumi_aws as aws

from ..names import stack_name
from ..observe.alarms import Alerts
from ..observe.logs import LogPolicy
from ..observe.sets.source import AlarmSet
from .origin_proof import PROOF_HEADER
from .web_acl_rules import Rule

LOG_PREFIX = "aws-waf-logs-"
"""What the name of a log group has to begin with, for WAF to write to it."""
REDACTED_HEADERS = ("authorization", "cookie", PROOF_HEADER.lower())
"""Headers that sign people in or prove where a request came from; they are in no log."""
LOGGED_ACTIONS = ("BLOCK", "COUNT")
"""What is logged. What passes is in the access logs of the distribution and of the API."""
_METRIC_LENGTH_MAX = 128


class Scope(StrEnum):
    """What a web ACL stands before."""

    DISTRIBUTION = "CLOUDFRONT"
    """A distribution; the web ACL itself is in us-east-1."""
    REGIONAL = "REGIONAL"
    """The stage of a REST API in the same region."""


def metric_name(label: str) -> str:
    """Return what the metrics of a web ACL of the running stack are called."""
    return stack_name(label, _METRIC_LENGTH_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAclArgs:
    """What is refused, and who hears of it."""

    scope: Scope
    region: str | None
    """Where it is, unless that is the stack's region."""
    rules: Sequence[Rule]
    metric: str
    """Name of its metrics."""
    logs: LogPolicy
    """How logs are kept in its region."""
    alerts: Alerts
    alarms: AlarmSet

    def __post_init__(self) -> None:
        """Check that there is something to refuse."""
        if not self.rules:
            raise ValueError("rules: give at least one")


class WebAcl(pulumi.ComponentResource):
    """Lets through all that no rule refuses, and writes down what one refuses or counts."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: WebAclArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:WebAcl", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.arn = aws.wafv2.WebAcl(
            f"{name}-acl",
            region=args.region,
            scope=args.scope,
            default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
            rules=list(args.rules),
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(
                cloudwatch_metrics_enabled=True, metric_name=args.metric, sampled_requests_enabled=False
            ),
            opts=self._child,
        ).arn
        self._log()
        args.alerts.watch(name, args.alarms, parent=self)
        self.register_outputs({"arn": self.arn})

    def guard(self, name: str, stage_arn: pulumi.Input[str]) -> pulumi.Resource:
        """Stand before the stage of a REST API; ``name`` labels that."""
        return aws.wafv2.WebAclAssociation(
            f"{self._label}-of-{name}",
            region=self._args.region,
            resource_arn=stage_arn,
            web_acl_arn=self.arn,
            opts=self._child,
        )

    def _log(self) -> None:
        group = self._args.logs.group(
            f"{self._label}-logs",
            parent=self,
            physical_name=f"{LOG_PREFIX}{self._args.metric}",
        )
        aws.wafv2.WebAclLoggingConfiguration(
            f"{self._label}-logging",
            region=self._args.region,
            resource_arn=self.arn,
            log_destination_configs=[group.arn],
            redacted_fields=[
                *(
                    aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                        single_header=aws.wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(
                            name=header
                        )
                    )
                    for header in REDACTED_HEADERS
                ),
                # Tickets of live voice stand there.
                aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                    query_string=aws.wafv2.WebAclLoggingConfigurationRedactedFieldQueryStringArgs()
                ),
            ],
            logging_filter=aws.wafv2.WebAclLoggingConfigurationLoggingFilterArgs(
                default_behavior="DROP",
                filters=[
                    aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterArgs(
                        behavior="KEEP",
                        requirement="MEETS_ANY",
                        conditions=[
                            aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionArgs(
                                action_condition=aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionActionConditionArgs(
                                    action=action
                                )
                            )
                            for action in LOGGED_ACTIONS
                        ],
                    )
                ],
            ),
            opts=self._child,
        )
