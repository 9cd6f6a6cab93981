"""What a Fargate task runs, as whom, and where its output goes.

Creates: execution role and task definition.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole, ServiceRoleArgs
from ..account import Account
from ..data.secrets import SecretReference
from ..json_text import json_text
from ..observe.logs import write_statement
from .container import HEALTH_CHECK_COMMAND, ContainerArgs, container_definition
from .image import Image

PLATFORM_VERSION = "1.4.0"
"""Fargate platform version of Linux tasks, pinned: ``LATEST`` would change what runs without a deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskArgs:
    """One container, how large its task is, and where it logs."""

    account: Account
    log_group: aws.cloudwatch.LogGroup
    image: Image
    command: Sequence[str]
    environment: Mapping[str, pulumi.Input[str]]
    role: ServiceRole
    cpu: int
    memory: int
    secrets: Mapping[str, SecretReference] = field(default_factory=dict[str, SecretReference])
    serves: bool = True
    """Whether it listens, and answers for its health."""
    health_check: Sequence[str] = HEALTH_CHECK_COMMAND


@dataclass(frozen=True, slots=True, kw_only=True)
class FargateTask:
    """A task definition, and what starting it takes."""

    definition: aws.ecs.TaskDefinition
    execution_role: ServiceRole
    """Takes the image, secrets and logs for the task; it is sealed."""
    execution_policy: aws.iam.RolePolicy


def fargate_task(label: str, args: TaskArgs, parent: pulumi.Resource) -> FargateTask:
    """Declare the task ``label`` and what it stands on, as children of ``parent``."""
    execution_role, execution_policy = _execution_role(label, args, parent)
    container = container_definition(
        ContainerArgs(
            name=label,
            image=args.image.digest,
            command=args.command,
            environment=args.environment,
            secrets={name: secret.value_from for name, secret in args.secrets.items()},
            log_group=args.log_group.name,
            region=args.account.region,
            serves=args.serves,
            health_check=args.health_check,
        )
    )
    definition = aws.ecs.TaskDefinition(
        f"{label}-task",
        family=f"{pulumi.get_project()}-{pulumi.get_stack()}-{label}",
        requires_compatibilities=["FARGATE"],
        network_mode="awsvpc",
        cpu=str(args.cpu),
        memory=str(args.memory),
        runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
            cpu_architecture="ARM64", operating_system_family="LINUX"
        ),
        execution_role_arn=execution_role.arn,
        task_role_arn=args.role.arn,
        container_definitions=json_text([container]),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return FargateTask(
        definition=definition,
        execution_role=execution_role,
        execution_policy=execution_policy,
    )


def task_service_role(name: str, account: Account, opts: pulumi.ResourceOptions) -> ServiceRole:
    """Return a role that ECS tasks of this account and region take."""
    return ServiceRole(
        name,
        ServiceRoleArgs(
            service="ecs-tasks.amazonaws.com", account=account, source_arn=account.arn("ecs", "*")
        ),
        opts=opts,
    )


def _execution_role(
    label: str, args: TaskArgs, parent: pulumi.Resource
) -> tuple[ServiceRole, aws.iam.RolePolicy]:
    role = task_service_role(f"{label}-execution", args.account, pulumi.ResourceOptions(parent=parent))
    args.image.grant_pull(role)
    role.add(write_statement(args.log_group))
    for name, secret in sorted(args.secrets.items()):
        secret.grant_read(role, f"Read{name.replace('_', ' ').title().replace(' ', '')}")
    return role, role.seal()
