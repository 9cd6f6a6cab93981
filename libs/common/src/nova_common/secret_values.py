"""Secrets for a host that sets variables but reads no secrets: the variable names the secret instead.

ECS puts a secret's value into a variable itself. Where nobody does, the variable `<NAME>_SECRET` holds ECS's
notation of the same reference, and its value is read here, once, under the process's own role.
"""

import re
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from nova_common import aws
from nova_common.settings import SettingsError

SUFFIX = "_SECRET"
_REFERENCE = re.compile(
    r"(?P<arn>arn:[^:]+:secretsmanager:(?P<region>[^:]+):[0-9]{12}:secret:[^:]+):::(?P<version>[^:]+)"
)
"""`<arn>:::<version id>`: the whole text of one version."""


def with_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, with `<NAME>` for every `<NAME>_SECRET`; SettingsError names those that fail."""
    values = dict(variables)
    problems: list[str] = []
    for name in sorted(name for name in variables if name.endswith(SUFFIX)):
        try:
            values[name.removesuffix(SUFFIX)] = _read(values.pop(name))
        except ClientError as error:
            problems.append(f"{name} cannot be read: {aws.error_code(error)}")
        except (BotoCoreError, ValueError) as error:
            problems.append(f"{name} cannot be read: {error}")
    if problems:
        message = "; ".join(problems)
        raise SettingsError(message)
    return values


def _read(reference: str) -> str:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        message = "it is not <ARN of a secret>:::<version id>"
        raise ValueError(message)
    client = aws.secretsmanager(found["region"])
    answer = client.get_secret_value(SecretId=found["arn"], VersionId=found["version"])
    return answer["SecretString"]
