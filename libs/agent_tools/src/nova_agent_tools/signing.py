"""Requests signed as the task's role (SigV4), for Lambda function URLs that ask for that."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any, override

import httpx2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from nova_common import aws

SERVICE = "lambda"
_FUNCTION_URL = re.compile(r"[a-z0-9]+\.lambda-url\.(?P<region>[a-z0-9-]+)\.on\.aws")
_SIGNED = frozenset({"content-type", "host"})
"""Headers that the signature covers: what a proxy may change is left out."""


def function_region(host: str) -> str:
    """Return the region of a function URL; ValueError for another host."""
    found = _FUNCTION_URL.fullmatch(host)
    if found is None:
        message = "the address is no Lambda function URL, which alone takes these signatures"
        raise ValueError(message)
    return found["region"]


class LambdaSignature(httpx2.Auth):
    """Signs each request, with its body."""

    requires_request_body = True

    def __init__(self, region: str = "") -> None:
        self._region = region
        """Where the function is; the address says it where this is empty."""

    @override
    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Sign one request; fetching the role's credentials again may take a moment, in a thread."""
        credentials = await asyncio.to_thread(frozen_credentials)
        region = self._region or function_region(request.url.host)
        headers = {name: value for name, value in request.headers.items() if name.lower() in _SIGNED}
        signed: Any = AWSRequest(
            method=request.method, url=str(request.url), data=request.content, headers=headers
        )
        SigV4Auth(credentials, SERVICE, region).add_auth(signed)
        for name, value in signed.headers.items():
            if name.lower() not in _SIGNED:
                request.headers[name] = value
        yield request


def frozen_credentials() -> Any:  # noqa: ANN401 - botocore's, untyped
    """Return the task's credentials as they are now; ValueError if there are none."""
    credentials: Any = aws.session().get_credentials()
    if credentials is None:
        message = "there are no credentials to sign with"
        raise ValueError(message)
    return credentials.get_frozen_credentials()
