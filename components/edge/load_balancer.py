"""The load balancer.

Creates: an internal application load balancer over the private subnets, its security group and its `api`
listener, which answers 404 by default; for each target a target group and its listener rules; for each
admitted caller the security-group rules between the two.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.network.connection import Peer, RuleNames, connect
from components.network.vpc import Vpc

LISTENER_PORT = 80
"""Plain HTTP inside the VPC, between security groups that name each other."""
DEREGISTRATION_SECONDS = 30
"""How long a stopping task still gets its open requests; less than a container's stop time."""
HEALTH_PATH = "/health"

IDLE_SECONDS = 300
"""How long an answer may say nothing.

As long as API Gateway lets a stream be silent (5 minutes), and far longer than the 15 s between two
heartbeats.
"""

_PATTERNS_MAX = 5
"""Values that one rule may compare (AWS limit)."""
_PRIORITY_MAX = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadBalancerArgs:
    """Where it stands and whether it refuses deletion."""

    vpc: Vpc
    protect: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMatch:
    """Requests that go to one target: any of ``paths``, and any of ``methods`` unless that is empty."""

    label: str
    priority: int
    """The rule with the lowest number that matches wins; unique in the load balancer."""
    paths: tuple[str, ...]
    methods: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the limits of a listener rule."""
        if not 1 <= self.priority <= _PRIORITY_MAX:
            raise ValueError(f"priority: {self.priority} is not allowed; it is 1 to {_PRIORITY_MAX}")
        if not self.paths or len(self.paths) + len(self.methods) > _PATTERNS_MAX:
            raise ValueError(
                f"paths: {self.paths} with {self.methods}: a rule compares 1 to {_PATTERNS_MAX} values"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the load balancer sends requests, for the service behind it."""

    target_group_arn: pulumi.Output[str]
    caller: Peer
    """The load balancer, which calls the service."""
    resource_label: pulumi.Output[str]
    """Names balancer and target group to autoscaling."""
    rules: tuple[pulumi.Resource, ...]
    """What has to exist before a service uses the target group."""


class LoadBalancer(pulumi.ComponentResource):
    """One internal load balancer for all services. Nobody reaches it without ``admit``."""

    arn: pulumi.Output[str]
    dns_name: pulumi.Output[str]

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:LoadBalancer", name, None, opts)
        self._label = name
        self._vpc = args.vpc
        self._priorities: set[int] = set()
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-security-group",
            description="Internal load balancer",
            vpc_id=args.vpc.vpc_id,
            opts=child,
        )
        self._peer = Peer(label="the load balancer", security_group_id=group.id)
        balancer = aws.lb.LoadBalancer(
            f"{name}-alb",
            load_balancer_type="application",
            internal=True,
            subnets=args.vpc.private_subnet_ids,
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            idle_timeout=IDLE_SECONDS,
            enable_deletion_protection=args.protect,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self._arn_suffix = balancer.arn_suffix
        self.arn = balancer.arn
        self.dns_name = balancer.dns_name
        listener = aws.lb.Listener(
            f"{name}-api-listener",
            load_balancer_arn=balancer.arn,
            port=LISTENER_PORT,
            protocol="HTTP",
            default_actions=[_not_found()],
            opts=child,
        )
        self._listener_arn = listener.arn
        self.register_outputs({"arn": self.arn, "dns_name": self.dns_name})

    def target(
        self, name: str, port: int, matches: Sequence[RequestMatch], parent: pulumi.Resource
    ) -> Target:
        """Send what any of ``matches`` describes to tasks that listen on ``port``.

        The resources become children of ``parent``. Raises ``ValueError`` for a priority that is taken.
        """
        group = aws.lb.TargetGroup(
            f"{name}-target",
            target_type="ip",
            port=port,
            protocol="HTTP",
            vpc_id=self._vpc.vpc_id,
            deregistration_delay=DEREGISTRATION_SECONDS,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path=HEALTH_PATH,
                matcher="200",
                interval=15,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=3,
            ),
            opts=pulumi.ResourceOptions(parent=parent),
        )
        return Target(
            target_group_arn=group.arn,
            caller=self._peer,
            resource_label=pulumi.Output.concat(self._arn_suffix, "/", group.arn_suffix),
            rules=tuple(self._rule(name, match, group.arn, parent) for match in matches),
        )

    def admit(self, name: str, security_group_id: pulumi.Input[str]) -> None:
        """Let what has the security group ``security_group_id`` call; ``name`` labels the rules."""
        connect(
            caller=Peer(label=name, security_group_id=security_group_id),
            callee=self._peer,
            port=LISTENER_PORT,
            names=RuleNames(
                ingress=f"{self._label}-ingress-{name}", egress=f"{self._label}-egress-of-{name}"
            ),
            parent=self,
        )

    def _rule(
        self, name: str, match: RequestMatch, target_group_arn: pulumi.Output[str], parent: pulumi.Resource
    ) -> pulumi.Resource:
        if match.priority in self._priorities:
            raise ValueError(
                f"priority: {match.priority} of {name} is taken by another rule; choose a free one"
            )
        self._priorities.add(match.priority)
        conditions = [
            aws.lb.ListenerRuleConditionArgs(
                path_pattern=aws.lb.ListenerRuleConditionPathPatternArgs(values=list(match.paths))
            )
        ]
        if match.methods:
            conditions.append(
                aws.lb.ListenerRuleConditionArgs(
                    http_request_method=aws.lb.ListenerRuleConditionHttpRequestMethodArgs(
                        values=list(match.methods)
                    )
                )
            )
        return aws.lb.ListenerRule(
            f"{name}-rule-{match.label}",
            listener_arn=self._listener_arn,
            priority=match.priority,
            actions=[aws.lb.ListenerRuleActionArgs(type="forward", target_group_arn=target_group_arn)],
            conditions=conditions,
            opts=pulumi.ResourceOptions(parent=parent),
        )


def _not_found() -> aws.lb.ListenerDefaultActionArgs:
    problem = {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "There is nothing here."}
    return aws.lb.ListenerDefaultActionArgs(
        type="fixed-response",
        fixed_response=aws.lb.ListenerDefaultActionFixedResponseArgs(
            # A fixed response knows five content types; this is the nearest to application/problem+json.
            content_type="application/json",
            status_code="404",
            message_body=json.dumps(problem),
        ),
    )
