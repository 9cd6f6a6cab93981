"""Which models are invoked, and where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from components.agent.availability import check_model
from components.agent.guardrail_plan import GuardrailPlan, PersonalData, Strength, guardrail_profile
from components.agent.model_ids import parse_model_id
from components.agent.residency import Place, Residency, departures, model_place
from settings.errors import SettingsError
from settings.values import Values

KEYS = (
    "agentModel",
    "agentBehaviour",
    "quotaUsdPerUserAndMonth",
    "sentimentModel",
    "videoModel",
    "sonicModel",
    "sonicRegion",
    "embeddingModel",
    "embeddingDimension",
    "embeddingRegion",
    "modelProfiles",
    "guardrail",
    "guardrailStrength",
    "guardrailPersonalData",
    "residency",
)

_BEHAVIOUR = re.compile(r"[0-9a-z][0-9a-z.-]{0,31}")

QUOTA_USD_MAX = 1_000_000
"""Beyond it a quota is a slip of the pen; the coordinator refuses it, too."""

# Dimensions that Nova Multimodal Embeddings makes (Amazon Nova user guide, request schema).
_EMBEDDING_DIMENSIONS = (256, 384, 1024, 3072)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Which models are invoked, and where."""

    agent: str
    """Id of the language model or inference profile, called in the stack's region."""
    agent_behaviour: str
    """Version of its prompt, parameters, tools and budget."""
    quota_usd_per_user_and_month: int
    """What conversations of one user may cost in a month; 0 for no limit."""
    sentiment: str
    """Id of the language model or inference profile that judges transcripts, called in the stack's region."""
    video: str
    """Id of the model or inference profile that looks at videos, called in the stack's region."""
    sonic: str
    """Id of the speech-to-speech model that people talk with."""
    sonic_region: str
    """Where it is called; it is offered in few."""
    embedding: str
    embedding_dimension: int
    """Numbers in each embedding."""
    embedding_region: str
    profiles: bool
    """Whether each workload calls its model by a profile of its own, which carries its cost."""
    guardrail: GuardrailPlan | None
    """Nothing where the stack has none."""
    residency: Residency
    warnings: tuple[str, ...]
    """What cannot be checked here and may fail in AWS."""


def read_models(values: Values, region: str) -> ModelSettings:
    """Read the models of a stack in ``region``.

    Raises ``SettingsError`` for an id that is none, not of the family wanted, or known not to be offered
    where it is called.
    """
    agent, embedding = values.text("agentModel"), values.text("embeddingModel")
    sentiment = values.text("sentimentModel")
    values.check("agentModel", agent, lambda: parse_model_id(agent))
    values.check("sentimentModel", sentiment, lambda: parse_model_id(sentiment))
    video = values.text("videoModel")
    values.check("videoModel", video, lambda: _check_video_model(video))
    sonic, sonic_region = values.text("sonicModel"), values.region("sonicRegion")
    values.check("sonicModel", sonic, lambda: _check_sonic_model(sonic))
    values.check("embeddingModel", embedding, lambda: _check_embedding_model(embedding))
    dimension = values.integer("embeddingDimension", 1, max(_EMBEDDING_DIMENSIONS))
    if dimension not in _EMBEDDING_DIMENSIONS:
        allowed = ", ".join(map(str, _EMBEDDING_DIMENSIONS))
        raise SettingsError(
            values.key("embeddingDimension"), dimension, f"the model makes one of {allowed} numbers"
        )
    embedding_region = values.region("embeddingRegion")
    unknown = (
        _check_offer(values, "agentModel", agent, region),
        _check_offer(values, "sentimentModel", sentiment, region),
        _check_offer(values, "videoModel", video, region),
        _check_offer(values, "sonicModel", sonic, sonic_region),
        _check_offer(values, "embeddingModel", embedding, embedding_region),
    )
    residency = values.choice("residency", Residency)
    return ModelSettings(
        agent=agent,
        agent_behaviour=values.matching(
            "agentBehaviour",
            _BEHAVIOUR,
            "it is the name of a file in services/agent_core/src/nova_agent_core/behaviours",
        ),
        quota_usd_per_user_and_month=values.integer("quotaUsdPerUserAndMonth", 0, QUOTA_USD_MAX),
        sentiment=sentiment,
        video=video,
        sonic=sonic,
        sonic_region=sonic_region,
        embedding=embedding,
        embedding_dimension=dimension,
        embedding_region=embedding_region,
        profiles=values.boolean("modelProfiles"),
        guardrail=_guardrail(values, region, residency),
        residency=residency,
        warnings=tuple(warning for warning in unknown if warning),
    )


def _guardrail(values: Values, region: str, residency: Residency) -> GuardrailPlan | None:
    plan = GuardrailPlan(
        strength=values.choice("guardrailStrength", Strength),
        personal_data=values.choice("guardrailPersonalData", PersonalData),
        profile=guardrail_profile(region, residency),
    )
    return plan if values.boolean("guardrail") else None


def check_residency(values: Values, models: ModelSettings, regions: Mapping[str, str]) -> None:
    """Raise ``SettingsError`` that names everything which would leave the residency.

    ``regions`` are the other regions that the stack uses, by their keys.
    """
    region = regions["region"]
    places = [
        *(Place(label=f"{key} {used}", regions=(used,)) for key, used in regions.items()),
        model_place("agentModel", models.agent, region),
        model_place("sentimentModel", models.sentiment, region),
        model_place("videoModel", models.video, region),
        Place(label=f"sonicRegion {models.sonic_region}", regions=(models.sonic_region,)),
        Place(label=f"embeddingRegion {models.embedding_region}", regions=(models.embedding_region,)),
    ]
    leaving = departures(models.residency, places)
    if leaving:
        raise SettingsError(
            values.key("residency"),
            models.residency.value,
            f"these would leave it: {'; '.join(leaving)}; it has {', '.join(models.residency.regions)}",
        )


def _check_offer(values: Values, key: str, model_id: str, region: str) -> str:
    try:
        unknown = check_model(model_id, region)
    except ValueError as error:
        raise SettingsError(values.key(key), model_id, str(error)) from error
    return f"{values.key(key)}: {unknown}" if unknown else ""


def _check_video_model(model_id: str) -> None:
    # Those of the family that take video in Converse; others refuse every request.
    family = r"amazon\.nova-(2-)?(lite|omni|premier|pro)-v.*"
    if re.fullmatch(family, parse_model_id(model_id).foundation_model) is None:
        raise ValueError(
            "it is a model of the Nova family that understands video, such as global.amazon.nova-2-lite-v1:0"
        )


def _check_sonic_model(model_id: str) -> None:
    # Live voice speaks the events of this family, which is called in its region alone, by its own id.
    parsed = parse_model_id(model_id)
    family = r"amazon\.nova-(.*-)?sonic.*"
    if parsed.scope != "region" or re.fullmatch(family, parsed.foundation_model) is None:
        raise ValueError(
            "it is a speech-to-speech model of the Nova family, without the prefix of an inference profile, "
            "such as amazon.nova-2-sonic-v1:0"
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
