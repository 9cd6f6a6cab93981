"""Classes of data, each with a key of its own, and what the ARN of a key looks like (pure, no resources)."""

import re
from enum import StrEnum

_KEY_ARN = re.compile(
    r"arn:aws(-cn|-us-gov)?:kms:(?P<region>[a-z0-9-]+):\d{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
)


class DataClass(StrEnum):
    """What one key encrypts, so that using one kind of data never takes the key of another."""

    TABLES = "tables"
    PERSONAL = "personal"
    CONTENT = "content"
    VECTORS = "vectors"
    CACHE = "cache"
    SECRETS = "secrets"
    MESSAGES = "messages"
    LOGS = "logs"
    IMAGES = "images"
    BACKUPS = "backups"
    GUARDRAILS = "guardrails"


def check_key_arn(arn: str, region: str) -> None:
    """Raise ``ValueError`` unless ``arn`` is that of a KMS key, no alias, in ``region``."""
    match = _KEY_ARN.fullmatch(arn)
    if match is None:
        raise ValueError("it is the ARN of a KMS key (arn:aws:kms:<region>:<account>:key/<id>), no alias")
    if match["region"] != region:
        raise ValueError(f"it is the ARN of a key in {region}, the stack's region")
