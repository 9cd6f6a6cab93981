"""A person asks about the weather; the agent buys it on this machine's chain, within the budget."""

import json
import re
import subprocess
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import Any, cast

import boto3
import httpx2
import psutil
import pytest
from botocore.exceptions import ClientError

from tests.e2e.conversations import Answer, asked, opened
from tests.e2e.running import Running, eventually
from tests.services.support.payments import PaymentNetwork

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

QUESTION = "What is the weather in Lisbon?"
PAYEE = "0x6A115210e897EFC4107bBAE713288e9EF6935415"


@pytest.fixture(scope="module")
def buyer(platform: Running) -> Generator[httpx2.Client]:
    with platform.api(platform.token_of_new_user("buyer")) as client:

        def offered() -> bool:
            tools = client.get("/tools").json()["tools"]
            return any(tool["name"] == "nova__get_weather_of_city" for tool in tools)

        eventually(offered, "the agent has the tools that pay", timeout_s=60)
        yield client


def spending(client: httpx2.Client) -> dict[str, Any]:
    answer = client.get("/spend", timeout=40)
    assert answer.status_code == 200, answer.text
    return answer.json()


def use(answer: Answer) -> list[str]:
    return [tool["name"] for tool in answer.of("tool") if tool["status"] == "completed"]


def test_a_question_is_answered_with_what_was_bought(platform: Running, buyer: httpx2.Client) -> None:
    chain = PaymentNetwork.at(platform.status()["urls"]["chain"])
    before, earned = spending(buyer), chain.balance(PAYEE)
    assert before["wallet"]["state"] == "ready"
    answer = asked(buyer, opened(buyer), QUESTION)
    assert use(answer) == ["nova__get_weather_of_city"]
    assert "Lisbon (PT)" in answer.text
    after = spending(buyer)
    (payment,) = after["payments"]
    assert (payment["status"], payment["amount"], payment["payee"]) == ("paid", "0.01", PAYEE)
    assert round(float(after["spent"]) - float(before["spent"]), 2) == 0.01
    assert chain.balance(PAYEE) - earned == 10_000
    receipt = chain.rpc("eth_getTransactionReceipt", payment["transaction"])["result"]
    assert receipt["status"] == "0x1"
    with platform.api() as other:
        assert all(found["id"] != payment["id"] for found in spending(other)["payments"])


def environments() -> Iterator[dict[str, str]]:
    """The environments of all processes that may be looked into."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            yield process.environ()


def key_of_the_wallet(platform: Running, client: httpx2.Client) -> str:
    """Read the key as the one role that may: with the credentials of the function's own process."""
    spending(client)  # so that there is one
    given = next(
        found
        for found in environments()
        if found.get("AWS_LAMBDA_FUNCTION_NAME", "").startswith("mcp-server")
        and found.get("AWS_ENDPOINT_URL") == platform.credentials["AWS_ENDPOINT_URL"]
    )
    session = cast("Any", boto3.session.Session())
    secrets = session.client(
        "secretsmanager",
        endpoint_url=given["AWS_ENDPOINT_URL"],
        region_name=given["AWS_REGION"],
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=given["AWS_SESSION_TOKEN"],
    )
    return str(secrets.get_secret_value(SecretId=platform.outputs()["wallet_secret"])["SecretString"])


def test_one_role_reads_the_key_and_nothing_else_has_it(platform: Running, buyer: httpx2.Client) -> None:
    secret = platform.outputs()["wallet_secret"]
    with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
        platform.aws("secretsmanager").get_secret_value(SecretId=secret)
    key = key_of_the_wallet(platform, buyer).removeprefix("0x")
    assert re.fullmatch("[0-9a-f]{64}", key)
    assert not [found for found in environments() if key in json.dumps(found)]
    # Images, logs, the program's checkpoint and outputs: all that the platform keeps, but for the secrets.
    search = ["grep", "-rliF", key, str(platform.home)]
    finished = subprocess.run(search, capture_output=True, text=True, check=False)
    assert finished.stdout.splitlines() == [str(platform.home / "state" / "secretsmanager.json")]
    assert platform.nova("wallet", "show").stdout.strip().startswith("0x")


def test_the_url_lets_nobody_in_but_the_agent(platform: Running) -> None:
    url = platform.status()["urls"]["mcp"]
    hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    refused = httpx2.post(url, json=hello, headers={"accept": "application/json, text/event-stream"})
    assert refused.status_code == 403
    assert "Forbidden" in json.dumps(refused.json())
