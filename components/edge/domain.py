"""The name that the site is reached by (pure, no resources)."""

import re
from dataclasses import dataclass

_HOST = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])")
_HOST_LENGTH_MAX = 200
"""The longest name of DNS (253) with room for the labels that go before it."""
_ZONE = re.compile(r"Z[A-Z0-9]{1,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteDomain:
    """A host name of ours; raises ``ValueError`` as ``check_host`` and ``check_zone`` do."""

    host: str
    """Fully qualified, in lower case, such as ``nova.example.com``."""
    zone_id: str
    """Id of the public hosted zone in Route 53 that the host's records go to."""

    def __post_init__(self) -> None:
        """Check both parts."""
        check_host(self.host)
        check_zone(self.zone_id)


def check_host(host: str) -> None:
    """Raise ``ValueError`` unless ``host`` is a name that DNS, a certificate and a distribution take."""
    if len(host) > _HOST_LENGTH_MAX or _HOST.fullmatch(host) is None:
        raise ValueError("it is a host name in lower case such as nova.example.com")


def check_zone(zone_id: str) -> None:
    """Raise ``ValueError`` unless ``zone_id`` is written as Route 53 writes the id of a zone."""
    if _ZONE.fullmatch(zone_id) is None:
        raise ValueError("it is the id of a public hosted zone in Route 53, such as Z0123456789ABCDEFGHIJ")
