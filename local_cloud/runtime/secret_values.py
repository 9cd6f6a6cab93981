"""Values that a task definition refers to (`secrets[].valueFrom`): Secrets Manager and Systems Manager."""

import json

from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import Credentials
from local_cloud.gateway.protocol import AwsError

SECRET_ARN_PARTS = 7
"""`arn:aws:secretsmanager:region:account:secret:name`; then comes `:json-key:version-stage:version-id`."""


async def secret_value(aws: Aws, reference: str, session: Credentials) -> str:
    """Return a secret's value, read with the execution role's credentials.

    Raises:
        AwsError: it cannot be read, or lacks the JSON key that the reference names.

    """
    if ":secretsmanager:" not in reference:
        name = reference.partition(":parameter")[2] or reference
        output = await aws.call(
            "ssm", "GetParameter", {"Name": name, "WithDecryption": True}, credentials=session
        )
        return output["Parameter"]["Value"]
    parts = reference.split(":")
    arn, rest = ":".join(parts[:SECRET_ARN_PARTS]), parts[SECRET_ARN_PARTS:]
    key, stage, version = [*rest, "", "", ""][:3]
    parameters = {"SecretId": arn}
    if stage:
        parameters["VersionStage"] = stage
    if version:
        parameters["VersionId"] = version
    output = await aws.call("secretsmanager", "GetSecretValue", parameters, credentials=session)
    text: str = output["SecretString"]
    if not key:
        return text
    values = json.loads(text)
    if key not in values:
        raise AwsError(
            "ResourceInitializationError",
            f"retrieved secret from Secrets Manager did not contain json key {key}",
        )
    return str(values[key])
