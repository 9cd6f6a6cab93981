"""The public routes (pure, no resources)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

STAGE = "api"
"""The stage's name is the first segment of every public path, and of the path that services see."""
API_PREFIX = f"/{STAGE}"

TIMEOUT_SECONDS_MAX = 29
"""The longest that a REST API waits for a whole answer without a quota increase."""
STREAM_SECONDS_MAX = 900
"""The longest that a REST API passes a streamed answer on (API Gateway, response transfer mode)."""
PUBLIC_RATE_MAX = 100
"""Requests a second on a route that is open to everybody: a hundredth of what an account's APIs take."""

type HttpMethod = Literal["DELETE", "GET", "PATCH", "POST", "PUT"]

_SEGMENT = re.compile(r"[a-z0-9-]+|\{[a-z_]+\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method on one path of the API, relative to its stage, as in ``/audio/{id}/transcript``."""

    method: HttpMethod
    path: str
    streams: bool = False
    """Whether the answer is passed on as it is made; otherwise when it is whole."""
    timeout_seconds: int = TIMEOUT_SECONDS_MAX
    """How long an answer may take; at most ``STREAM_SECONDS_MAX`` if it streams, ``TIMEOUT_SECONDS_MAX`` if
    not."""
    public_rate: int | None = None
    """Requests a second that the route takes from anybody, without an access token; nothing where it asks for
    one."""

    function: str = ""
    """Label of the function that answers it; empty for the services behind the load balancer."""

    def __post_init__(self) -> None:
        """Check the path and the time."""
        most = STREAM_SECONDS_MAX if self.streams else TIMEOUT_SECONDS_MAX
        if not 1 <= self.timeout_seconds <= most:
            raise ValueError(f"timeout_seconds: {self.timeout_seconds} is not allowed; it is 1 to {most}")
        if self.function and self.streams:
            raise ValueError(
                "streams: True is not allowed; a function's answer is passed on when it is whole"
            )
        if self.public_rate is not None and not 1 <= self.public_rate <= PUBLIC_RATE_MAX:
            raise ValueError(f"public_rate: {self.public_rate} is not allowed; it is 1 to {PUBLIC_RATE_MAX}")
        if not self.path.startswith("/") or not all(_SEGMENT.fullmatch(part) for part in self.segments):
            raise ValueError(
                f"path: {self.path} is not allowed; segments are lower-case letters, digits and hyphens, "
                "or {parameters}"
            )

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path."""
        return tuple(self.path.removeprefix("/").split("/"))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces."""
        return tuple(segment[1:-1] for segment in self.segments if segment.startswith("{"))


def sorted_routes(routes: Iterable[Route]) -> tuple[Route, ...]:
    """``routes`` by path and method; raises ``ValueError`` when two workloads declare the same one."""
    ordered = tuple(sorted(routes, key=lambda route: (route.path, route.method)))
    for earlier, later in pairwise(ordered):
        if (earlier.method, earlier.path) == (later.method, later.path):
            raise ValueError(f"routes: {later.method} {later.path} is declared twice")
    return ordered


def resource_paths(routes: Iterable[Route]) -> tuple[tuple[str, ...], ...]:
    """Every path that a REST API needs a resource for, parents before children."""
    paths = {route.segments[: depth + 1] for route in routes for depth in range(len(route.segments))}
    return tuple(sorted(paths, key=lambda path: (len(path), path)))


def path_label(segments: tuple[str, ...]) -> str:
    """Return a name for a path, as ``audio-id-transcript``."""
    return "-".join(segment.strip("{}").replace("_", "-") for segment in segments)
