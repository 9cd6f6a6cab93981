"""Signed requests that come in at other doors than the gateway's: whose they are, and whether they may."""

import contextvars
import importlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qs

from local_cloud.documents import Document
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.asgi import Scope
from local_cloud.gateway.iam import authorization as iam
from local_cloud.gateway.iam import decisions as iam_decisions

CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")

type Asked = tuple[str, str, Mapping[str, str]]
"""Action, resource and condition keys (in lower case)."""


class Denied(Exception):  # noqa: N818 (as the answer has it)
    """The request is not signed by anybody who may do it."""


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it arrived."""

    method: str
    raw_path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    client: str

    @classmethod
    def of(cls, scope: Scope, body: bytes) -> Self:
        """Take it from an ASGI scope."""
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        return cls(
            scope["method"],
            raw_path.decode("latin-1"),
            scope.get("query_string", b"").decode("latin-1"),
            tuple(scope["headers"]),
            body,
            (scope.get("client") or ("127.0.0.1", 0))[0],
        )


def authorize(region_home: str, request: SignedRequest, service: str, needs: Sequence[Asked]) -> Document:
    """Return who signed a request, when all of `needs` are allowed to them.

    Signature, session and time are checked by MiniStack, the rights by this platform's policies.

    Raises:
        Denied: it is not signed for this service and region, or not by one who may.

    """
    authorization = next(
        (value for name, value in request.headers if name.lower() == b"authorization"), b""
    ).decode("latin-1")
    found = CREDENTIAL.search(authorization)
    if not authorization.startswith("AWS4-HMAC-SHA256") or found is None:
        raise Denied("it is not signed")
    key, region, signed_for = found.groups()
    if signed_for != service or region != region_home:
        raise Denied(f"it is signed for {signed_for} in {region}")
    return contextvars.copy_context().run(_decide, key, region, request, service, needs)


def _decide(key: str, region: str, request: SignedRequest, service: str, needs: Sequence[Asked]) -> Document:
    evaluator: Any = iam_decisions.evaluator()
    responses: Any = importlib.import_module("ministack.core.responses")
    with responses.request_scope(ACCOUNT, region):
        iam.begin()
        # Between the two there is no network (see the gateway's own door).
        evaluator.pin_request_origin(request.client, secure_transport=True)
        query = parse_qs(request.query, keep_blank_values=True)
        evaluator.pin_signed_request(request.method, request.raw_path, query, list(request.headers))
        evaluator.pin_signed_body(request.body)
        for action, resource, keys in needs:
            refused: Any = evaluator.enforce(
                key, action, service, region, resource_arn=resource, service_context=keys
            )
            if refused is not None:
                raise Denied(f"{action}: {refused}")
        resolved: Any = evaluator.resolve_principal(key, ACCOUNT, None)
    return {
        "accessKey": key,
        "accountId": ACCOUNT,
        "callerId": resolved.arn.rpartition("/")[2],
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": resolved.arn,
        "userId": resolved.arn.rpartition("/")[2],
    }
