"""The program's policies decide on this machine: what is taken away is missed, and named."""

from typing import Any

import boto3
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError  # noqa: A004
from redis.retry import Retry

from tests.e2e.conversations import asked, opened
from tests.e2e.running import CHECKOUT, Running
from tests.rights import without_action

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SAMPLE = str(CHECKOUT / "samples" / "trains.wav")
QUESTION = "When does the last train leave?"


@pytest.mark.parametrize(
    ("service", "action"),
    [
        ("audio", "dynamodb:PutItem"),
        ("search", "s3vectors:QueryVectors"),
        ("agent-core", "bedrock:InvokeModelWithResponseStream"),
    ],
)
def test_a_grant_that_is_taken_away_is_missed_and_named(platform: Running, service: str, action: str) -> None:
    role = platform.task_role(service)
    with without_action(platform.aws("iam"), role, action):
        shown = platform.nova("demo", SAMPLE, QUESTION)
        assert shown.returncode == 1, shown.stdout
        assert action in shown.stderr, shown.stderr
        assert role in shown.stderr, shown.stderr
    status = platform.nova("status").stdout
    assert action in status
    assert role in status
    again = platform.nova("demo", SAMPLE, QUESTION)
    assert again.returncode == 0, again.stderr


def test_a_session_survives_a_model_that_fails(platform: Running) -> None:
    with platform.api(platform.token_of_new_user("patient")) as api:
        session = opened(api)
        first = asked(api, session, "Hello!")
        role = platform.task_role("agent-core")
        with without_action(platform.aws("iam"), role, "bedrock:InvokeModelWithResponseStream"):
            failed = asked(api, session, "Are you there?")
        assert failed.events[-1][0] == "error", failed.events
        problem = failed.events[-1][1]
        assert problem["status"] >= 500
        assert problem["request_id"]
        assert "arn:" not in str(problem), "what is inside stays inside"
        assert asked(api, session, "Are you back?").events[-1][0] == "done"
        turns = api.get(f"/sessions/{session}").json()["turns"]
        assert [turn["status"] for turn in turns] == ["completed", "failed", "completed"]
        assert turns[0]["answer"] == first.text


def test_redis_lets_nobody_in_without_tls_the_ca_and_the_right_password(platform: Running) -> None:
    group = platform.aws("elasticache").describe_replication_groups()["ReplicationGroups"][0]
    cache = platform.reported()["caches"][group["ReplicationGroupId"]]

    def client(**options: Any) -> Any:  # noqa: ANN401 (redis-py's own types leave answers open)
        once = Retry(NoBackoff(), 0)
        return Redis(host="127.0.0.1", port=cache["port"], socket_timeout=5, retry=once, **options)

    trusted = {"ssl": True, "ssl_ca_certs": str(platform.certificates())}
    password = next(
        value["SecretString"]
        for value in (
            platform.aws("secretsmanager").get_secret_value(SecretId=secret["ARN"])
            for secret in platform.aws("secretsmanager").list_secrets()["SecretList"]
            if "agent-core" in secret["Name"]
        )
    )
    coordinator = client(**trusted, username="agent-core", password=password)
    assert coordinator.ping()
    with pytest.raises(NoPermissionError):
        coordinator.get("somebody-else:session:1")
    with pytest.raises(NoPermissionError):
        coordinator.flushall()
    for refused in (
        client(username="agent-core", password=password),
        client(ssl=True, username="agent-core", password=password),
        client(**trusted, username="agent-core", password="x" * 64),
        client(**trusted, username="audio", password=password),
        client(**trusted, password=password),
        client(**trusted),
    ):
        with pytest.raises((ConnectionError, AuthenticationError)):
            refused.ping()


def test_a_stranger_to_the_account_may_nothing(platform: Running) -> None:
    sessions: Any = boto3.session.Session()
    nobody: Any = sessions.client(
        "s3vectors",
        endpoint_url=platform.credentials["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="x" * 40,
    )
    with pytest.raises(nobody.exceptions.ClientError) as raised:
        nobody.list_vector_buckets()
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}
