"""How the tasks of a service are replaced (pure, no resources).

Names and limits are those of ECS's service deployments (API reference, DeploymentConfiguration).
"""

import math
from dataclasses import dataclass
from enum import StrEnum

ALL_PERCENT = 100
STEP_PERCENT_MIN, CANARY_PERCENT_MIN = 3.0, 0.1
PERCENT_STEPS = 10
"""Shares are multiples of 0.1 per cent."""
MINUTES_MAX = 1440
BAKE_MINUTES_MIN = 5
"""An alarm needs some minutes of bad data before it goes off; a shorter bake time would end before."""

PROVIDER_MINUTES = 20
"""What the provider waits for a service to be steady, unless it is told to wait longer."""


class Strategy(StrEnum):
    """Ways to replace tasks."""

    ROLLING = "rolling"
    """New tasks take the place of old ones as they become healthy."""
    BLUE_GREEN = "blue-green"
    """A whole second set of tasks takes over all requests at once; the first one waits for the bake time."""
    LINEAR = "linear"
    """A second set takes over in equal steps."""
    CANARY = "canary"
    """A second set takes over a small share first, then the rest."""

    @property
    def api_name(self) -> str:
        """What ECS calls it."""
        return self.value.upper().replace("-", "_")


class DeploymentError(ValueError):
    """A combination that ECS does not take."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}: {value} is not allowed; {allowed}")
        self.field, self.value, self.allowed = field, value, allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How requests move to the new tasks: ``percent`` of them at a time, or at first, for ``minutes``."""

    percent: float
    minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A strategy and what belongs to it; raises ``DeploymentError`` for what does not go together."""

    strategy: Strategy
    rollback_alarms: bool
    """Whether a deployment ends and is taken back when a target group's alarm goes off."""
    bake_minutes: int = 0
    """How long the old tasks stand by after the last request has moved."""
    shift: Shift | None = None
    """For ``LINEAR`` each step, for ``CANARY`` the first."""
    test_minutes: int = 0
    """How long the new tasks take test requests alone, before the first request moves; 0 for not at all."""

    def __post_init__(self) -> None:
        """Check the fields against each other and against ECS's limits."""
        if self.strategy is Strategy.ROLLING:
            for field, value in (
                ("bake_minutes", self.bake_minutes),
                ("test_minutes", self.test_minutes),
                ("shift", self.shift),
            ):
                if value:
                    raise DeploymentError(field, value, "a rolling deployment has one set of targets")
            return
        if not self.rollback_alarms:
            raise DeploymentError(
                "rollback_alarms",
                self.rollback_alarms,
                f"it is true with {self.strategy}: the circuit breaker watches rolling deployments alone",
            )
        for field, value, least in (
            ("bake_minutes", self.bake_minutes, BAKE_MINUTES_MIN),
            ("test_minutes", self.test_minutes, 0),
        ):
            if not least <= value <= MINUTES_MAX:
                raise DeploymentError(field, value, f"it is {least} to {MINUTES_MAX}")
        self._check_shift()

    @property
    def shifts(self) -> bool:
        """Whether requests move from one target group to another."""
        return self.strategy is not Strategy.ROLLING

    def rolling(self) -> "Deployment":
        """Return what is left for a service that takes no requests: nothing to shift, no target to watch."""
        return Deployment(strategy=Strategy.ROLLING, rollback_alarms=False)

    @property
    def minutes_max(self) -> int:
        """How long a deployment may take until the old tasks are gone, for whoever waits for it."""
        shifting = 0 if self.shift is None else self._pauses * self.shift.minutes
        return PROVIDER_MINUTES + self.test_minutes + shifting + self.bake_minutes

    @property
    def _pauses(self) -> int:
        # After the last step there is the bake time instead.
        if self.strategy is Strategy.LINEAR and self.shift is not None:
            return math.ceil(ALL_PERCENT / self.shift.percent) - 1
        return 1

    def _check_shift(self) -> None:
        if self.strategy is Strategy.BLUE_GREEN:
            if self.shift is not None:
                raise DeploymentError("shift", self.shift, f"{self.strategy} moves all requests at once")
            return
        if self.shift is None:
            raise DeploymentError("shift", None, f"{self.strategy} needs a share and how long it lasts")
        percent, minutes = self.shift.percent, self.shift.minutes
        least = STEP_PERCENT_MIN if self.strategy is Strategy.LINEAR else CANARY_PERCENT_MIN
        tenths = percent * PERCENT_STEPS
        if not least <= percent <= ALL_PERCENT or not math.isclose(tenths, round(tenths)):
            raise DeploymentError("percent", percent, f"it is {least} to {ALL_PERCENT}, in steps of 0.1")
        if not 0 <= minutes <= MINUTES_MAX:
            raise DeploymentError("minutes", minutes, f"it is 0 to {MINUTES_MAX}")
