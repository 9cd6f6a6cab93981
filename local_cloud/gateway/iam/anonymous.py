"""What callers without an access key may do, as in AWS: little, and never as the account's root.

Corrects: MiniStack takes a caller without an access key for the account's root wherever it does not refuse
one beforehand (core/iam_evaluator.py `resolve_credential`). That lets an unsigned request list and create
buckets and call S3 Control, and a request with an `Authorization` that is no AWS signature do everything.
Buckets and objects are left to MiniStack, which asks policies and access control lists for them
(services/s3.py `_apply_bucket_scope`).
"""

import importlib
from typing import Any

SIGNATURES = (b"AWS4-", b"AWS ")
"""How an Authorization header with a signature begins: versions 4 and 4A, and 2 (AWS's general reference)."""
BUCKETS = "arn:aws:s3:::"
WITHOUT_KEY = frozenset(("execute-api:Invoke", "lambda:InvokeFunctionUrl"))
"""Decided by the API's own authorizers and by the function URL's own authorization type."""

type RawHeaders = list[tuple[bytes, bytes]]


def signed_headers(headers: RawHeaders) -> RawHeaders:
    """Return a request's headers without an Authorization that is no AWS signature: it names no caller."""
    return [
        (name, value)
        for name, value in headers
        if name.lower() != b"authorization" or value.lstrip().startswith(SIGNATURES)
    ]


def may_be_anonymous(service: str, action: str, resource: str) -> bool:
    """Whether an action may be asked for without a key, and something else decides about it."""
    if service == "s3":
        name = resource.removeprefix(BUCKETS) if resource.startswith(BUCKETS) else "*"
        return action != "s3:CreateBucket" and not name.startswith("*")
    return action in WITHOUT_KEY


def install() -> None:
    """Put the corrections in place; the request path looks these functions up anew for every request."""
    application: Any = importlib.import_module("ministack.app")
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    pin, enforce, check = application.pin_signed_request, evaluator.enforce, evaluator.check_credentials

    def refusal() -> Any:  # noqa: ANN401 (MiniStack's type)
        return evaluator.AuthError("MissingAuthenticationToken", "Request is missing Authentication Token")

    def pin_signed_request(method: str, path: str, query: object, headers: RawHeaders) -> None:
        pin(method, path, query, signed_headers(headers))

    def enforce_policies(
        key: str, action: str, service: str, region: str, resource_arn: str = "*", **named: object
    ) -> Any:  # noqa: ANN401 (MiniStack's type)
        denied = enforce(key, action, service, region, resource_arn=resource_arn, **named)
        permitted = key or may_be_anonymous(service, action, resource_arn)
        return denied or (None if permitted or evaluator._served_unsigned(service, action) else refusal())

    def check_credentials(key: str, service: str | None = None) -> Any:  # noqa: ANN401 (MiniStack's type)
        return check(key, service) or (None if key else refusal())

    application.pin_signed_request = pin_signed_request
    evaluator.enforce = enforce_policies
    evaluator.check_credentials = check_credentials
