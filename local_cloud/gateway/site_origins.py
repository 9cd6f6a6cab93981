"""Pages of a distribution on this machine, as S3 knows them: by the distribution's own domain.

A browser names the address that a page came from (`Origin`), which here is a loopback port. Buckets admit
the domain that the program declared: requests carry that one on their way in, answers the port on theirs out.
"""

from collections.abc import Callable, Mapping

from local_cloud.gateway.asgi import Message, Scope, Send

_ASKED = b"origin"
_ADMITTED = b"access-control-allow-origin"

type Sites = Callable[[], Mapping[str, str]]
"""Gives the addresses of distributions on this machine by their domain names."""


def as_declared(scope: Scope, send: Send, sites: Sites) -> tuple[Scope, Send]:
    """Return the request and the way of its answer, with origins translated where a page here asks."""
    origin = next((value for name, value in scope["headers"] if name.lower() == _ASKED), None)
    if origin is None:
        return scope, send
    domain = next((domain for domain, url in sites().items() if url.encode() == origin), None)
    if domain is None:
        return scope, send
    declared = f"https://{domain}".encode()

    async def send_translated(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _replaced(message["headers"], _ADMITTED, declared, origin)}
        await send(message)

    return {**scope, "headers": _replaced(scope["headers"], _ASKED, origin, declared)}, send_translated


def _replaced(
    headers: list[tuple[bytes, bytes]], wanted: bytes, old: bytes, new: bytes
) -> list[tuple[bytes, bytes]]:
    return [(name, new if name.lower() == wanted and value == old else value) for name, value in headers]
