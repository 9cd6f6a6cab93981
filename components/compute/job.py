"""Jobs: tasks that are started by hand, do one thing and end.

Creates: security group and its rules, execution role, log group and task definition. Nothing runs until
somebody starts it (ECS RunTask, `nova rebuild` and others).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.access.role import ServiceRole
from components.compute.image import Image
from components.compute.service import ServiceHost
from components.compute.task import PLATFORM_VERSION, TaskArgs, fargate_task
from components.data.secrets import SecretReference
from components.network.connection import Callee, Peer, connect_to_all
from components.network.needs import needs_of

CPU, MEMORY = 512, 1024
"""CPU units and MiB: a job waits for AWS most of the time, with several calls under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobArgs:
    """What a job runs, as whom, and whom it calls."""

    host: ServiceHost
    image: Image
    command: Sequence[str]
    environment: Mapping[str, pulumi.Input[str]]
    role: ServiceRole
    """The task role, granted all that the job needs; it is sealed here."""
    secrets: Mapping[str, SecretReference] = field(default_factory=dict[str, SecretReference])
    """Variables whose values ECS reads from secrets when the task starts."""
    calls: Sequence[Callee] = ()
    """What in the VPC it calls, apart from the AWS APIs that its roles may use."""


class Job(pulumi.ComponentResource):
    """A task definition in the private subnets, with a role and a security group of its own.

    It is on demand: a job that Spot takes away in the middle would have to begin again.
    """

    name: str
    start: dict[str, pulumi.Input[object]]
    """What starting it takes, for RunTask, and where its log is."""

    def __init__(self, name: str, args: JobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:compute:Job", name, None, opts)
        self.name = name
        group = aws.ec2.SecurityGroup(
            f"{name}-security-group",
            description=f"Tasks of the job {name}",
            vpc_id=args.host.vpc.vpc_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        peer = Peer(label=f"the tasks of {name}", security_group_id=group.id)
        connect_to_all(peer, args.calls, name, parent=self)
        args.role.seal()
        task = fargate_task(
            name,
            TaskArgs(
                account=args.host.account,
                logs=args.host.logs,
                log_watch=args.host.log_watch,
                image=args.image,
                command=args.command,
                environment=args.environment,
                role=args.role,
                secrets=args.secrets,
                cpu=CPU,
                memory=MEMORY,
                serves=False,
            ),
            self,
        )
        statements = (*args.role.statements, *task.execution_role.statements)
        args.host.vpc.allow_out(peer, name, needs_of(statements, args.host.account.region), parent=self)
        self.start = {
            "cluster": args.host.cluster.arn,
            "container": name,
            "logGroup": task.log_group.name,
            "platformVersion": PLATFORM_VERSION,
            "securityGroup": group.id,
            "subnets": args.host.vpc.private_subnet_ids,
            "taskDefinition": task.definition.arn,
        }
        self.register_outputs({"start": self.start})
