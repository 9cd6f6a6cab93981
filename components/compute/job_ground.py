"""What all jobs of a stack stand on.

Creates: a log group with the filters that count its entries; a security group with the ways out that every
job goes.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..network.connection import Peer
from ..network.needs import ServiceNeed
from .service import ServiceHost

SERVICES = ("dynamodb", "ecr.api", "ecr.dkr", "logs", "s3")
"""What every job calls: where its image is and its log goes, and the tables of events or of data keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGroundArgs:
    """Where jobs run."""

    host: ServiceHost


class JobGround(pulumi.ComponentResource):
    """One log and one security group for jobs, which run seldom, briefly, and reach nearly the same.

    What a job may do its own roles say. In the log each task has a stream of its own, named after its job.
    """

    host: ServiceHost
    log_group: aws.cloudwatch.LogGroup
    security_group_id: pulumi.Output[str]
    needs: tuple[ServiceNeed, ...]
    """What is reached from the security group."""

    def __init__(self, name: str, args: JobGroundArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:compute:JobGround", name, None, opts)
        self.host = args.host
        self.log_group = args.host.logs.group(f"{name}-logs", parent=self)
        args.host.log_watch.count(f"{name}-logs", self.log_group, parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-security-group",
            description="Tasks of jobs",
            vpc_id=args.host.vpc.vpc_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.security_group_id = group.id
        self.needs = tuple(
            ServiceNeed(service=service, region=args.host.account.region) for service in SERVICES
        )
        peer = Peer(label="the tasks of jobs", security_group_id=group.id)
        args.host.vpc.allow_out(peer, name, self.needs, parent=self)
        self.register_outputs({"security_group_id": group.id})
