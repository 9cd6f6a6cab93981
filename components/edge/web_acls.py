"""The two web ACLs of the platform.

Creates: the distribution's web ACL, in us-east-1; that of the REST API, in the stack's region, and its
association with the stage.
"""

from dataclasses import dataclass

import pulumi

from ..observe.alarms import Alerts
from ..observe.logs import LogPolicy
from ..observe.sets.edge import api_acl_alarms, site_acl_alarms
from .certificates import DISTRIBUTION_REGION
from .origin_proof import OriginProof
from .web_acl import Scope, WebAcl, WebAclArgs, metric_name
from .web_acl_rules import api_rules, site_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class WebAclsArgs:
    """What is guarded, and how that is logged and watched."""

    region: str
    """The stack's."""
    stage_arn: pulumi.Output[str]
    """The stage of the REST API."""
    proof: OriginProof
    logs: LogPolicy
    """How logs are kept in the stack's region."""
    distribution_logs: LogPolicy
    """How they are in us-east-1."""
    alerts: Alerts


class WebAcls(pulumi.ComponentResource):
    """Refuses attacks before the distribution, and at the API all that did not come through it."""

    distribution_arn: pulumi.Output[str]
    """ARN of the distribution's web ACL."""
    asking: tuple[pulumi.Resource, ...]
    """What asks for the proof."""

    def __init__(self, name: str, args: WebAclsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:WebAcls", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.distribution_arn = self._before_the_distribution().arn
        api = self._before_the_api()
        self.asking = (api, api.guard("stage", args.stage_arn))
        self.register_outputs({"distribution_arn": self.distribution_arn})

    def _before_the_distribution(self) -> WebAcl:
        name = f"{self._label}-site"
        metric = metric_name(name)
        elsewhere = self._args.region != DISTRIBUTION_REGION
        return WebAcl(
            name,
            WebAclArgs(
                scope=Scope.DISTRIBUTION,
                region=DISTRIBUTION_REGION if elsewhere else None,
                rules=site_rules(metric),
                metric=metric,
                logs=self._args.distribution_logs,
                alerts=self._args.alerts,
                alarms=site_acl_alarms(metric, DISTRIBUTION_REGION),
            ),
            opts=self._child,
        )

    def _before_the_api(self) -> WebAcl:
        name = f"{self._label}-api"
        metric = metric_name(name)
        return WebAcl(
            name,
            WebAclArgs(
                scope=Scope.REGIONAL,
                region=None,
                rules=api_rules(self._args.proof, metric),
                metric=metric,
                logs=self._args.logs,
                alerts=self._args.alerts,
                alarms=api_acl_alarms(metric, self._args.region),
            ),
            opts=self._child,
        )
