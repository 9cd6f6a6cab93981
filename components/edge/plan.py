"""What a deployment decides about its edge (pure, no resources)."""

import re
from dataclasses import dataclass

DEFAULT_SCOPE = "aws.cognito.signin.user.admin"
"""The scope in access tokens of users who signed in with a user pool's own API."""

# RFC 1035 and 1123.
_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
_HOST_LENGTH_MAX = 200
"""The longest name of DNS (253) with room for the label that goes before it."""
_ZONE = re.compile(r"Z[A-Z0-9]{1,31}")
# As Cognito's API has them (service model: UserPoolIdType, ClientIdType, ScopeType).
_POOL = re.compile(r"(?P<region>[a-z]{2}(-[a-z]+)+-\d)_[0-9A-Za-z]{1,46}")
_CLIENT = re.compile(r"[0-9a-z]{1,128}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}")
_SECURITY_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDomain:
    """The name that the site is reached by; raises ``ValueError`` as ``check_host`` and ``check_zone`` do."""

    host: str
    """Fully qualified, in lower case, such as ``nova.example.com``."""
    zone_id: str
    """Id of the public hosted zone in Route 53 that the host's records go to."""

    def __post_init__(self) -> None:
        """Check both parts."""
        check_host(self.host)
        check_zone(self.zone_id)

    @property
    def origin(self) -> str:
        """The name under which the load balancer is reached and proves itself."""
        return f"origin.{self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingPool:
    """A Cognito user pool that is not ours; raises ``ValueError`` as the checks below do."""

    pool_id: str
    client_id: str

    def __post_init__(self) -> None:
        """Check both parts."""
        _pool_region(self.pool_id)
        check_client(self.client_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePlan:
    """Where the site is found, what guards it, who gets in, for how long and how fast."""

    domain: SiteDomain | None
    """Nothing where the site is reached by the distribution's own name."""
    web_acl: bool
    """Whether web ACLs stand before the distribution and the API."""
    origin_proof_generation: int
    """Counts up by one for a new proof that a request came through the distribution."""
    origin_security_group: str
    """Id of the group of CloudFront's VPC origins; empty until CloudFront has made it."""
    existing_pool: ExistingPool | None
    """Whose users get in; nothing for a user pool of the platform's own."""
    token_scope: str
    """What an access token has to be good for."""
    access_token_minutes: int
    refresh_token_days: int
    throttle_rate: int
    """Requests a second, in the long run."""
    throttle_burst: int
    """Requests at once."""


def check_host(host: str) -> None:
    """Raise ``ValueError`` unless ``host`` is a name that DNS, a certificate and a distribution take."""
    if len(host) > _HOST_LENGTH_MAX or _HOST.fullmatch(host) is None:
        raise ValueError("it is a host name in lower case such as nova.example.com")


def check_zone(zone_id: str) -> None:
    """Raise ``ValueError`` unless ``zone_id`` is written as Route 53 writes the id of a zone."""
    if _ZONE.fullmatch(zone_id) is None:
        raise ValueError("it is the id of a public hosted zone in Route 53, such as Z0123456789ABCDEFGHIJ")


def check_pool(pool_id: str, region: str) -> None:
    """Raise ``ValueError`` unless ``pool_id`` is the id of a user pool in ``region``."""
    if _pool_region(pool_id) != region:
        raise ValueError(f"it is a user pool in the stack's region, {region}")


def check_client(client_id: str) -> None:
    """Raise ``ValueError`` unless ``client_id`` is written as the id of a user pool's client."""
    if _CLIENT.fullmatch(client_id) is None:
        raise ValueError("it is the id of one of the user pool's clients, lower-case letters and digits")


def check_scope(scope: str) -> None:
    """Raise ``ValueError`` unless ``scope`` is one scope of OAuth 2.0."""
    if _SCOPE.fullmatch(scope) is None:
        raise ValueError(f"it is one scope of OAuth 2.0, such as {DEFAULT_SCOPE}")


def check_security_group(group_id: str) -> None:
    """Raise ``ValueError`` unless ``group_id`` is empty or the id of a security group."""
    if group_id and _SECURITY_GROUP.fullmatch(group_id) is None:
        raise ValueError("it is the id of a security group such as sg-0123456789abcdef0, or empty")


def _pool_region(pool_id: str) -> str:
    found = _POOL.fullmatch(pool_id)
    if found is None:
        raise ValueError("it is the id of a Cognito user pool, such as us-east-1_AbCdEf123")
    return found["region"]
