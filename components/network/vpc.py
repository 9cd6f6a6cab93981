"""The network that a stack stands in.

Creates: a VPC with public, private and isolated subnets and subnets for managed agents in each zone, its NAT
gateways and route tables, gateway endpoints for S3 and DynamoDB; a default security group without rules; flow
logs with their role and log group. Of a VPC that is brought along nothing but, where asked for, the gateway
endpoints. Either way the interface endpoints that somebody needs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx

from ..access.role import ServiceRole, ServiceRoleArgs
from ..access.statements import ResourceStatement, Statement, document
from ..account import Account
from ..joined import joined
from ..observe.logs import LogPolicy, write_statement
from .agent_zones import check_agent_zones, unknown_zones_warning
from .connection import Peer
from .egress import WaysOut
from .endpoints import InterfaceEndpoints, InterfaceEndpointsArgs, own_principals
from .needs import GATEWAY_SERVICES, EndpointMode, Need
from .plan import ExistingNetwork, Network, NewNetwork
from .zones import SUBNET_PREFIX_LENGTH, NatStrategy, check_zones

_NAT = {
    NatStrategy.NONE: awsx.ec2.NatGatewayStrategy.NONE,
    NatStrategy.SINGLE: awsx.ec2.NatGatewayStrategy.SINGLE,
    NatStrategy.PER_ZONE: awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
}
_AGENTS = "agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class VpcArgs:
    """Which network, and what it has to offer; raises ``ValueError`` for what does not fit."""

    account: Account
    network: Network
    endpoints: EndpointMode
    agents: bool
    """Whether a managed agent runtime stands in it."""
    logs: LogPolicy
    asleep: bool = False
    """Whether nothing runs in it: then it has no NAT gateways and no interface endpoints."""

    def __post_init__(self) -> None:
        """Check the zones, and that agents have a place."""
        if isinstance(self.network, NewNetwork):
            check_zones(self.account.region, self.network.zones)
        elif self.agents and not self.network.agent_subnet_ids:
            raise ValueError(
                "agent_subnet_ids: () is not allowed; a runtime in the VPC needs subnets of its own"
            )


class Vpc(pulumi.ComponentResource):
    """The network of one stack, whoever made it.

    Tasks run in the private subnets, the cache in the isolated ones, managed agents in theirs, nothing in the
    public ones. Nobody reaches anything outside it without ``allow_out``.
    """

    vpc_id: pulumi.Output[str]
    private_subnet_ids: pulumi.Output[Sequence[str]]
    isolated_subnet_ids: pulumi.Output[Sequence[str]]
    """Without any route out of the VPC."""
    agent_subnet_ids: pulumi.Output[Sequence[str]]
    """With the routes of the private ones.

    AWS keeps the network interfaces of agents for hours after their end.
    """

    def __init__(self, name: str, args: VpcArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:network:Vpc", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        if isinstance(args.network, NewNetwork):
            self._make(args.network)
        else:
            self._adopt(args.network)
        if args.agents:
            self.agent_subnet_ids = self._accepted(self.agent_subnet_ids)
        self._ways_out = WaysOut(
            region=args.account.region,
            prefix_lists=self._prefix_lists(),
            endpoints=self._endpoints(),
            mode=args.endpoints,
            internet=args.network.internet,
        )
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "private_subnet_ids": self.private_subnet_ids,
                "isolated_subnet_ids": self.isolated_subnet_ids,
                "agent_subnet_ids": self.agent_subnet_ids,
            }
        )

    def allow_out(
        self, caller: Peer, name: str, needs: Iterable[Need], parent: pulumi.Resource
    ) -> tuple[pulumi.Resource, ...]:
        """Let what has the security group of ``caller`` reach ``needs``, and nothing else outside the VPC.

        The rules are children of ``parent``, their names start with ``name``. Returns what has to exist
        before the needs are reached: rules and endpoints. Raises ``ValueError`` for a need that only the
        internet serves, in a network without a way there.
        """
        return self._ways_out.open(caller, name, needs, parent)

    def beyond(self, given: Iterable[Need], needs: Iterable[Need]) -> list[Need]:
        """Return what of ``needs`` somebody does not reach who was allowed out for ``given``."""
        return self._ways_out.beyond(given, needs)

    def _make(self, plan: NewNetwork) -> None:
        network = awsx.ec2.Vpc(
            f"{self._label}-network",
            cidr_block=plan.cidr,
            availability_zone_names=list(plan.zones),
            enable_dns_hostnames=True,
            enable_dns_support=True,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(
                strategy=_NAT[NatStrategy.NONE if self._args.asleep else plan.nat]
            ),
            # In this order, from each zone's first address: see components.network.zones.
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            subnet_specs=[
                awsx.ec2.SubnetSpecArgs(type=kind, name=name, cidr_mask=SUBNET_PREFIX_LENGTH)
                for kind, name in (
                    (awsx.ec2.SubnetType.PUBLIC, None),
                    (awsx.ec2.SubnetType.PRIVATE, None),
                    (awsx.ec2.SubnetType.ISOLATED, None),
                    (awsx.ec2.SubnetType.PRIVATE, _AGENTS),
                )
            ],
            # The default strategy makes endpoints that no route table knows.
            vpc_endpoint_strategy=awsx.ec2.VpcEndpointStrategy.AUTO,
            vpc_endpoint_specs=[
                _gateway_endpoint(service, self._args.account)
                for service in sorted(GATEWAY_SERVICES, reverse=True)
            ],
            opts=self._child,
        )
        self.vpc_id = network.vpc_id
        # Zone by zone, and within a zone in the order of the specifications (awsx 3.11, vpc.ts).
        self.private_subnet_ids = network.private_subnet_ids.apply(lambda ids: ids[0::2])
        self.agent_subnet_ids = network.private_subnet_ids.apply(lambda ids: ids[1::2])
        self.isolated_subnet_ids = network.isolated_subnet_ids
        self._private_zones = pulumi.Output.from_input(list(plan.zones))
        self._agent_zones = self._private_zones
        aws.ec2.DefaultSecurityGroup(
            f"{self._label}-default-security-group",
            vpc_id=self.vpc_id,
            ingress=[],
            egress=[],
            opts=self._child,
        )
        self._log_flows()

    def _adopt(self, network: ExistingNetwork) -> None:
        self.vpc_id = pulumi.Output.from_input(network.vpc_id)
        self.private_subnet_ids = pulumi.Output.from_input(network.private_subnet_ids)
        self.isolated_subnet_ids = pulumi.Output.from_input(network.isolated_subnet_ids)
        self.agent_subnet_ids = pulumi.Output.from_input(network.agent_subnet_ids)
        self._private_zones = self._zones_of(network.private_subnet_ids)
        self._agent_zones = self._zones_of(network.agent_subnet_ids)
        for service in GATEWAY_SERVICES if network.route_table_ids else ():
            aws.ec2.VpcEndpoint(
                f"{self._label}-{service}",
                vpc_id=self.vpc_id,
                vpc_endpoint_type="Gateway",
                service_name=f"com.amazonaws.{self._args.account.region}.{service}",
                route_table_ids=list(network.route_table_ids),
                policy=_gateway_policy(service, self._args.account),
                opts=self._child,
            )

    def _zones_of(self, subnet_ids: tuple[str, ...]) -> pulumi.Output[list[str]]:
        options = pulumi.InvokeOutputOptions(parent=self)
        return pulumi.Output.all(
            *(
                aws.ec2.get_subnet_output(id=subnet_id, opts=options).availability_zone
                for subnet_id in subnet_ids
            )
        )

    def _accepted(self, subnet_ids: pulumi.Output[Sequence[str]]) -> pulumi.Output[Sequence[str]]:
        region = self._args.account.region
        if warning := unknown_zones_warning(region):
            pulumi.log.warn(warning, self)
        found = aws.get_availability_zones_output(opts=pulumi.InvokeOutputOptions(parent=self))
        checked = pulumi.Output.all(self._agent_zones, found.names, found.zone_ids).apply(
            lambda answer: check_agent_zones(region, answer[0], dict(zip(answer[1], answer[2], strict=True)))
        )
        return pulumi.Output.all(subnet_ids, checked).apply(lambda both: both[0])

    def _prefix_lists(self) -> dict[str, pulumi.Output[str]]:
        # Asked for once: one rule for each security group and service names them.
        return {
            service: aws.ec2.get_managed_prefix_list_output(
                name=f"com.amazonaws.{self._args.account.region}.{service}",
                opts=pulumi.InvokeOutputOptions(parent=self),
            ).id
            for service in GATEWAY_SERVICES
        }

    def _endpoints(self) -> InterfaceEndpoints | None:
        if self._args.endpoints is EndpointMode.NONE:
            return None
        return InterfaceEndpoints(
            f"{self._label}-endpoints",
            InterfaceEndpointsArgs(
                account=self._args.account,
                mode=self._args.endpoints,
                asleep=self._args.asleep,
                vpc_id=self.vpc_id,
                subnets=pulumi.Output.all(self.private_subnet_ids, self._private_zones).apply(
                    lambda both: list(zip(both[0], both[1], strict=True))
                ),
            ),
            opts=self._child,
        )

    def _log_flows(self) -> None:
        account = self._args.account
        log_group = self._args.logs.group(f"{self._label}-flow-logs", parent=self)
        role = ServiceRole(
            f"{self._label}-flow-logs",
            ServiceRoleArgs(
                service="vpc-flow-logs.amazonaws.com",
                account=account,
                source_arn=account.arn("ec2", "vpc-flow-log/*"),
            ),
            opts=self._child,
        )
        role.add(
            write_statement(log_group),
            Statement(
                sid="FindLogStreams",
                actions=("logs:DescribeLogStreams",),
                # With the ending that CloudWatch Logs compares for all actions but those on tags (API
                # reference, LogGroup), and that the provider takes off.
                resources=(joined(log_group.arn, ":*"),),
            ),
            Statement(sid="FindLogGroup", actions=("logs:DescribeLogGroups",), resources=("*",)),
        )
        policy = role.seal()
        aws.ec2.FlowLog(
            f"{self._label}-flow-log",
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
        policy=_gateway_policy(service, account),
    )


def _gateway_policy(service: str, account: Account) -> pulumi.Output[str]:
    return document((own_principals(service, account), *_image_layers(service, account)))


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
            resources=(joined("arn:", account.partition, ":s3:::", bucket, "/*"),),
        ),
    )
