"""What tasks run on: the shares of Fargate and Fargate Spot (pure, no resources)."""

from dataclasses import dataclass

ON_DEMAND = "FARGATE"
SPOT = "FARGATE_SPOT"
PROVIDERS = (ON_DEMAND, SPOT)
"""Capacity providers of the cluster."""

ALL_PERCENT = 100
BASE_MAX = 1000
"""As many tasks as one service may have at all; see ``sizing.TASKS_MAX``."""
PRODUCTION_BASE_MIN = 2
"""On-demand tasks that keep a service up when AWS takes all its Spot capacity back at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A capacity provider's part of a service's tasks."""

    provider: str
    weight: int
    base: int | None = None
    """Tasks that run here before the weights count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How a service's tasks divide between capacity that stays and capacity that AWS may take back."""

    spot_percent: int
    """Share of the tasks beyond ``on_demand_base`` that run on Fargate Spot."""
    on_demand_base: int
    """Tasks of each service that always run on demand."""

    def __post_init__(self) -> None:
        """Refuse shares that ECS does not take; see ``problem`` for the fields."""
        found = problem(self.spot_percent, self.on_demand_base)
        if found is not None:
            field, value, allowed = found
            raise ValueError(f"{field}: {value} is not allowed; {allowed}")

    @property
    def survives_spot(self) -> bool:
        """Whether a service stays up when AWS takes all Spot capacity back at once."""
        return self.spot_percent == 0 or self.on_demand_base >= PRODUCTION_BASE_MIN

    def shares(self) -> tuple[Share, ...]:
        """Return the capacity provider strategy, on-demand capacity first.

        A base is named only beside another provider; alone it would say nothing.
        """
        if self.spot_percent == 0:
            return (Share(provider=ON_DEMAND, weight=ALL_PERCENT),)
        spot = Share(provider=SPOT, weight=self.spot_percent)
        if self.spot_percent == ALL_PERCENT:
            return (spot,)
        on_demand = Share(
            provider=ON_DEMAND, weight=ALL_PERCENT - self.spot_percent, base=self.on_demand_base
        )
        return (on_demand, spot)


def problem(spot_percent: int, on_demand_base: int) -> tuple[str, int, str] | None:
    """Return the first thing wrong with the shares, as field, value and what is allowed, if any."""
    if not 0 <= spot_percent <= ALL_PERCENT:
        return "spot_percent", spot_percent, f"it is 0 to {ALL_PERCENT}"
    if not 0 <= on_demand_base <= BASE_MAX:
        return "on_demand_base", on_demand_base, f"it is 0 to {BASE_MAX}"
    if spot_percent == ALL_PERCENT and on_demand_base > 0:
        return "on_demand_base", on_demand_base, "it is 0 where all tasks run on Spot; or leave less to Spot"
    return None
