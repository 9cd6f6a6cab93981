"""Who gets in, how fast and for how long."""

from dataclasses import dataclass

from components.edge.domain import SiteDomain, check_host, check_zone
from settings.errors import SettingsError
from settings.values import Values

KEYS = (
    "domain",
    "hostedZoneId",
    "webAcl",
    "accessTokenMinutes",
    "refreshTokenDays",
    "throttleRate",
    "throttleBurst",
)

# AWS limits of a Cognito app client: access token 5 minutes to 1 day, refresh token up to 10 years.
_ACCESS_TOKEN_MINUTES = (5, 1440)
_REFRESH_TOKEN_DAYS = (1, 3650)
# AWS limits: API Gateway admits 10,000 requests a second and a burst of 5,000 per account and region.
_THROTTLE_RATE = (1, 10_000)
_THROTTLE_BURST = (1, 5_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """Where the site is found, what guards it, how long tokens last and how many requests are admitted."""

    domain: SiteDomain | None
    """Nothing where the site is reached by the distribution's own name."""
    web_acl: bool
    access_token_minutes: int
    refresh_token_days: int
    throttle_rate: int
    """Requests a second."""
    throttle_burst: int
    """Requests at once."""


def read_edge(values: Values) -> EdgeSettings:
    """Read the edge; raises ``SettingsError`` for values that AWS does not take or that contradict."""
    rate = values.integer("throttleRate", *_THROTTLE_RATE)
    burst = values.integer("throttleBurst", *_THROTTLE_BURST)
    if burst < min(rate, _THROTTLE_BURST[1]):
        raise SettingsError(values.key("throttleBurst"), burst, f"it is at least throttleRate, {rate}")
    return EdgeSettings(
        domain=_domain(values),
        web_acl=values.boolean("webAcl"),
        access_token_minutes=values.integer("accessTokenMinutes", *_ACCESS_TOKEN_MINUTES),
        refresh_token_days=values.integer("refreshTokenDays", *_REFRESH_TOKEN_DAYS),
        throttle_rate=rate,
        throttle_burst=burst,
    )


def _domain(values: Values) -> SiteDomain | None:
    host, zone_id = values.text("domain"), values.text("hostedZoneId")
    if not host and not zone_id:
        return None
    values.check("domain", host, lambda: check_host(host))
    values.check("hostedZoneId", zone_id, lambda: check_zone(zone_id))
    return SiteDomain(host=host, zone_id=zone_id)
