"""How the distribution treats paths: whom it asks, and what it passes on (pure, no resources)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from .routes import API_PREFIX

LIVE_PREFIX = "/live"
"""First segment of the paths of live voice, which are WebSockets."""
PATHS_MAX = 75
"""Behaviors of one distribution, beside the default one (CloudFront quota)."""


class Origin(StrEnum):
    """Whom the distribution asks."""

    API = "api"
    """The REST API."""
    SITE = "site"
    """The load balancer's `site` listener."""


class CachePolicy(StrEnum):
    """Ids of CloudFront's own cache policies (CloudFront developer guide, "Use managed cache policies")."""

    DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    """Keeps as long as the origin says, a day if it says nothing; compressed."""


FORWARDING_HEADERS = ("Forwarded", "X-Forwarded-Host", "X-Forwarded-Server", "X-Middleware-Subrequest")
"""What proxies tell servers of a request, and Next.js its own parts. Here there are no such proxies: whoever
sends them makes them up."""


class RequestPolicy(StrEnum):
    """Ids of CloudFront's own origin request policies ("Use managed origin request policies"), and ours."""

    VIEWER = "viewer"
    """The distribution's own: all that the viewer sent, ``Host`` too, but ``FORWARDING_HEADERS``."""
    ALL_VIEWER_EXCEPT_HOST = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    """For API Gateway, which knows itself by its own name only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """What happens to requests for paths of one pattern."""

    pattern: str
    """As CloudFront compares paths: ``*`` is any characters, ``?`` one. ``*`` alone is the default."""
    origin: Origin
    methods: tuple[str, ...]
    cache: CachePolicy
    request: RequestPolicy | None
    redirects: bool
    """Whether plain HTTP is sent on to HTTPS; otherwise it is refused, because it may carry a token."""

    @property
    def compresses(self) -> bool:
        """Whether CloudFront compresses answers; it does so to what it keeps alone."""
        return self.cache is not CachePolicy.DISABLED


_ALL_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_READING_METHODS = ("GET", "HEAD", "OPTIONS")


def behaviors(static_paths: Sequence[str]) -> tuple[Behavior, ...]:
    """Return the behaviors in the order in which they are tried; the default one comes last.

    ``static_paths`` are patterns of files whose names change with their content. Raises ``ValueError`` for
    one that lies in another behavior's way, or for too many.
    """
    api = Behavior(
        pattern=f"{API_PREFIX}/*",
        origin=Origin.API,
        methods=_ALL_METHODS,
        cache=CachePolicy.DISABLED,
        request=RequestPolicy.ALL_VIEWER_EXCEPT_HOST,
        redirects=False,
    )
    live = Behavior(
        pattern=f"{LIVE_PREFIX}*",
        origin=Origin.SITE,
        methods=_ALL_METHODS,
        cache=CachePolicy.DISABLED,
        request=RequestPolicy.VIEWER,
        redirects=False,
    )
    pages = Behavior(
        pattern="*",
        origin=Origin.SITE,
        methods=_ALL_METHODS,
        cache=CachePolicy.DISABLED,
        request=RequestPolicy.VIEWER,
        redirects=True,
    )
    return (api, live, *(_static(pattern) for pattern in _checked(static_paths)), pages)


def _checked(patterns: Sequence[str]) -> Sequence[str]:
    taken = (f"{API_PREFIX}/", LIVE_PREFIX)
    for pattern in patterns:
        if not pattern.startswith("/") or pattern.startswith(taken):
            raise ValueError(
                f"static_paths: {pattern} is not allowed; it starts with /, and not with {', '.join(taken)}"
            )
    if len(set(patterns)) != len(patterns) or len(patterns) + 2 > PATHS_MAX:
        raise ValueError(f"static_paths: {patterns} is not allowed; give each once, at most {PATHS_MAX - 2}")
    return patterns


def _static(pattern: str) -> Behavior:
    return Behavior(
        pattern=pattern,
        origin=Origin.SITE,
        methods=_READING_METHODS,
        cache=CachePolicy.OPTIMIZED,
        request=None,
        redirects=True,
    )
