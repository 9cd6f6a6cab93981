"""The embedding model on Amazon Bedrock: text or an image in, a vector of the index's dimension out."""

from __future__ import annotations

import base64
import contextvars
import json
import math
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

from botocore.exceptions import ClientError, ReadTimeoutError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nova_common.aws import UNREACHABLE, error_code
from nova_common.contracts.search import HitKind, ImageFormat
from nova_common.settings import Environment

if TYPE_CHECKING:
    from types_boto3_bedrock_runtime import BedrockRuntimeClient

CONCURRENCY_MAX = 8
"""Requests of one `embed_passages` at a time: a request takes about 0.2 s, so about 40 passages a second."""

SCHEMA_VERSION = "nova-multimodal-embed-v1"

EMBEDDING_DIMENSIONS = (256, 384, 1024, 3072)
"""Dimensions that Amazon Nova Multimodal Embeddings offers (its request schema)."""

type Purpose = Literal["GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "IMAGE_RETRIEVAL"]
"""What a vector is for: to be found, or to find everything, text, or images.

The model makes different ones of the same content.
"""

type Content = str | Image
"""What is embedded."""

_PURPOSES: dict[HitKind | None, Purpose] = {
    None: "GENERIC_RETRIEVAL",
    "image": "IMAGE_RETRIEVAL",
    "frame": "IMAGE_RETRIEVAL",
}
"""By what is wanted; all other kinds of hits are texts."""

_BUSY = frozenset(
    {
        "ModelNotReadyException",
        "ServiceQuotaExceededException",
        "ServiceUnavailableException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_TIMED_OUT = frozenset({"ModelTimeoutException"})
_FAILED = frozenset({"InternalServerException", "ModelErrorException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image to embed."""

    content: bytes
    format: ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSettings:
    """Which model turns text into vectors, where it is, and how many numbers a vector has."""

    model: str
    region: str
    dimension: int

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """EMBEDDING_MODEL, EMBEDDING_REGION and EMBEDDING_DIMENSION."""
        return cls(
            model=environment.text("EMBEDDING_MODEL"),
            region=environment.text("EMBEDDING_REGION"),
            dimension=environment.integer("EMBEDDING_DIMENSION", EMBEDDING_DIMENSIONS),
        )


class EmbeddingError(Exception):
    """The model gave no vector; what fits can be tried again."""


class EmbeddingBusyError(EmbeddingError):
    """The model is throttled or not available at the moment."""


class EmbeddingTimeoutError(EmbeddingError):
    """The model did not answer in time."""


class InvalidEmbeddingError(EmbeddingError):
    """The model's answer is not a vector that the index takes."""


class _Embedding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    embedding: list[float]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    embeddings: list[_Embedding] = Field(min_length=1, max_length=1)


class EmbeddingModel:
    """One embedding model at one dimension. Vectors of different models or dimensions cannot be compared."""

    def __init__(self, client: BedrockRuntimeClient, model: str, dimension: int) -> None:
        self._client = client
        self._model = model
        self._dimension = dimension

    def embed_query(self, content: Content, wanted: HitKind | None = None) -> list[float]:
        """Return the vector to search with, for one kind of hits or for all; EmbeddingError."""
        return self._embed(content, _PURPOSES.get(wanted, "TEXT_RETRIEVAL"))

    def embed_passages(self, contents: Sequence[Content]) -> list[list[float]]:
        """Return the vectors to index contents under, in their order; the first EmbeddingError that happens.

        Up to `CONCURRENCY_MAX` requests run at a time, in daemon threads: unlike a pool's they do not hold up
        the exit of a worker that was told to stop.
        """
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for place in range(len(contents)):
            waiting.put(place)
        vectors: dict[int, list[float]] = {}
        failures: list[Exception] = []

        def work() -> None:
            while not failures:
                try:
                    place = waiting.get_nowait()
                    vectors[place] = self._embed(contents[place], "GENERIC_INDEX")
                except queue.Empty:
                    return
                except Exception as error:  # noqa: BLE001 - handed over to the caller's thread
                    failures.append(error)

        # Each thread has a context of its own, with what the calling one knows: the trace among it.
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
            for _ in range(min(CONCURRENCY_MAX, len(contents)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return [vectors[place] for place in range(len(contents))]

    def _embed(self, content: Content, purpose: Purpose) -> list[float]:
        try:
            answer = self._client.invoke_model(
                modelId=self._model,
                contentType="application/json",
                accept="application/json",
                body=json.dumps(_request(content, purpose, self._dimension)).encode(),
            )
            with answer["body"] as body:
                said = body.read()
        except ReadTimeoutError as error:
            message = f"{self._model} did not answer in time"
            raise EmbeddingTimeoutError(message) from error
        except UNREACHABLE as error:
            message = f"{self._model} cannot be reached"
            raise EmbeddingBusyError(message) from error
        except ClientError as error:
            raise _translated(error, self._model) from error
        return self._vector(said)

    def _vector(self, content: bytes) -> list[float]:
        try:
            vector = _Answer.model_validate_json(content).embeddings[0].embedding
        except ValidationError as error:
            message = f"the answer of {self._model} could not be read"
            raise InvalidEmbeddingError(message) from error
        if len(vector) != self._dimension:
            message = f"{self._model} gave {len(vector)} numbers, the index takes {self._dimension}"
            raise InvalidEmbeddingError(message)
        # Cosine distance is not defined for a vector without a direction.
        if not all(map(math.isfinite, vector)) or not any(vector):
            message = f"{self._model} gave a vector without a direction"
            raise InvalidEmbeddingError(message)
        return vector


def _request(content: Content, purpose: Purpose, dimension: int) -> dict[str, Any]:
    """Return the model's request for one content (request schema of Amazon Nova Multimodal Embeddings).

    A text of more tokens than the model reads (8,000) counts by its beginning.
    """
    modality: dict[str, Any] = (
        {"text": {"truncationMode": "END", "value": content}}
        if isinstance(content, str)
        else {
            "image": {
                "detailLevel": "STANDARD_IMAGE",
                "format": content.format,
                "source": {"bytes": base64.b64encode(content.content).decode()},
            }
        }
    )
    return {
        "schemaVersion": SCHEMA_VERSION,
        "taskType": "SINGLE_EMBEDDING",
        "singleEmbeddingParams": {
            "embeddingPurpose": purpose,
            "embeddingDimension": dimension,
            **modality,
        },
    }


def _translated(error: ClientError, model: str) -> Exception:
    """Return what kind of failure of the model it is; the error itself when the request is at fault."""
    code = error_code(error)
    if code in _BUSY:
        return EmbeddingBusyError(f"{model} is busy: {code}")
    if code in _TIMED_OUT:
        return EmbeddingTimeoutError(f"{model} did not answer in time")
    if code in _FAILED:
        return EmbeddingError(f"{model} failed: {code}")
    return error
