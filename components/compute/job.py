"""Jobs: tasks that are started by hand, do one thing and end.

Creates: execution role and task definition; for a job that reaches more than all jobs do, a security group of
its own and its rules. Nothing runs until somebody starts it (ECS RunTask, `nova rebuild` and others).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..data.secrets import SecretReference
from ..network.connection import Callee, Peer, connect_to_all
from ..network.needs import Need, needs_of
from .image import Image
from .job_ground import JobGround
from .task import PLATFORM_VERSION, TaskArgs, fargate_task

CPU, MEMORY = 512, 1024
"""CPU units and MiB: a job waits for AWS most of the time, with several calls under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobArgs:
    """What a job runs, as whom, and whom it calls."""

    ground: JobGround
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
    """A task definition in the private subnets, with roles of its own.

    It is on demand: a job that Spot takes away in the middle would have to begin again. Raises ``ValueError``
    for a job that the shared security group would let reach what its roles do not use.
    """

    name: str
    start: dict[str, pulumi.Input[object]]
    """What starting it takes, for RunTask, and where its log is."""

    def __init__(self, name: str, args: JobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:compute:Job", name, None, opts)
        self.name = name
        self._args = args
        ground, host = args.ground, args.ground.host
        args.role.seal()
        task = fargate_task(
            name,
            TaskArgs(
                account=host.account,
                log_group=ground.log_group,
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
        needs = needs_of((*args.role.statements, *task.execution_role.statements), host.account.region)
        self.start = {
            "cluster": host.cluster.arn,
            "container": name,
            "logGroup": ground.log_group.name,
            "platformVersion": PLATFORM_VERSION,
            "securityGroups": [ground.security_group_id, *self._further(needs)],
            "subnets": host.vpc.private_subnet_ids,
            "taskDefinition": task.definition.arn,
        }
        self.register_outputs({"start": self.start})

    def _further(self, needs: Sequence[Need]) -> list[pulumi.Output[str]]:
        """Return the job's own security group, if it reaches more than all jobs do."""
        ground, calls = self._args.ground, self._args.calls
        vpc = ground.host.vpc
        if unused := [str(need) for need in ground.needs if need not in needs]:
            raise ValueError(
                f"{self.name}: it would reach {', '.join(unused)} without any use for it; "
                "a job with fewer rights cannot stand in the security group of all jobs"
            )
        further = vpc.beyond(ground.needs, needs)
        if not further and not calls:
            return []
        group = aws.ec2.SecurityGroup(
            f"{self.name}-security-group",
            description=f"Tasks of the job {self.name}",
            vpc_id=vpc.vpc_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        peer = Peer(label=f"the tasks of {self.name}", security_group_id=group.id)
        connect_to_all(peer, calls, self.name, parent=self)
        vpc.allow_out(peer, self.name, further, parent=self)
        return [group.id]
