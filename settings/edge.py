"""Who gets in, how fast and for how long."""

from dataclasses import dataclass

from settings.errors import SettingsError
from settings.values import Values

KEYS = ("accessTokenMinutes", "refreshTokenDays", "throttleRate", "throttleBurst")

# AWS limits of a Cognito app client: access token 5 minutes to 1 day, refresh token up to 10 years.
_ACCESS_TOKEN_MINUTES = (5, 1440)
_REFRESH_TOKEN_DAYS = (1, 3650)
# AWS limits: API Gateway admits 10,000 requests a second and a burst of 5,000 per account and region.
_THROTTLE_RATE = (1, 10_000)
_THROTTLE_BURST = (1, 5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """How long tokens last and how many requests the public API admits."""

    access_token_minutes: int
    refresh_token_days: int
    throttle_rate: int
    """Requests a second."""
    throttle_burst: int
    """Requests at once."""


def read_edge(values: Values) -> EdgeSettings:
    """Read the edge; raises ``SettingsError`` for limits that AWS does not take or that contradict."""
    rate = values.integer("throttleRate", *_THROTTLE_RATE)
    burst = values.integer("throttleBurst", *_THROTTLE_BURST)
    if burst < min(rate, _THROTTLE_BURST[1]):
        raise SettingsError(values.key("throttleBurst"), burst, f"it is at least throttleRate, {rate}")
    return EdgeSettings(
        access_token_minutes=values.integer("accessTokenMinutes", *_ACCESS_TOKEN_MINUTES),
        refresh_token_days=values.integer("refreshTokenDays", *_REFRESH_TOKEN_DAYS),
        throttle_rate=rate,
        throttle_burst=burst,
    )
