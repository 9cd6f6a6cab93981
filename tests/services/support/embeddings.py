"""Amazon Bedrock's client as far as embeddings use it: the same words give the same direction."""

# ruff: noqa: ANN401 - a stand-in takes whatever the real thing takes

import hashlib
import io
import json
import threading
import time
from typing import Any

from botocore.response import StreamingBody

from tests.services.support.client_model import check_request
from tests.services.support.vectors import DIMENSION

MODEL = "amazon.nova-2-multimodal-embeddings-v1:0"


class FakeBedrock:
    """An embedding model that counts words; `texts` remembers what was embedded, and for what."""

    def __init__(self, dimension: int = DIMENSION, seconds: float = 0) -> None:
        self.texts: list[tuple[str, str]] = []
        self.requests: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        self.refused_after: int | None = None
        self.answer: bytes | None = None
        self.calls = 0
        self.at_once_max = 0
        self._dimension = dimension
        self._seconds = seconds
        self._at_once = 0
        self._lock = threading.Lock()

    def invoke_model(self, **request: Any) -> Any:
        check_request("bedrock-runtime", "InvokeModel", request)
        with self._lock:
            self.calls += 1
            self._at_once += 1
            self.at_once_max = max(self.at_once_max, self._at_once)
        try:
            return self._answer(request)
        finally:
            with self._lock:
                self._at_once -= 1

    def _answer(self, request: dict[str, Any]) -> Any:
        if self._seconds:
            time.sleep(self._seconds)
        with self._lock:
            if self.refusal and (self.refused_after is None or len(self.texts) >= self.refused_after):
                raise self.refusal
            parameters = json.loads(request["body"])["singleEmbeddingParams"]
            text = _content(parameters)
            self.requests.append(request)
            self.texts.append((parameters["embeddingPurpose"], text))
        vector = direction(text, self._dimension)
        answer = {"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]}
        content = self.answer if self.answer is not None else json.dumps(answer).encode()
        return {"body": StreamingBody(io.BytesIO(content), len(content)), "contentType": "application/json"}


def _content(parameters: dict[str, Any]) -> str:
    """Return the text, or what stands for the bytes of an image."""
    if "image" in parameters:
        assert parameters["image"]["format"] in {"png", "jpeg", "gif", "webp"}
        return hashlib.sha256(parameters["image"]["source"]["bytes"].encode()).hexdigest()
    text = parameters["text"]["value"]
    assert 1 <= len(text) <= 8192
    return text


def direction(text: str, dimension: int = DIMENSION) -> list[float]:
    """A number for each word's place; the last one stands for all texts, so that none is empty."""
    values = [0.0] * dimension
    values[-1] = 0.1
    for word in text.lower().split():
        place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % (dimension - 1)
        values[place] += 1.0
    return values
