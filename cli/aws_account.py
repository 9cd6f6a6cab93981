"""What bringing an account up asks AWS first: who one is, and what is there already."""

import os
from dataclasses import dataclass
from typing import Any, cast

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

from cli.errors import NovaError

NO_CREDENTIALS = (
    "there are no AWS credentials: sign in as an administrator of the account, with `aws sso login` or "
    "`aws login`, and name the profile in AWS_PROFILE"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose credentials these are."""

    account: str
    arn: str

    def policy_arn(self, name: str) -> str:
        """Return the ARN of the account's own policy ``name``."""
        return f"arn:{self.arn.split(':')[1]}:iam::{self.account}:policy/{name}"


def default_region() -> str:
    """Return the region of the environment or the profile; empty for none."""
    # The SDK of Python alone does not look at AWS_REGION, which the engine and all others do.
    try:
        return os.environ.get("AWS_REGION") or str(boto3.session.Session().region_name or "")
    except ProfileNotFound as error:
        raise NovaError(f"{error}: AWS_PROFILE names a profile of ~/.aws/config") from error


def caller(region: str) -> Caller:
    """Ask AWS who calls; raises ``NovaError`` without credentials, or with such as AWS refuses."""
    try:
        answer = _client("sts", region).get_caller_identity()
    except NoCredentialsError as error:
        raise NovaError(NO_CREDENTIALS) from error
    except (BotoCoreError, ClientError) as error:
        raise NovaError(f"AWS does not say who you are in {region}: {error}. Sign in again") from error
    return Caller(account=str(answer["Account"]), arn=str(answer["Arn"]))


def text_parameter(name: str, region: str) -> str:
    """Return what the account keeps under ``name``; empty when there is no such parameter."""
    client = _client("ssm", region)
    try:
        return str(client.get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "ParameterNotFound":
            return ""
        raise NovaError(f"parameter {name} in {region} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise NovaError(f"parameter {name} in {region} cannot be read: {error}") from error


def has_policy(arn: str, region: str) -> bool:
    """Whether the account has the managed policy ``arn``; any region's endpoint knows all of them."""
    try:
        _client("iam", region).get_policy(PolicyArn=arn)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "NoSuchEntity":
            return False
        raise NovaError(f"policy {arn} cannot be looked up: {error}") from error
    except BotoCoreError as error:
        raise NovaError(f"policy {arn} cannot be looked up: {error}") from error
    return True


def _client(service: str, region: str) -> Any:  # noqa: ANN401 (boto3 makes client classes at run time)
    return cast("Any", boto3.session.Session()).client(service, region_name=region)
