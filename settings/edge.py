"""Where the site is found, what guards it, who gets in, how fast and for how long."""

from components.edge.plan import (
    EdgePlan,
    ExistingPool,
    SiteDomain,
    check_client,
    check_host,
    check_pool,
    check_scope,
    check_security_group,
    check_zone,
)
from settings.errors import SettingsError
from settings.values import Values

KEYS = (
    "domain",
    "hostedZoneId",
    "webAcl",
    "originProofGeneration",
    "originSecurityGroup",
    "userPoolId",
    "userPoolClientId",
    "tokenScope",
    "accessTokenMinutes",
    "refreshTokenDays",
    "throttleRate",
    "throttleBurst",
)

# Counted up by hand: a typing error should not start far from there.
_PROOF_GENERATION = (1, 1_000_000)
# AWS limits of a Cognito app client: access token 5 minutes to 1 day, refresh token up to 10 years.
_ACCESS_TOKEN_MINUTES = (5, 1440)
_REFRESH_TOKEN_DAYS = (1, 3650)
# AWS limits: API Gateway admits 10,000 requests a second and a burst of 5,000 per account and region.
_THROTTLE_RATE = (1, 10_000)
_THROTTLE_BURST = (1, 5_000)


def read_edge(values: Values, region: str) -> EdgePlan:
    """Read the edge of a stack in ``region``.

    Raises ``SettingsError`` for values that AWS does not take or that contradict each other.
    """
    rate = values.integer("throttleRate", *_THROTTLE_RATE)
    burst = values.integer("throttleBurst", *_THROTTLE_BURST)
    if burst < min(rate, _THROTTLE_BURST[1]):
        raise SettingsError(values.key("throttleBurst"), burst, f"it is at least throttleRate, {rate}")
    scope = values.text("tokenScope")
    values.check("tokenScope", scope, lambda: check_scope(scope))
    group = values.text("originSecurityGroup")
    values.check("originSecurityGroup", group, lambda: check_security_group(group))
    return EdgePlan(
        domain=_domain(values),
        web_acl=values.boolean("webAcl"),
        origin_proof_generation=values.integer("originProofGeneration", *_PROOF_GENERATION),
        origin_security_group=group,
        existing_pool=_pool(values, region),
        token_scope=scope,
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


def _pool(values: Values, region: str) -> ExistingPool | None:
    pool_id, client_id = values.text("userPoolId"), values.text("userPoolClientId")
    if not pool_id and not client_id:
        return None
    values.check("userPoolId", pool_id, lambda: check_pool(pool_id, region))
    values.check("userPoolClientId", client_id, lambda: check_client(client_id))
    return ExistingPool(pool_id=pool_id, client_id=client_id)
