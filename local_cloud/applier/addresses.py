"""Where distributions listen on this machine: the daemon alone knows."""

import json
import urllib.request
from typing import Any, cast

STATUS_TIMEOUT_S = 10


def daemon_status(endpoint: str) -> dict[str, Any]:
    """Return what the daemon at ``endpoint`` says of what it runs."""
    url = f"{endpoint}/_nova/status"
    with urllib.request.urlopen(url, timeout=STATUS_TIMEOUT_S) as answer:  # noqa: S310 (our own endpoint)
        return cast("dict[str, Any]", json.load(answer))


def site_urls(endpoint: str) -> dict[str, str]:
    """Return the address on this machine by the one that the distribution has to the world."""
    served = cast("dict[str, str]", daemon_status(endpoint)["distributions"])
    return {f"https://{domain}": url for domain, url in served.items()}


def localized[Value](value: Value, urls: dict[str, str]) -> Value:
    """Return ``value``, if it is a text, with addresses on this machine in the place of distributions'."""
    if not isinstance(value, str):
        return value
    text = str(value)
    for world, local in urls.items():
        text = text.replace(world, local)
    return cast("Value", text)
