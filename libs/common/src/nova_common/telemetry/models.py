"""What the span of a model's call says: which model, what it was asked for, and how many tokens it took.

Names follow OpenTelemetry's conventions for generative AI. Prompts, answers and arguments of tools are no
part of it.
"""

from collections.abc import Mapping
from typing import Any

from nova_common.telemetry.spans import Attributes

SPEECH = "InvokeModelWithBidirectionalStream"
"""The operation in which a model hears and speaks; its client is none of botocore's."""

_OPERATIONS = {
    ("bedrock-runtime", "Converse"): "chat",
    ("bedrock-runtime", "ConverseStream"): "chat",
    ("bedrock-runtime", "InvokeModel"): "embeddings",
    ("bedrock-runtime", SPEECH): "speech",
    ("transcribe", "StartTranscriptionJob"): "transcribe",
}
"""By service and operation of its API what a model does there; InvokeModel is called for embeddings alone."""

_TRANSCRIBE = "amazon-transcribe"
"""Transcribe's model has no name of its own."""

_INPUT_TOKENS = "x-amzn-bedrock-input-token-count"


def asked(service: str, operation: str, parameters: Mapping[str, Any]) -> tuple[str, Attributes] | None:
    """Return name and attributes of the span of a model's call; nothing for any other call."""
    done = _OPERATIONS.get((service, operation))
    if done is None:
        return None
    model = str(parameters.get("modelId") or _TRANSCRIBE)
    # A profile is called by its ARN, whose last part is what it is called.
    name = model.rpartition("/")[2]
    return f"{done} {name}", {
        "gen_ai.provider.name": "aws.bedrock" if service == "bedrock-runtime" else "aws.transcribe",
        "gen_ai.operation.name": done,
        "gen_ai.request.model": model,
    }


def answered(answer: Mapping[str, Any]) -> Attributes:
    """Return what an answer, or the last events of one that is streamed, tells about itself."""
    usage: Mapping[str, Any] = answer.get("usage") or {}
    metadata: Mapping[str, Any] = answer.get("ResponseMetadata") or {}
    headers: Mapping[str, Any] = metadata.get("HTTPHeaders") or {}
    told: dict[str, Any] = {
        "gen_ai.usage.input_tokens": usage.get("inputTokens", headers.get(_INPUT_TOKENS)),
        "gen_ai.usage.output_tokens": usage.get("outputTokens"),
        "gen_ai.usage.cache_read.input_tokens": usage.get("cacheReadInputTokens"),
    }
    found: dict[str, str | int] = {name: int(value) for name, value in told.items() if value is not None}
    if isinstance(answer.get("stopReason"), str):
        found["gen_ai.response.finish_reason"] = answer["stopReason"]
    return found
