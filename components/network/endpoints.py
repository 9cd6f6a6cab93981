"""Interface endpoints: AWS APIs inside the VPC.

Creates: one security group, and an interface endpoint for each service that somebody needs, with private DNS
and a policy that admits this account's principals only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.statements import ResourceStatement, document
from ..account import Account
from .connection import Peer
from .needs import DRAWN_SERVICES, ENDPOINT_ACTIONS, EndpointMode, pick_subnets

PORT = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceEndpointsArgs:
    """Where endpoints stand, and which there are from the start."""

    account: Account
    mode: EndpointMode
    vpc_id: pulumi.Input[str]
    subnets: pulumi.Output[Sequence[tuple[str, str]]]
    """Ids of the private subnets, each with the name of its zone."""
    asleep: bool = False
    """Whether there is the security group alone, for when there are endpoints again."""

    def __post_init__(self) -> None:
        """Refuse a set of endpoints that is to have none."""
        if self.mode not in {EndpointMode.GRANTED, EndpointMode.ALL}:
            raise ValueError(f"mode: {self.mode.value} is not allowed; it is granted or all")


class InterfaceEndpoints(pulumi.ComponentResource):
    """An endpoint for each service that is asked for, made when it is first asked for.

    So whatever needs one can depend on it: with private DNS, the name of an API leads to its endpoint as soon
    as there is one, and to nowhere for tasks without a way to the internet until then.
    """

    peer: Peer
    """The endpoints, for whoever may call them."""

    def __init__(
        self, name: str, args: InterfaceEndpointsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("nova:network:InterfaceEndpoints", name, None, opts)
        self._label = name
        self._args = args
        self._made: dict[str, aws.ec2.VpcEndpoint] = {}
        group = aws.ec2.SecurityGroup(
            f"{name}-security-group",
            description="Interface endpoints",
            vpc_id=args.vpc_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.peer = Peer(label="the interface endpoints", security_group_id=group.id)
        if args.mode is EndpointMode.ALL:
            self.of(DRAWN_SERVICES)
        self.register_outputs({"security_group_id": group.id})

    def of(self, services: Sequence[str]) -> list[aws.ec2.VpcEndpoint]:
        """Return the endpoints of ``services``, such as ``sqs``; none while the stack sleeps."""
        if self._args.asleep:
            return []
        for service in services:
            if service not in self._made:
                self._made[service] = self._endpoint(service)
        return [self._made[service] for service in services]

    def _endpoint(self, service: str) -> aws.ec2.VpcEndpoint:
        account = self._args.account
        # Not every service is offered in every zone, and AWS refuses the others' subnets.
        offer = aws.ec2.get_vpc_endpoint_service_output(
            service=service, service_type="Interface", opts=pulumi.InvokeOutputOptions(parent=self)
        )
        policy = document((own_principals(ENDPOINT_ACTIONS[service], account),))
        return aws.ec2.VpcEndpoint(
            f"{self._label}-{service.replace('.', '-')}",
            vpc_id=self._args.vpc_id,
            vpc_endpoint_type="Interface",
            service_name=f"com.amazonaws.{account.region}.{service}",
            subnet_ids=pulumi.Output.all(self._args.subnets, offer.availability_zones).apply(
                lambda found: pick_subnets(service, found[0], found[1])
            ),
            security_group_ids=[self.peer.security_group_id],
            private_dns_enabled=True,
            policy=pulumi.Output.all(policy, offer.vpc_endpoint_policy_supported).apply(
                lambda found: found[0] if found[1] else None
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )


def own_principals(prefix: str, account: Account) -> ResourceStatement:
    """Return the statement of an endpoint that admits ``account`` to the actions with ``prefix``.

    What a role may do its own policy says; the endpoint keeps foreign credentials from carrying data out.
    """
    return ResourceStatement(
        sid="OwnPrincipals",
        effect="Allow",
        principals={"AWS": "*"},
        actions=(f"{prefix}:*",),
        resources=("*",),
        conditions={"StringEquals": {"aws:PrincipalAccount": account.account_id}},
    )
