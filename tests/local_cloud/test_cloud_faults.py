"""Planned faults: the next calls of one operation fail as AWS's do, and then succeed again."""

import json
import time
from collections.abc import Generator
from typing import Any

import botocore.config
import httpx2
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.local_cloud.running import Running

ONCE = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=1)
EMBED = {
    "modelId": "amazon.nova-2-multimodal-embeddings-v1:0",
    "contentType": "application/json",
    "body": json.dumps(
        {
            "schemaVersion": "nova-multimodal-embed-v1",
            "taskType": "SINGLE_EMBEDDING",
            "singleEmbeddingParams": {
                "embeddingPurpose": "GENERIC_INDEX",
                "embeddingDimension": 384,
                "text": {"truncationMode": "END", "value": "a"},
            },
        }
    ),
}


@pytest.fixture
def faults(cloud: Running) -> Generator[httpx2.Client]:
    headers = {"X-Nova-Admin": cloud.administrator["secret_access_key"]}
    with httpx2.Client(base_url=cloud.url, headers=headers, trust_env=False) as client:
        yield client
        client.delete("/_nova/faults")


def plan(faults: httpx2.Client, operation: str, fault: str, **more: object) -> httpx2.Response:
    return faults.post("/_nova/faults", json={"operation": operation, "fault": fault, **more})


def code_of(call: Any, **request: Any) -> tuple[str, int]:  # noqa: ANN401 (a method of boto3)
    with pytest.raises(ClientError) as refused:
        call(**request)
    error: dict[str, Any] = dict(refused.value.response)
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    ("service", "operation", "request_", "fault", "expected"),
    [
        ("bedrock-runtime", "InvokeModel", EMBED, "throttle-error", ("ThrottlingException", 429)),
        ("bedrock-runtime", "InvokeModel", EMBED, "timeout-error", ("ModelTimeoutException", 408)),
        ("transcribe", "ListTranscriptionJobs", {}, "internal-error", ("InternalFailureException", 500)),
        ("dynamodb", "ListTables", {}, "throttle-error", ("ThrottlingException", 400)),
        ("sqs", "ListQueues", {}, "unavailable-error", ("ServiceUnavailable", 503)),
        ("s3", "ListAllMyBuckets", {}, "throttle-error", ("SlowDown", 503)),
        ("s3vectors", "ListVectorBuckets", {}, "internal-error", ("InternalServerException", 500)),
    ],
)
def test_the_next_calls_fail_and_then_succeed(
    cloud: Running,
    faults: httpx2.Client,
    service: str,
    operation: str,
    request_: dict[str, Any],
    fault: str,
    expected: tuple[str, int],
) -> None:
    client = cloud.client(service, config=ONCE.merge(botocore.config.Config(read_timeout=30)))
    called = {"ListAllMyBuckets": "ListBuckets"}.get(operation, operation)
    method = getattr(client, xform_name(called))
    assert plan(faults, f"{service}:{operation}", fault, times=2).status_code == 201
    assert [code_of(method, **request_) for _ in range(2)] == [expected] * 2
    method(**request_)
    (shown,) = faults.get("/_nova/faults").json()["faults"]
    assert (shown["left"], shown["injected"]) == (0, 2)


def test_other_operations_go_on(cloud: Running, faults: httpx2.Client) -> None:
    plan(faults, "dynamodb:DescribeTable", "internal-error", times=5)
    cloud.client("dynamodb", config=ONCE).list_tables()
    faults.delete("/_nova/faults")
    assert faults.get("/_nova/faults").json() == {"faults": []}


def test_silence_lasts_as_long_as_it_was_planned(cloud: Running, faults: httpx2.Client) -> None:
    plan(faults, "dynamodb:ListTables", "silence", seconds=2)
    client = cloud.client("dynamodb", config=ONCE)
    begun = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        client.list_tables()
    assert time.monotonic() - begun < 2
    client.list_tables()


def test_a_call_without_rights_is_refused_and_uses_up_no_fault(cloud: Running, faults: httpx2.Client) -> None:
    plan(faults, "dynamodb:ListTables", "internal-error")
    stranger = cloud.client("dynamodb", aws_access_key_id="AKIAUNKNOWN", config=ONCE)
    assert code_of(stranger.list_tables)[1] in {400, 403}
    assert faults.get("/_nova/faults").json()["faults"][0]["left"] == 1


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"operation": "ListTables"}, "operation: "),
        ({"operation": "iam:ListRoles"}, "services are bedrock-runtime"),
        ({"operation": "sqs:../x"}, "operation: "),
        ({"fault": "explode"}, "sqs knows throttle-error"),
        ({"fault": "timeout-error"}, "sqs knows throttle-error"),
        ({"times": 0}, "times: "),
        ({"times": 1001}, "times: "),
        ({"times": "many"}, "times: "),
        ({"seconds": -1}, "seconds: "),
        ({"seconds": 1000}, "seconds: "),
    ],
)
def test_what_is_no_fault_is_said(faults: httpx2.Client, wrong: dict[str, object], told: str) -> None:
    asked: dict[str, object] = {"operation": "sqs:ListQueues", "fault": "throttle-error"}
    refused = faults.post("/_nova/faults", json=asked | wrong)
    assert refused.status_code == 400
    assert told in refused.json()["message"]
    assert faults.get("/_nova/faults").json() == {"faults": []}


def test_only_the_administrator_plans(cloud: Running, faults: httpx2.Client) -> None:
    for content in (b"", b"[]", b"{", b"x" * 100_000):
        assert faults.post("/_nova/faults", content=content).status_code == 400
    for headers in ({}, {"X-Nova-Admin": "guess"}):
        for method in ("GET", "POST", "DELETE"):
            answer = httpx2.request(method, f"{cloud.url}/_nova/faults", headers=headers, trust_env=False)
            assert answer.status_code == 404
    assert faults.put("/_nova/faults").status_code == 405
