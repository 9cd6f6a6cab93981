"""The embedding model: what it is asked, and that only usable vectors come out."""

import json
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from nova_common.embeddings import (
    CONCURRENCY_MAX,
    EmbeddingBusyError,
    EmbeddingError,
    EmbeddingModel,
    EmbeddingTimeoutError,
    InvalidEmbeddingError,
)

from tests.services.support.client_model import failure
from tests.services.support.embeddings import MODEL, FakeBedrock, direction

ENDPOINT = "https://bedrock-runtime.us-east-1.amazonaws.com"


def model(bedrock: FakeBedrock, dimension: int = 384) -> EmbeddingModel:
    client: Any = bedrock
    return EmbeddingModel(client, MODEL, dimension)


def test_a_question_and_a_passage_are_embedded_for_their_purpose() -> None:
    bedrock = FakeBedrock()
    assert model(bedrock).embed_query("wo ist es?", "transcript") == direction("wo ist es?")
    assert model(bedrock).embed_passages(["hier"]) == [direction("hier")]
    question, passage = bedrock.requests
    assert question["modelId"] == MODEL
    assert json.loads(question["body"]) == {
        "schemaVersion": "nova-multimodal-embed-v1",
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": "TEXT_RETRIEVAL",
            "embeddingDimension": 384,
            "text": {"truncationMode": "END", "value": "wo ist es?"},
        },
    }
    assert json.loads(passage["body"])["singleEmbeddingParams"]["embeddingPurpose"] == "GENERIC_INDEX"


def test_many_passages_keep_their_order_and_the_bound() -> None:
    bedrock = FakeBedrock(seconds=0.01)
    texts = [f"passage number {number}" for number in range(60)]
    assert model(bedrock).embed_passages(texts) == [direction(text) for text in texts]
    assert 1 < bedrock.at_once_max <= CONCURRENCY_MAX
    assert model(bedrock).embed_passages([]) == []


def test_the_first_failure_ends_the_rest() -> None:
    bedrock = FakeBedrock(seconds=0.005)
    bedrock.refusal, bedrock.refused_after = failure("ThrottlingException"), 5
    with pytest.raises(EmbeddingBusyError, match=f"{MODEL} is busy: ThrottlingException"):
        model(bedrock).embed_passages([str(number) for number in range(200)])
    assert len(bedrock.texts) == 5
    assert bedrock.calls <= 5 + CONCURRENCY_MAX


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (failure("ThrottlingException"), EmbeddingBusyError),
        (failure("ServiceUnavailableException"), EmbeddingBusyError),
        (failure("ModelNotReadyException"), EmbeddingBusyError),
        (EndpointConnectionError(endpoint_url=ENDPOINT), EmbeddingBusyError),
        (ConnectTimeoutError(endpoint_url=ENDPOINT), EmbeddingBusyError),
        (ResponseStreamingError(error="broken"), EmbeddingBusyError),
        (ReadTimeoutError(endpoint_url=ENDPOINT), EmbeddingTimeoutError),
        (failure("ModelTimeoutException"), EmbeddingTimeoutError),
        (failure("ModelErrorException"), EmbeddingError),
        (failure("InternalServerException"), EmbeddingError),
        (failure("AccessDeniedException"), ClientError),
        (failure("ValidationException"), ClientError),
    ],
)
def test_failures_are_told_apart(refusal: Exception, error: type[Exception]) -> None:
    bedrock = FakeBedrock()
    bedrock.refusal = refusal
    with pytest.raises(error) as caught:
        model(bedrock).embed_query("hello")
    assert type(caught.value) is error
    with pytest.raises(error) as caught:
        model(bedrock).embed_passages(["hello"])
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{}",
        b'{"embeddings": []}',
        b'{"embeddings": [{"embedding": [1, 2]}]}',
        b'{"embeddings": [{"embedding": "AAAA"}]}',
        json.dumps({"embeddings": [{"embedding": [0.0] * 384}]}).encode(),
        json.dumps({"embeddings": [{"embedding": [float("nan")] * 384}]}).encode(),
        json.dumps({"embeddings": [{"embedding": [1.0] * 384}] * 2}).encode(),
    ],
)
def test_an_answer_that_is_no_vector_is_refused(answer: bytes) -> None:
    bedrock = FakeBedrock()
    bedrock.answer = answer
    with pytest.raises(InvalidEmbeddingError):
        model(bedrock).embed_query("hello")


def test_another_dimension_is_named() -> None:
    with pytest.raises(InvalidEmbeddingError, match="gave 256 numbers, the index takes 384"):
        model(FakeBedrock(dimension=256)).embed_query("hello")
