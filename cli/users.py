"""The demo user: made with Cognito's own administration API, not by the program."""

import secrets
import string
from typing import Any, cast

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli import platform
from cli.daemon import Daemon
from cli.errors import NovaError
from cli.home import Home, read_json, write_private
from cli.target import Target

USERNAME = "demo"
EMAIL = "demo@example.com"
PASSWORD_LENGTH = 24
SYMBOLS = "-_.+="  # they need no quoting in a shell


def ensure_user(home: Home, daemon: Daemon, pool_id: str, region: str) -> dict[str, str]:
    """Make the demo user unless it exists; its name and password stay in the home."""
    kept = read_json(home.user_file)
    user = {"username": USERNAME, "password": kept.get("password") or new_password()}
    client = _client(daemon, region)
    try:
        if kept and _exists(client, pool_id):
            return user
        write_private(home.user_file, user)
        if not _exists(client, pool_id):
            attributes = [{"Name": "email", "Value": EMAIL}, {"Name": "email_verified", "Value": "true"}]
            client.admin_create_user(
                UserPoolId=pool_id, Username=USERNAME, UserAttributes=attributes, MessageAction="SUPPRESS"
            )
        client.admin_set_user_password(
            UserPoolId=pool_id, Username=USERNAME, Password=user["password"], Permanent=True
        )
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the demo user cannot be made: {error}") from error
    return user


def access_token(daemon: Daemon, client_id: str, region: str, user: dict[str, str]) -> str:
    """Sign the user in, as a browser would: with name and password, and no AWS credentials."""
    parameters = {"USERNAME": user["username"], "PASSWORD": user["password"]}
    try:
        answer = _client(daemon, region, signed=False).initiate_auth(
            ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters=parameters
        )
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"the demo user cannot sign in: {error}. `./nova up` repairs the user") from error
    return str(answer["AuthenticationResult"]["AccessToken"])


def demo_token(home: Home) -> str:
    """Return an access token of the demo user; NovaError while the platform or the user is missing."""
    daemon, outputs = platform.require(home)
    user = read_json(home.user_file)
    if not user:
        raise NovaError("there is no demo user yet: `./nova up` makes it")
    return access_token(daemon, str(outputs["user_pool_client_id"]), platform.region(outputs), user)


def sign_in(target: Target, username: str, password: str) -> str:
    """Return an access token of a user of a stack's pool; NovaError where Cognito refuses."""
    client = target.client("cognito-idp", Config(signature_version=UNSIGNED))
    parameters = {"USERNAME": username, "PASSWORD": password}
    try:
        answer = client.initiate_auth(
            ClientId=str(target.output("user_pool_client_id")),
            AuthFlow="USER_PASSWORD_AUTH",
            AuthParameters=parameters,
        )
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"{username} cannot sign in: {error}") from error
    if "AuthenticationResult" not in answer:
        raise NovaError(f"{username} has to answer {answer['ChallengeName']} first: sign in on the site")
    return str(answer["AuthenticationResult"]["AccessToken"])


def new_password() -> str:
    """Return a random password with a character of each class, as the pool's policy demands."""
    classes = (string.ascii_lowercase, string.ascii_uppercase, string.digits, SYMBOLS)
    characters = [secrets.choice(each) for each in classes]
    everything = "".join(classes)
    characters += [secrets.choice(everything) for _ in range(PASSWORD_LENGTH - len(characters))]
    secrets.SystemRandom().shuffle(characters)
    return "".join(characters)


def _exists(client: Any, pool_id: str) -> bool:  # noqa: ANN401 (boto3 makes client classes at run time)
    try:
        client.admin_get_user(UserPoolId=pool_id, Username=USERNAME)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "UserNotFoundException":
            return False
        raise
    return True


def _client(daemon: Daemon, region: str, *, signed: bool = True) -> Any:  # noqa: ANN401 (as above)
    session = cast(
        "Any",
        boto3.session.Session(
            aws_access_key_id=daemon.access_key_id, aws_secret_access_key=daemon.secret_access_key
        ),
    )
    config = Config(retries={"max_attempts": 3}, **({} if signed else {"signature_version": UNSIGNED}))
    return session.client("cognito-idp", endpoint_url=daemon.endpoint, region_name=region, config=config)
