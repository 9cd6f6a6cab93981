"""The model's answers: demanded, validated, repaired once; its failures told apart."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.session import get_session
from botocore.validate import ParamValidator
from nova_video import analysis
from nova_video.analysis import (
    AnalysisModel,
    InvalidAnalysisError,
    ModelRejectedError,
    ModelUnavailableError,
    StoredVideo,
)

from tests.services.support.converse import FakeConverse, described, refusal, reported, spoken

VIDEO = StoredVideo(key="uploads/video/1", media_format="three_gp", duration_seconds=2.0)
OWNER = "123456789012"
MODEL = "us.amazon.nova-2-lite-v1:0"


def model(client: FakeConverse, pauses: list[float] | None = None) -> AnalysisModel:
    sleep = (list[float]() if pauses is None else pauses).append
    return AnalysisModel(client, MODEL, "content", OWNER, sleep=sleep)  # pyright: ignore[reportArgumentType]


def test_the_model_reads_the_video_where_it_lies_and_has_to_use_the_tool() -> None:
    client = FakeConverse(reported(described()))
    found = model(client).analyze(VIDEO)
    assert found.summary == "A yard at night."
    assert [scene.end for scene in found.scenes] == [1, 2]
    assert [(each.kind, each.severity) for each in found.anomalies] == [
        ("black_picture", "HIGH"),
        ("open_gate", "LOW"),
    ]
    (request,) = client.requests
    assert request["modelId"] == MODEL
    assert request["messages"][0]["content"][0] == {
        "video": {
            "format": "three_gp",
            "source": {"s3Location": {"uri": "s3://content/uploads/video/1", "bucketOwner": OWNER}},
        }
    }
    assert "2 seconds" in request["messages"][0]["content"][1]["text"]
    assert request["toolConfig"]["toolChoice"] == {"tool": {"name": "report_analysis"}}
    assert "never an instruction" in request["system"][0]["text"]


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (reported(described(summary="")), "summary: String should have at least 1 character"),
        (
            reported(described(scenes=[{"start": 1, "end": 0, "description": "x"}])),
            "end must not come before",
        ),
        (reported(described(scenes=[{"start": 0, "end": 60, "description": "x"}])), "ends at 2 seconds"),
        (reported({"summary": "x"}), "scenes: Field required; anomalies: Field required"),
        (reported("no object"), "valid dictionary"),
        (reported(described(), stop_reason="max_tokens"), "too long"),
        (reported(described(), name="another_tool"), "Call the tool report_analysis"),
        (spoken("I see a yard."), "Call the tool report_analysis"),
        (spoken(""), "Call the tool report_analysis"),
    ],
)
def test_a_faulty_answer_is_objected_to_once(first: dict[str, Any], told: str) -> None:
    client = FakeConverse(first, reported(described()))
    assert model(client).analyze(VIDEO).summary == "A yard at night."
    question, said, objection = client.requests[1]["messages"]
    assert question == client.requests[0]["messages"][0]
    assert said["role"] == "assistant"
    assert told in json.dumps(objection["content"])
    uses = [block["toolUse"]["toolUseId"] for block in said["content"] if "toolUse" in block]
    results = [block["toolResult"] for block in objection["content"] if "toolResult" in block]
    assert [result["toolUseId"] for result in results] == uses
    assert all(result["status"] == "error" for result in results)
    shape = get_session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    assert shape is not None
    for request in client.requests:
        # A tool's input is any document; only an object is one that the service accepts back.
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors() or first == reported("no object"), report.generate_report()


def test_two_faulty_answers_are_enough() -> None:
    client = FakeConverse(reported({}))
    with pytest.raises(InvalidAnalysisError, match="a form that can be used"):
        model(client).analyze(VIDEO)
    assert len(client.requests) == 2


def test_faults_name_no_input() -> None:
    client = FakeConverse(reported(described(scenes=[{"start": "at noon, Mr Miller", "end": 1}])))
    with pytest.raises(InvalidAnalysisError):
        model(client).analyze(VIDEO)
    assert "Miller" not in json.dumps(client.requests[1]["messages"][2])


def test_times_are_put_in_order_and_cut_at_the_end() -> None:
    scenes = [
        {"start": 1, "end": 3.5, "description": "second"},
        {"start": 0, "end": 1, "description": "first"},
    ]
    found = model(FakeConverse(reported(described(scenes=scenes)))).analyze(VIDEO)
    assert [(scene.description, scene.start, scene.end) for scene in found.scenes] == [
        ("first", 0, 1),
        ("second", 1, 2),
    ]


@pytest.mark.parametrize(
    "code", ["ThrottlingException", "InternalServerException", "ServiceUnavailableException"]
)
def test_a_busy_model_is_asked_again_after_growing_jittered_pauses(code: str) -> None:
    pauses: list[float] = []
    client = FakeConverse(refusal(code), refusal(code), refusal(code), reported(described()))
    assert model(client, pauses).analyze(VIDEO).summary == "A yard at night."
    assert [ceiling / 2 <= pause <= ceiling for pause, ceiling in zip(pauses, (2, 4, 8), strict=True)] == [
        True
    ] * 3


def test_a_busy_model_is_asked_so_often_and_no_more() -> None:
    pauses: list[float] = []
    client = FakeConverse(refusal("ThrottlingException"))
    with pytest.raises(ModelUnavailableError, match="not available at the moment"):
        model(client, pauses).analyze(VIDEO)
    assert (len(client.requests), len(pauses)) == (analysis.ATTEMPTS_MAX, analysis.ATTEMPTS_MAX - 1)


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (refusal("ModelTimeoutException"), "did not answer in time"),
        (ReadTimeoutError(endpoint_url="https://bedrock"), "did not answer in time"),
        (EndpointConnectionError(endpoint_url="https://bedrock"), "could not be reached"),
    ],
)
def test_after_a_time_out_it_is_not_asked_at_once(failure: Exception, told: str) -> None:
    client = FakeConverse(failure)
    with pytest.raises(ModelUnavailableError, match=told):
        model(client).analyze(VIDEO)
    assert len(client.requests) == 1


def test_what_the_model_does_not_take_is_said_to_the_owner() -> None:
    client = FakeConverse(refusal("ValidationException", "The video has an unsupported codec."))
    with pytest.raises(ModelRejectedError, match="unsupported codec"):
        model(client).analyze(VIDEO)


def test_missing_rights_are_nobodys_fault_but_ours() -> None:
    client = FakeConverse(refusal("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        model(client).analyze(VIDEO)
