"""InvokeModel's body for Amazon Nova Multimodal Embeddings, answered by an offline model that reads text."""

from local_cloud.documents import Document, part
from local_cloud.gateway.bedrock.embedder import DIMENSION
from local_cloud.gateway.bedrock.pictures import described
from local_cloud.gateway.protocol import AwsError

MODEL = "amazon.nova-2-multimodal-embeddings-v1:0"
SCHEMA_VERSION = "nova-multimodal-embed-v1"
PURPOSES = frozenset(
    (
        "GENERIC_INDEX", "GENERIC_RETRIEVAL", "TEXT_RETRIEVAL", "IMAGE_RETRIEVAL", "VIDEO_RETRIEVAL",
        "DOCUMENT_RETRIEVAL", "AUDIO_RETRIEVAL", "CLASSIFICATION", "CLUSTERING",
    )
)  # fmt: skip
MODALITIES = ("text", "image", "audio", "video")
TRUNCATIONS = ("START", "END", "NONE")
DEFAULT_DIMENSION = 3072
CHARACTERS_MAX = 8192
"""Longest text that may stand in a request (Nova Multimodal Embeddings, request schema)."""


def content_of(request: Document) -> tuple[str, str]:
    """Return the kind of content to embed, and a text that stands for it.

    Raises:
        AwsError: ValidationException for what the model refuses, and for what only AWS has.

    """
    if request.get("schemaVersion", SCHEMA_VERSION) != SCHEMA_VERSION:
        raise _invalid(f"schemaVersion must be {SCHEMA_VERSION}")
    if request.get("taskType") != "SINGLE_EMBEDDING":
        raise _invalid("taskType must be SINGLE_EMBEDDING: the offline model embeds one content at a time")
    asked = part(request, "singleEmbeddingParams")
    if asked.get("embeddingPurpose") not in PURPOSES:
        raise _invalid(f"embeddingPurpose must be one of {', '.join(sorted(PURPOSES))}")
    if asked.get("embeddingDimension", DEFAULT_DIMENSION) != DIMENSION:
        raise _invalid(
            f"embeddingDimension must be {DIMENSION}: the local cloud answers with all-MiniLM-L6-v2, which "
            f"has no other; the default of this model is {DEFAULT_DIMENSION}"
        )
    given = [modality for modality in MODALITIES if asked.get(modality)]
    if len(given) > 1:
        raise _invalid(f"a request has one of {', '.join(MODALITIES)}, not {' and '.join(given)}")
    match given:
        case ["image"]:
            return "IMAGE", described(part(asked, "image"))
        case ["audio" | "video"]:
            raise _invalid(f"the offline model embeds text and images, no {given[0]}")
        case _:
            return "TEXT", _text(part(asked, "text"))


def _text(text: Document) -> str:
    value = text.get("value")
    if text.get("truncationMode") not in TRUNCATIONS:
        raise _invalid(f"text.truncationMode must be one of {', '.join(TRUNCATIONS)}")
    if not isinstance(value, str) or not value or len(value) > CHARACTERS_MAX:
        raise _invalid(f"text.value must be a text of 1 to {CHARACTERS_MAX} characters")
    return value


def answer(kind: str, vector: list[float]) -> Document:
    """Return the body of the answer."""
    return {"embeddings": [{"embeddingType": kind, "embedding": vector}]}


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", f"Invalid request body: {message}")
