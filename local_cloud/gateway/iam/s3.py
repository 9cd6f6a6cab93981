"""Which rights an S3 call takes: action and resource, what it reads besides, and the object's key.

Sources: "Required permissions for Amazon S3 API operations" and "Protecting data with server-side encryption"
(S3 user guide), "Actions, resources, and condition keys for Amazon S3" (service authorization reference).
"""

import importlib
from typing import Any

from local_cloud.gateway.iam import keys as iam_keys
from local_cloud.gateway.iam import state as iam_state
from local_cloud.gateway.iam.requests import Call, Keys, Need, NotMappedError

BUCKETS = "arn:aws:s3:::"
PARAMETERS = frozenset((
    "prefix", "delimiter", "marker", "max-keys", "encoding-type", "list-type", "continuation-token",
    "start-after", "fetch-owner", "key-marker", "version-id-marker", "versionid", "partnumber",
    "upload-id-marker", "max-uploads", "max-parts", "part-number-marker", "x-id", "id",
    "continuation", "max-buckets", "bucket-region",
))  # fmt: skip
"""Parameters that choose nothing else to be done."""
SIGNING = ("x-amz-", "response-", "awsaccesskeyid", "signature", "expires")
READS = frozenset(("s3:GetObject", "s3:GetObjectVersion"))
EXTRA_HEADERS = {
    "x-amz-tagging": "s3:PutObjectTagging",
    "x-amz-acl": "s3:PutObjectAcl",
    "x-amz-object-lock-mode": "s3:PutObjectRetention",
    "x-amz-object-lock-legal-hold": "s3:PutObjectLegalHold",
}
"""Headers of a write that take a right of their own."""


def _check_parameters(call: Call, actions: Any) -> None:  # noqa: ANN401 (a MiniStack module)
    """Refuse a sub-resource that nobody mapped: it would pass for the plain request."""
    parts = [piece for piece in call.path.split("/") if piece]
    level = actions._S3_OBJECT_QUERY_ACTIONS if len(parts) > 1 else actions._S3_BUCKET_QUERY_ACTIONS
    mapped = {**actions._S3_QUERY_ACTIONS, **level}
    for name in call.query:
        chooses_nothing = name.lower() in PARAMETERS or name.lower().startswith(SIGNING)
        if not chooses_nothing and call.method not in mapped.get(name, {}):
            raise NotMappedError(f"no action is known for {call.method} with ?{name}")


def _resource(call: Call) -> str:
    """Return the ARN of what a path addresses, with every slash of the object's key.

    Corrects: MiniStack leaves empty segments out, so that the key "/a" would pass for "a".
    """
    bucket, _, key = call.path.removeprefix("/").partition("/")
    level = len([piece for piece in call.path.split("/") if piece])
    if not call.path.startswith("/") or (level > 0 and not bucket) or bool(key) != (level > 1):
        raise NotMappedError("the path addresses no bucket, or an object without a name")
    if not bucket:
        return "*"
    return f"{BUCKETS}{bucket}/{key}" if key else f"{BUCKETS}{bucket}"


def needs(call: Call) -> list[Need]:
    """Return the rights of a request that addresses its bucket by path."""
    actions: Any = importlib.import_module("ministack.core.iam_actions")
    s3 = iam_state.service("s3")
    headers: dict[str, str] = s3._merge_hoisted_amz_headers(dict(call.headers), dict(call.query))
    _check_parameters(call, actions)
    query = dict(call.query)
    name: str | None = actions._s3_action(call.method, call.path, query)
    if name is None:
        raise NotMappedError(f"no action is known for {call.method}")
    action, resource = f"s3:{name}", _resource(call)
    bulk = call.method == "POST" and "delete" in query and "/" not in call.path.strip("/")
    if bulk:
        targets: list[tuple[str, str]] = actions._s3_batch_delete_targets(call.path.strip("/"), call.body)
        found = [
            Need("s3:DeleteObjectVersion" if version else "s3:DeleteObject", target)
            for target, version in targets
        ]
        if not found:
            raise NotMappedError("the request names no object to delete")
    else:
        found = [Need(action, resource, _keys(call, actions, action, headers))]
    extra: list[tuple[str, str]] = actions.s3_additional_checks(
        call.method, call.path, headers, call.body, query
    )
    known = {(need.action, need.resource) for need in found}
    squeezed = f"{BUCKETS}{'/'.join(piece for piece in call.path.split('/') if piece)}"
    for more, target in extra:
        need = Need(more, resource if target == squeezed else target)
        if (need.action, need.resource) not in known:
            found.append(need)
    if action == "s3:PutObject" and "uploadId" not in query:
        found += [Need(more, resource) for header, more in EXTRA_HEADERS.items() if headers.get(header)]
    for need in list(found):
        found += key_needs(call, need, headers)
    return found


def _keys(call: Call, actions: Any, action: str, headers: dict[str, str]) -> Keys:  # noqa: ANN401
    """Return the condition keys of a request: listing, encryption, access control, and how it was signed."""
    keys: Keys = actions.s3_service_context(action, dict(call.query), call.path, headers)
    presigned = not headers.get("authorization")
    version2 = "AWSAccessKeyId" in call.query or headers.get("authorization", "").startswith("AWS ")
    if named := headers.get(iam_state.KEY_HEADER):
        # MiniStack knows the kind of encryption alone.
        keys[f"s3:{iam_state.KEY_HEADER}"] = iam_state.customer_key(named) or named
    return keys | {
        "s3:authtype": "REST-QUERY-STRING" if presigned else "REST-HEADER",
        "s3:signatureversion": "AWS" if version2 else "AWS4-HMAC-SHA256",
    }


def key_needs(call: Call, need: Need, headers: dict[str, str]) -> list[Need]:
    """Return the rights on the key of an object that is read or written.

    The encryption context is the object's ARN; with a bucket key it is the bucket's ("Reducing the cost of
    SSE-KMS").
    """
    bucket, _, key = need.resource.removeprefix(BUCKETS).partition("/")
    context = {"aws:s3:arn": f"{BUCKETS}{bucket}" if iam_state.has_bucket_key(bucket) else need.resource}
    version = (call.query.get("versionId") or [""])[0]
    if need.action in READS:
        own = need.resource.partition("/")[2] == call.path.strip("/").partition("/")[2]
        found = iam_state.object_key(bucket, key, version if own else "")
        return iam_keys.use(call, "s3", found, ("Decrypt",), context)
    if need.action == "s3:PutObject":
        multipart = "uploadId" in call.query or "uploads" in call.query
        actions = ("GenerateDataKey", "Decrypt") if multipart else ("GenerateDataKey",)
        return iam_keys.use(call, "s3", iam_state.upload_key(bucket, headers), actions, context)
    return []
