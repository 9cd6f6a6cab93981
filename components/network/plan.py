"""Which network a stack stands in (pure, no resources)."""

from dataclasses import dataclass

from .zones import NatStrategy, plan_zones


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNetwork:
    """A VPC of the platform's own; raises ``ValueError`` for a plan that does not fit."""

    cidr: str
    zones: tuple[str, ...]
    """Names, in the order of their addresses."""
    nat: NatStrategy

    def __post_init__(self) -> None:
        """Check the plan."""
        plan_zones(self.cidr, self.zones)

    @property
    def internet(self) -> bool:
        """Whether tasks have a way to the internet."""
        return self.nat is not NatStrategy.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingNetwork:
    """A VPC that a team brings. Nothing in it is changed, apart from the route tables that it names."""

    vpc_id: str
    private_subnet_ids: tuple[str, ...]
    """For tasks, load balancer and endpoints."""
    isolated_subnet_ids: tuple[str, ...]
    """For the cache."""
    agent_subnet_ids: tuple[str, ...]
    """For a managed agent runtime; none unless one stands in the VPC."""
    route_table_ids: tuple[str, ...]
    """Route tables to add gateway endpoints for S3 and DynamoDB to; none if the VPC has them."""
    internet: bool
    """Whether its private and agent subnets have a way to the internet."""


type Network = NewNetwork | ExistingNetwork
