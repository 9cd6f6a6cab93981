"""The VPC.

Creates: a VPC with public, private and isolated subnets in each zone, its NAT gateways and route tables,
gateway endpoints for S3 and DynamoDB; a default security group without rules; flow logs with their role and
log group.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from components.access.role import ServiceRole, ServiceRoleArgs
from components.access.statements import ResourceStatement, Statement, document
from components.account import Account
from components.network.zones import SUBNET_PREFIX_LENGTH, NatStrategy, check_zones, plan_zones
from components.observe.logs import LogPolicy, write_statement

_NAT = {
    NatStrategy.NONE: awsx.ec2.NatGatewayStrategy.NONE,
    NatStrategy.SINGLE: awsx.ec2.NatGatewayStrategy.SINGLE,
    NatStrategy.PER_ZONE: awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcArgs:
    """Addresses, zones and the way out; raises ``ValueError`` for a plan that does not fit."""

    account: Account
    cidr: str
    zones: tuple[str, ...]
    nat: NatStrategy
    logs: LogPolicy

    def __post_init__(self) -> None:
        """Check the plan."""
        check_zones(self.account.region, self.zones)
        plan_zones(self.cidr, self.zones)


class Vpc(pulumi.ComponentResource):
    """The platform's own network.

    Tasks run in the private subnets, the cache in the isolated ones, nothing in the public ones.
    """

    vpc_id: pulumi.Output[str]
    private_subnet_ids: pulumi.Output[Sequence[str]]
    isolated_subnet_ids: pulumi.Output[Sequence[str]]
    """Without any route out of the VPC."""

    def __init__(self, name: str, args: VpcArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:network:Vpc", name, None, opts)
        network = awsx.ec2.Vpc(
            f"{name}-network",
            cidr_block=args.cidr,
            availability_zone_names=list(args.zones),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=_NAT[args.nat]),
            # In this order, from each zone's first address: see components.network.zones.
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            subnet_specs=[
                awsx.ec2.SubnetSpecArgs(type=kind, cidr_mask=SUBNET_PREFIX_LENGTH)
                for kind in (
                    awsx.ec2.SubnetType.PUBLIC,
                    awsx.ec2.SubnetType.PRIVATE,
                    awsx.ec2.SubnetType.ISOLATED,
                )
            ],
            # The default strategy makes endpoints that no route table knows.
            vpc_endpoint_strategy=awsx.ec2.VpcEndpointStrategy.AUTO,
            vpc_endpoint_specs=[_gateway_endpoint(service, args.account) for service in ("s3", "dynamodb")],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.vpc_id = network.vpc_id
        self.private_subnet_ids = network.private_subnet_ids
        self.isolated_subnet_ids = network.isolated_subnet_ids
        aws.ec2.DefaultSecurityGroup(
            f"{name}-default-security-group",
            vpc_id=self.vpc_id,
            ingress=[],
            egress=[],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._log_flows(name, args)
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "private_subnet_ids": self.private_subnet_ids,
                "isolated_subnet_ids": self.isolated_subnet_ids,
            }
        )

    def _log_flows(self, name: str, args: VpcArgs) -> None:
        log_group = args.logs.group(f"{name}-flow-logs", parent=self)
        role = ServiceRole(
            f"{name}-flow-logs",
            ServiceRoleArgs(
                service="vpc-flow-logs.amazonaws.com",
                account=args.account,
                source_arn=args.account.arn("ec2", "vpc-flow-log/*"),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        role.add(
            write_statement(log_group),
            Statement(sid="FindLogStreams", actions=("logs:DescribeLogStreams",), resources=(log_group.arn,)),
            Statement(sid="FindLogGroup", actions=("logs:DescribeLogGroups",), resources=("*",)),
        )
        policy = role.seal()
        aws.ec2.FlowLog(
            f"{name}-flow-log",
            vpc_id=self.vpc_id,
            traffic_type="ALL",
            log_destination=log_group.arn,
            iam_role_arn=role.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def _gateway_endpoint(service: str, account: Account) -> awsx.ec2.VpcEndpointSpecArgs:
    return awsx.ec2.VpcEndpointSpecArgs(
        service_name=f"com.amazonaws.{account.region}.{service}",
        vpc_endpoint_type="Gateway",
        policy=document((*_own_principals(service, account), *_image_layers(service, account))),
    )


def _own_principals(service: str, account: Account) -> tuple[ResourceStatement, ...]:
    # What a role may do its own policy says; the endpoint keeps foreign credentials from carrying data out.
    return (
        ResourceStatement(
            sid="OwnPrincipals",
            effect="Allow",
            principals={"AWS": "*"},
            actions=(f"{service}:*",),
            resources=("*",),
            conditions={"StringEquals": {"aws:PrincipalAccount": account.account_id}},
        ),
    )


def _image_layers(service: str, account: Account) -> tuple[ResourceStatement, ...]:
    # ECR serves layers from a bucket of its own, by links that ECR's principal signed (ECR user guide, VPC
    # endpoints).
    if service != "s3":
        return ()
    bucket = f"prod-{account.region}-starport-layer-bucket"
    return (
        ResourceStatement(
            sid="ImageLayers",
            effect="Allow",
            principals={"AWS": "*"},
            actions=("s3:GetObject",),
            resources=(pulumi.Output.concat("arn:", account.partition, ":s3:::", bucket, "/*"),),
        ),
    )
