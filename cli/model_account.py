"""`nova up --models aws`: whose account answers, asked before anything is started, and what is sent there."""

import os
from dataclasses import dataclass
from typing import Any, cast

import boto3
import yaml
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ProfileNotFound

from cli.errors import NovaError
from cli.home import CHECKOUT

STACK_FILE = CHECKOUT / "Pulumi.local.yaml"
EMBEDDINGS_REGION = "us-east-1"
"""Where Bedrock has the embedding model, whatever region the stack is in."""
TIMEOUT_S = 5
SIGN_IN = "sign in with `aws sso login` and name the profile in AWS_PROFILE, or leave out --models aws"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAccount:
    """Who models are called as, and where."""

    arn: str
    regions: tuple[str, ...]

    def notes(self) -> list[str]:
        """Return what a person has to know before it happens."""
        return [
            f"Calls of models leave this machine: to Amazon Bedrock in {' and '.join(self.regions)}, "
            f"as {self.arn}, at the cost of that account.",
            "With them go the questions, what tools found, transcripts to be judged, texts and images to be "
            "indexed or searched, and videos. Everything else stays here, transcribing too; speech sessions "
            "are refused. The stack's guardrail is here too, and does not look at these conversations.",
            "Vectors of the two ways do not compare: after a change of --models, ./nova reindex.",
        ]


def model_account() -> ModelAccount:
    """Ask AWS who calls in each region that models are called in.

    Raises NovaError without credentials, with such as AWS refuses there, or with temporary ones that have run
    out: better now than in the middle of an answer.
    """
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        message = (
            f"--models aws: this shell's AWS_ENDPOINT_URL is {endpoint} and not AWS; unset it and its keys"
        )
        raise NovaError(message)
    regions = tuple(dict.fromkeys((_region(), EMBEDDINGS_REGION)))
    arns = [_caller(region) for region in regions]
    return ModelAccount(arn=arns[0], regions=regions)


def _region() -> str:
    document: dict[str, Any] = yaml.safe_load(STACK_FILE.read_text("utf-8"))
    return str(document["config"]["nova:region"])


def _caller(region: str) -> str:
    config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 2})
    try:
        client = cast("Any", boto3.session.Session()).client("sts", region_name=region, config=config)
        return str(client.get_caller_identity()["Arn"])
    except ProfileNotFound as error:
        named = os.environ.get("AWS_PROFILE")
        message = f"--models aws: AWS_PROFILE names {named}, which is no profile here; {SIGN_IN}"
        raise NovaError(message) from error
    except NoCredentialsError as error:
        raise NovaError(f"--models aws: there are no AWS credentials; {SIGN_IN}") from error
    except ClientError as error:
        message = (
            f"--models aws: AWS does not take these credentials in {region} ({error}): they have run out, or "
            f"the account has not enabled the region; {SIGN_IN}"
        )
        raise NovaError(message) from error
    except BotoCoreError as error:
        raise NovaError(f"--models aws: AWS cannot be asked in {region} ({error}); {SIGN_IN}") from error
