"""What authorization asks MiniStack's state: policies, keys, roles, tables, and what belongs to what.

Everything is looked up in the account and region of the request that is being served.
"""

import importlib
import re
from collections.abc import Mapping
from typing import Any

from local_cloud.documents import Document, part
from local_cloud.gateway.account import ACCOUNT

POLICIES = {
    "sqs": ("sqs", "queue_policy_for_arn"),
    "sns": ("sns", "topic_policy_for_arn"),
    "s3": ("s3", "bucket_policy_for_arn"),
    "lambda": ("lambda_svc", "function_policy_for_arn"),
    "secretsmanager": ("secretsmanager", "secret_policy_for_arn"),
    "ecr": ("ecr", "repository_policy_for_arn"),
    "kms": ("kms", "key_policy_for_arn"),
    "execute-api": ("apigateway_v1", "rest_api_policy_for_arn"),
}
"""Services whose resources carry policies: MiniStack's module and its function from an ARN to policy and
owner."""
KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
DEFAULT_KEY = re.compile(r"<(?:\w+:)?KMSMasterKeyID>\s*([^<\s]+)\s*<")


def service(name: str) -> Any:  # noqa: ANN401 (a MiniStack module)
    """Return one of MiniStack's service modules."""
    return importlib.import_module(f"ministack.services.{name}")


def resource_policy(namespace: str, arn: str) -> tuple[str | Document, str] | None:
    """Return the policy of a resource and its owner's account; None where there is no such resource.

    A role's trust policy is its resource policy: within one account, a trust policy that names a principal is
    enough for it to assume the role (IAM guide, "Cross-account resource access" and role trust policies).
    """
    if namespace == "sts" and ":role/" in arn:
        role = role_of(arn)
        return (role["AssumeRolePolicyDocument"], ACCOUNT) if role else None
    if namespace not in POLICIES or not arn.startswith("arn:"):
        return None
    module, function = POLICIES[namespace]
    return getattr(service(module), function)(arn)


def role_of(arn: str) -> Document | None:
    """Return the record of a role by its ARN; a path that is not the role's own finds nothing."""
    role: Document | None = service("iam")._roles.get(arn.rsplit("/", 1)[-1])
    return role if role is not None and role["Arn"] == arn else None


def identity_arn(kind: str, name: str) -> str:
    """Return the ARN (with its path) of an IAM role, user, group or instance profile."""
    iam = service("iam")
    stores = {"role": iam._roles, "user": iam._users, "group": iam._groups}
    record: Document | None = stores[kind].get(name) if kind in stores else None
    return record["Arn"] if record and "Arn" in record else f"arn:aws:iam::{ACCOUNT}:{kind}/{name}"


def key_arn(identifier: str) -> str | None:
    """Return the ARN of a key by id, ARN or alias."""
    record: Document | None = service("kms")._resolve_key(identifier)
    return record["Arn"] if record else None


def queue_key(arn: str) -> str | None:
    """Return the customer managed key of a queue."""
    queue: Document | None = service("sqs")._queue_by_arn(arn)
    return customer_key((queue or {}).get("attributes", {}).get("KmsMasterKeyId"))


def topic_key(arn: str) -> str | None:
    """Return the customer managed key of a topic."""
    topic: Document | None = service("sns")._topics.get(arn)
    return customer_key((topic or {}).get("attributes", {}).get("KmsMasterKeyId"))


def table(name: str) -> Document:
    """Return the record of a table; empty for an unknown one."""
    return service("dynamodb")._tables.get(name) or {}


def table_key(name: str) -> str | None:
    """Return the customer managed key of a table."""
    return customer_key(part(table(name), "SSEDescription").get("KMSMasterKeyArn"))


def secret(identifier: str) -> Document:
    """Return the record of a secret by name or ARN; empty for an unknown one."""
    found: Document | None = service("secretsmanager")._resolve(identifier)[1]
    return found or {}


def secret_key(identifier: str) -> str | None:
    """Return the customer managed key of a secret."""
    return customer_key(secret(identifier).get("KmsKeyId"))


def parameter_key(name: str) -> str | None:
    """Return the customer managed key of an encrypted parameter."""
    ssm = service("ssm")
    record: Document = ssm._parameters.get(name) or {}
    return customer_key(record.get("KeyId")) if record.get("Type") == "SecureString" else None


def bucket_key(bucket: str) -> str | None:
    """Return the customer managed key with which a bucket encrypts by default."""
    found = DEFAULT_KEY.search(service("s3")._bucket_encryption.get(bucket) or "")
    return customer_key(found[1]) if found else None


def has_bucket_key(bucket: str) -> bool:
    """Whether a bucket's default encryption uses a bucket key."""
    return "<BucketKeyEnabled>true<" in (service("s3")._bucket_encryption.get(bucket) or "")


def object_key(bucket: str, key: str, version: str) -> str | None:
    """Return the customer managed key under which an object (or one version of it) is stored."""
    s3 = service("s3")
    records: Document = s3._buckets.get(bucket) or {}
    stored = part(records, "objects", key)
    if version:
        versions: list[Document] = s3._object_versions.get((bucket, key)) or []
        found = [entry for entry in versions if entry["version_id"] == version]
        record: Document = s3._object_record_from_version(found[0]) if found else {}
        stored = record
    return customer_key(part(stored, "preserved_headers").get(KEY_HEADER))


def upload_key(bucket: str, headers: Mapping[str, str]) -> str | None:
    """Return the customer managed key under which a request writes an object: its own, else the bucket's."""
    if headers.get("x-amz-server-side-encryption") == "AES256":
        return None
    return customer_key(headers.get(KEY_HEADER)) or bucket_key(bucket)


def customer_key(identifier: str | None) -> str | None:
    """Return a key's ARN, None for AWS's own (alias/aws/...), whose policy admits the account's callers."""
    if not identifier or "alias/aws/" in identifier:
        return None
    return key_arn(identifier) or (identifier if identifier.startswith("arn:") else None)


def key_of_ciphertext(ciphertext: str) -> str:
    """Return the key that a ciphertext names, "" for none."""
    return importlib.import_module("ministack.core.iam_actions")._kms_key_id_from_ciphertext(ciphertext)


def resource_tags(arn: str) -> dict[str, str]:
    """Return the tags of a resource."""
    tagging: Any = importlib.import_module("ministack.services.tagging")
    return tagging.resource_tags(arn) or {}
