"""Where the load balancer sends a service's requests.

Creates: for each group of targets a target group.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..network.connection import Peer
from ..network.vpc import Vpc

DEREGISTRATION_SECONDS = 110
"""How long a stopping task keeps its open requests, and so what is left of an answer that is being streamed.

ECS stops the containers when it is over. Where it must not wait, because Fargate Spot takes the task back, a
container still has more time than this.
"""
HEALTH_PATH = "/health"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """How the tasks of one service call another one by the load balancer."""

    scheme: str
    """``https`` where the load balancer has a certificate, else ``http``."""
    host: pulumi.Input[str]
    """The name that the certificate covers; without one any name of the load balancer will do."""
    port: int
    dns_name: pulumi.Output[str]
    """The load balancer's own name, for names that stand for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternate:
    """What ECS needs beside the first target group to shift requests between two sets of tasks."""

    target_group_arn: pulumi.Output[str]
    group_suffix: pulumi.Output[str]
    production_rule: aws.lb.ListenerRule
    """Its weights are ECS's."""
    test_rule: aws.lb.ListenerRule | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the load balancer sends requests, for the service behind it."""

    target_group_arn: pulumi.Output[str]
    caller: Peer
    """The load balancer, which calls the service."""
    entrance: Entrance
    balancer_suffix: pulumi.Output[str]
    group_suffix: pulumi.Output[str]
    """What metrics call the load balancer and the group: the last parts of their ARNs."""
    rules: tuple[pulumi.Resource, ...]
    """What has to exist before a service uses the target group."""
    rollback_alarms: tuple[pulumi.Output[str], ...]
    """Names of the alarms which say that tasks answer badly or not at all."""
    alternate: Alternate | None = None
    """Nothing where tasks are replaced one by one."""


def target_group(name: str, port: int, vpc: Vpc, parent: pulumi.Resource) -> aws.lb.TargetGroup:
    """Create a group of tasks that listen on ``port`` and answer their health check."""
    return aws.lb.TargetGroup(
        name,
        target_type="ip",
        port=port,
        protocol="HTTP",
        vpc_id=vpc.vpc_id,
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
