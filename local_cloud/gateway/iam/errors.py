"""How a refusal reads: AWS's words, in the shape of each service's protocol, and recorded.

Sources: IAM user guide, "Troubleshoot access denied error messages"; the error responses of each service's
API reference. JSON services with X-Amz-Target answer AccessDeniedException with HTTP 400 and a capital
`Message`, REST services 403; EC2 prefixes a sentence and has a code of its own; S3 quotes the resource.
"""

import importlib
import json
import re
from collections.abc import Mapping
from typing import Any

from local_cloud.gateway.iam import authorization as iam
from local_cloud.gateway.iam import state as iam_state
from local_cloud.gateway.iam.refusals import REFUSALS
from local_cloud.gateway.protocol import Answer, Handler

EC2_PREFIX = "You are not authorized to perform this operation. "
REST_JSON = frozenset(("s3vectors", "bedrock-runtime", "pipes", "lambda", "apigateway"))
FORBIDDEN = 403
ERROR_CODE = re.compile(rb"<Code>(\w+)</Code>\s*<Message>([^<]*)")


def message_of(refusal: iam.Refusal, service: str) -> str:
    """Return the sentence that names the caller, the action, the resource and the reason."""
    resource = f'"{refusal.resource}"' if service == "s3" else refusal.resource
    prefix = EC2_PREFIX if service == "ec2" else ""
    return (
        f"{prefix}User: {refusal.principal} is not authorized to perform: {refusal.action} "
        f"on resource: {resource} {refusal.reason}"
    )


def _json_answer(service: str, message: str, headers: Mapping[str, str]) -> Answer | None:
    """Return the answer of a JSON service; None for what MiniStack shapes (XML, SQS)."""
    if service in REST_JSON:
        shown = {"Content-Type": "application/json", "x-amzn-errortype": "AccessDeniedException"}
        return FORBIDDEN, shown, json.dumps({"message": message, "Message": message}).encode()
    if service == "sqs" or not headers.get("x-amz-target"):
        return None
    content_type = headers.get("content-type") or "application/x-amz-json-1.1"
    body = {"__type": "AccessDeniedException", "Message": message}
    return (
        400,
        {"Content-Type": content_type, "x-amzn-errortype": "AccessDeniedException"},
        json.dumps(body).encode(),
    )


def _caller(headers: Mapping[str, str], query: Mapping[str, list[str]]) -> str:
    """Return the caller that a request claims: an ARN, a key that nobody has, or "anonymous"."""
    router: Any = importlib.import_module("ministack.core.router")
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    key: str = router.extract_access_key_id(dict(headers), dict(query))
    if not key:
        return "anonymous"
    identity = evaluator.resolve_caller_identity(key)
    return identity["userArn"] if identity else key


def _record(
    service: str, path: str, headers: Mapping[str, str], query: Mapping[str, list[str]], answer: bytes
) -> None:
    """Record what a handler refused by itself, with the error that it answers."""
    pending = iam.PENDING.get()
    need = pending.needs[0] if pending and pending.needs else None
    found = ERROR_CODE.search(answer)
    REFUSALS.add(
        _caller(headers, query),
        service,
        pending.action if pending else "",
        need.resource if need else path,
        b": ".join(found.groups()).decode() if found else "AccessDenied",
    )


def recording(service: str, handler: Handler) -> Handler:
    """Return a handler that records what it refuses by itself: presigned signatures, trust policies, ACLs."""

    async def handle(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        status, shown, answer = await handler(method, path, headers, body, query)
        if status == FORBIDDEN:
            _record(service, path, headers, query, answer)
        return status, shown, answer

    return handle


def _record_early_checks(s3: Any) -> None:  # noqa: ANN401 (a MiniStack module)
    """Record signatures that S3 refuses before anything is authorized."""
    validate = s3.validate_object_request

    def validate_object_request(
        method: str, path: str, headers: dict[str, str], query: dict[str, list[str]]
    ) -> Answer | None:
        answer = validate(method, path, headers, query)
        if answer is not None and answer[0] == FORBIDDEN:
            _record("s3", path, headers, query, answer[2])
        return answer

    s3.validate_object_request = validate_object_request


def install(handlers: dict[str, Handler]) -> None:
    """Word and record every refusal of the request path, and record those of S3's and STS's handlers."""
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    respond = actions.access_denied_response

    def access_denied_response(
        service: str, action: str, principal_arn: str, request_id: str, *, error_code: str = "",
        message: str = "", headers: dict[str, str] | None = None, **more: Any,  # noqa: ANN401 (passed through)
    ) -> Answer:  # fmt: skip
        refusal = iam.refusal()
        given = headers or {}
        if error_code:
            pending = iam.PENDING.get()
            query: Mapping[str, list[str]] = pending.call.query if pending else {}
            need = pending.needs[0] if pending and pending.needs else None
            REFUSALS.add(
                _caller(given, query),
                service,
                action,
                need.resource if need else "*",
                f"{error_code}: {message}",
            )
        elif refusal is not None:
            message = message_of(refusal, service)
            REFUSALS.add(refusal.principal, service, refusal.action, refusal.resource, refusal.reason)
            answer = _json_answer(service, message, given)
            if answer is not None:
                return answer
            action, principal_arn = refusal.action, refusal.principal
        else:
            REFUSALS.add(
                principal_arn or _caller(given, {}),
                service,
                action,
                str(more.get("resource_arn", "*")),
                message,
            )
        return respond(
            service, action, principal_arn, request_id,
            error_code=error_code, message=message, headers=headers, **more,
        )  # fmt: skip

    actions.access_denied_response = access_denied_response
    for service in ("s3", "sts"):
        handlers[service] = recording(service, handlers[service])
    _record_early_checks(iam_state.service("s3"))
