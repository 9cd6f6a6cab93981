"""Corrections of how MiniStack derives a request's action, resource and condition keys (core/iam_actions.py).

Each function replaces one of that module's, which the request path looks up anew for every request.
"""

import base64
import binascii
import importlib
import json
from typing import Any, cast

from local_cloud.documents import Document
from local_cloud.gateway.ministack import ACCOUNT

SAME_ACTION = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "bedrock:Converse": "bedrock:InvokeModel",
    "bedrock:ConverseStream": "bedrock:InvokeModelWithResponseStream",
}
"""Operations that AWS authorizes as another action (service authorization reference of SQS and Bedrock)."""


def _fields(body: bytes) -> Document:
    """Return a JSON body's fields, nothing for another kind of body."""
    try:
        data: object = json.loads(body or b"{}")
    except ValueError:
        return {}
    return cast("Document", data) if isinstance(data, dict) else {}


def stream_of(fields: Document) -> str | None:
    """Return the stream that a DynamoDB Streams request reads; shard iterators carry its ARN."""
    if fields.get("StreamArn"):
        return fields["StreamArn"]
    try:
        return json.loads(base64.urlsafe_b64decode(str(fields.get("ShardIterator", "")))).get("arn")
    except (ValueError, binascii.Error, AttributeError):
        return None


def resource_of(service: str, fields: Document, region: str) -> str | None:
    """Return the resource of a request where MiniStack names another one than AWS; None otherwise."""
    if service == "dynamodbstreams":
        return stream_of(fields)
    if service == "transcribe" and fields.get("TranscriptionJobName"):
        return f"arn:aws:transcribe:{region}:{ACCOUNT}:transcription-job/{fields['TranscriptionJobName']}"
    return None


def condition_keys(service: str, action: str, fields: Document) -> Document:
    """Return condition keys that MiniStack leaves out: what is put on a bus, and KMS encryption contexts."""
    if action == "events:PutEvents":
        entries: list[Document] = fields.get("Entries", [])
        return {
            "events:source": [str(entry.get("Source", "")) for entry in entries],
            "events:detail-type": [str(entry.get("DetailType", "")) for entry in entries],
        }
    if service == "kms":
        context: Document = fields.get("EncryptionContext") or {}
        return {f"kms:EncryptionContext:{key}": value for key, value in context.items()}
    return {}


def install() -> None:
    """Put the corrections in place."""
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    extract_action, extract_resource, tag_context = (
        actions.extract_iam_action,
        actions.extract_resource_arn,
        actions.request_tag_context,
    )

    def iam_action(*arguments: Any, **named: Any) -> str | None:  # noqa: ANN401 (passed through)
        action: str | None = extract_action(*arguments, **named)
        return SAME_ACTION.get(action, action) if action else None

    def resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, list[str]],
        region: str,
        account: str,
    ) -> str:
        own = (
            resource_of(service, _fields(body), region)
            if service in ("dynamodbstreams", "transcribe")
            else None
        )
        return own or extract_resource(service, method, path, headers, body, query, region, account)

    def context(service: str, action: str, body: bytes, parameters: Any) -> Document:  # noqa: ANN401 (passed through)
        keys = condition_keys(service, action, _fields(body)) if service in ("events", "kms") else {}
        return {**tag_context(service, action, body, parameters), **keys}

    actions.extract_iam_action = iam_action
    actions.extract_resource_arn = resource_arn
    actions.request_tag_context = context
