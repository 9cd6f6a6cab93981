"""What ECS needs to replace a service's tasks as a deployment says.

Creates: for a strategy that shifts requests the role by which ECS moves them.
"""

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole, ServiceRoleArgs
from ..access.statements import Statement
from ..account import Account
from ..edge.target import Alternate, Target
from .container import CONTAINER_PORT
from .deployment import Deployment, Shift, Strategy


def configuration(deployment: Deployment) -> aws.ecs.ServiceDeploymentConfigurationArgs:
    """Return the strategy in ECS's terms."""
    step = _share(deployment, Strategy.LINEAR)
    canary = _share(deployment, Strategy.CANARY)
    return aws.ecs.ServiceDeploymentConfigurationArgs(
        strategy=deployment.strategy.api_name,
        bake_time_in_minutes=str(deployment.bake_minutes) if deployment.shifts else None,
        linear_configuration=None
        if step is None
        else aws.ecs.ServiceDeploymentConfigurationLinearConfigurationArgs(
            step_percent=step.percent, step_bake_time_in_minutes=str(step.minutes)
        ),
        canary_configuration=None
        if canary is None
        else aws.ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs(
            canary_percent=canary.percent, canary_bake_time_in_minutes=str(canary.minutes)
        ),
        lifecycle_hooks=[_time_to_test(deployment.test_minutes)] if deployment.test_minutes else None,
    )


def circuit_breaker(deployment: Deployment) -> aws.ecs.ServiceDeploymentCircuitBreakerArgs | None:
    """Return what gives up on tasks that do not get healthy; ECS has it for rolling deployments alone."""
    if deployment.shifts:
        return None
    return aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True)


def rollback_alarms(deployment: Deployment, target: Target | None) -> aws.ecs.ServiceAlarmsArgs | None:
    """Return what takes a deployment back: the target groups' alarms, which know no service's name."""
    if target is None or not deployment.rollback_alarms:
        return None
    return aws.ecs.ServiceAlarmsArgs(enable=True, rollback=True, alarm_names=list(target.rollback_alarms))


def load_balancers(
    name: str, deployment: Deployment, target: Target, account: Account, parent: pulumi.Resource
) -> tuple[list[aws.ecs.ServiceLoadBalancerArgs], list[pulumi.Resource]]:
    """Return where the load balancer finds the tasks of ``name``, and what has to exist before.

    Raises ``ValueError`` for a deployment that shifts requests to a target with one group only.
    """
    advanced, needed = None, list(target.rules)
    if deployment.shifts:
        if target.alternate is None:
            raise ValueError(
                f"deployment: {deployment.strategy} of {name} needs a second target group; give the load "
                "balancer the same strategy, or let the service roll"
            )
        alternate = target.alternate
        role = _shifting_role(name, target.target_group_arn, alternate, account, parent)
        needed.append(role.seal())
        advanced = aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
            alternate_target_group_arn=alternate.target_group_arn,
            production_listener_rule=alternate.production_rule.arn,
            test_listener_rule=None if alternate.test_rule is None else alternate.test_rule.arn,
            role_arn=role.arn,
        )
    balancer = aws.ecs.ServiceLoadBalancerArgs(
        container_name=name,
        container_port=CONTAINER_PORT,
        target_group_arn=target.target_group_arn,
        advanced_configuration=advanced,
    )
    return [balancer], needed


def _share(deployment: Deployment, strategy: Strategy) -> Shift | None:
    return deployment.shift if deployment.strategy is strategy else None


def _time_to_test(minutes: int) -> aws.ecs.ServiceDeploymentConfigurationLifecycleHookArgs:
    # Nobody has to be there: the deployment goes on when the time is over, unless somebody has stopped it.
    return aws.ecs.ServiceDeploymentConfigurationLifecycleHookArgs(
        lifecycle_stages=["POST_TEST_TRAFFIC_SHIFT"],
        target_type="PAUSE",
        timeout_configuration=aws.ecs.ServiceDeploymentConfigurationLifecycleHookTimeoutConfigurationArgs(
            action="CONTINUE", timeout_in_minutes=str(minutes)
        ),
    )


def _shifting_role(
    name: str,
    target_group_arn: pulumi.Output[str],
    alternate: Alternate,
    account: Account,
    parent: pulumi.Resource,
) -> ServiceRole:
    # What the managed policy AmazonECSInfrastructureRolePolicyForLoadBalancers (version 6) allows, on this
    # service's groups and rules only, and without listeners: their default action is never shifted here.
    role = ServiceRole(
        f"{name}-shifting",
        ServiceRoleArgs(service="ecs.amazonaws.com", account=account, names_source=False),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    rules = [alternate.production_rule, *([alternate.test_rule] if alternate.test_rule else [])]
    role.add(
        Statement(
            sid="SeeListenersAndHealth",
            actions=(
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ),
            resources=("*",),
        ),
        Statement(
            sid="PutTasksIntoGroups",
            actions=("elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"),
            resources=(target_group_arn, alternate.target_group_arn),
        ),
        Statement(
            sid="ShiftRequests",
            actions=("elasticloadbalancing:ModifyRule",),
            resources=tuple(rule.arn for rule in rules),
        ),
    )
    return role
