"""Which models are invoked, and where."""

import re
from dataclasses import dataclass

from components.agent.model_ids import parse_model_id
from settings.errors import SettingsError
from settings.values import Values

KEYS = ("agentModel", "embeddingModel", "embeddingDimension", "embeddingRegion")

# Dimensions that Nova Multimodal Embeddings makes (Amazon Nova user guide, request schema).
_EMBEDDING_DIMENSIONS = (256, 384, 1024, 3072)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which models are invoked, and where."""

    agent: str
    """Id of the language model or inference profile, called in the stack's region."""
    embedding: str
    embedding_dimension: int
    """Numbers in each embedding."""
    embedding_region: str


def read_models(values: Values) -> ModelSettings:
    """Read the models; raises ``SettingsError`` for an id that is none, or not of the family wanted."""
    agent, embedding = values.text("agentModel"), values.text("embeddingModel")
    values.check("agentModel", agent, lambda: parse_model_id(agent))
    values.check("embeddingModel", embedding, lambda: _check_embedding_model(embedding))
    dimension = values.integer("embeddingDimension", 1, max(_EMBEDDING_DIMENSIONS))
    if dimension not in _EMBEDDING_DIMENSIONS:
        allowed = ", ".join(map(str, _EMBEDDING_DIMENSIONS))
        raise SettingsError(
            values.key("embeddingDimension"), dimension, f"the model makes one of {allowed} numbers"
        )
    return ModelSettings(
        agent=agent,
        embedding=embedding,
        embedding_dimension=dimension,
        embedding_region=values.region("embeddingRegion"),
    )


def _check_embedding_model(model_id: str) -> None:
    # Search speaks the request format of this family, which has no inference profiles.
    parsed = parse_model_id(model_id)
    family = r"amazon\.nova-.*embeddings.*"
    if parsed.scope != "region" or re.fullmatch(family, parsed.foundation_model) is None:
        raise ValueError(
            "it is an embeddings model of the Nova family, without the prefix of an inference profile, such "
            "as amazon.nova-2-multimodal-embeddings-v1:0"
        )
