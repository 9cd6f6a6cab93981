"""Values that a task definition refers to (`secrets[].valueFrom`): Secrets Manager and Systems Manager."""

import json
from typing import cast

from local_cloud.documents import Document
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import Credentials
from local_cloud.gateway.protocol import AwsError

SECRET_ARN_PARTS = 7
"""`arn:aws:secretsmanager:region:account:secret:name`; then comes `:json-key:version-stage:version-id`."""


class SecretError(Exception):
    """A value cannot be had; the message names its reference, and never a value."""


async def secret_value(aws: Aws, reference: str, session: Credentials) -> str:
    """Return a secret's value, read with the execution role's credentials.

    Raises:
        SecretError: it cannot be read, or lacks the JSON key that the reference names.

    """
    try:
        if ":secretsmanager:" in reference:
            return await _secret(aws, reference, session)
        name = reference.partition(":parameter")[2] or reference
        request = {"Name": name, "WithDecryption": True}
        output = await aws.call("ssm", "GetParameter", request, credentials=session)
        return output["Parameter"]["Value"]
    except AwsError as error:
        raise SecretError(f"unable to retrieve {reference}: {error}") from error


async def _secret(aws: Aws, reference: str, session: Credentials) -> str:
    parts = reference.split(":")
    arn, rest = ":".join(parts[:SECRET_ARN_PARTS]), parts[SECRET_ARN_PARTS:]
    key, stage, version = [*rest, "", "", ""][:3]
    given = {"SecretId": arn, "VersionStage": stage, "VersionId": version}
    request = {name: value for name, value in given.items() if value}
    output = await aws.call("secretsmanager", "GetSecretValue", request, credentials=session)
    text: str | None = output.get("SecretString")
    if text is None:
        raise SecretError(f"unable to retrieve {reference}: the secret holds no text")
    if not key:
        return text
    try:
        document: object = json.loads(text)
    except ValueError:
        document = None  # its message would quote the value
    values = cast("Document", document) if isinstance(document, dict) else {}
    if key not in values:
        raise SecretError(f"retrieved secret from Secrets Manager did not contain json key {key} ({arn})")
    value = values[key]
    return value if isinstance(value, str) else json.dumps(value)
