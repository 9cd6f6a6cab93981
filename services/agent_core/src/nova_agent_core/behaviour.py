"""How the coordinator behaves: one versioned file of prompt, model parameters, tools and budget.

The files lie in `behaviours/`, each named by its version. Which of them serves is a setting, so that going
back is one, too; every turn is recorded with the version that answered it.
"""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Self

from nova_agent_tools.catalog import TOOLS
from nova_common.settings import SettingsError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

VERSION_PATTERN = r"^[0-9a-z][0-9a-z.-]{0,31}$"

MEMORY_TOOLS = ("remember", "forget")
"""Tools that change long-term memory (`notebook`)."""

_FOLDER = files("nova_agent_core").joinpath("behaviours")
_SUFFIX = ".toml"


class _Part(BaseModel):
    """A table of the file; whatever is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelParameters(_Part):
    """What each call of the model is made with."""

    tokens_max: int = Field(ge=1, le=64_000)
    """Of one answer."""

    temperature: float | None = Field(default=None, ge=0, le=1)
    """The model's own where it is left out; some models take none."""


class TurnBudget(_Part):
    """What one message may use."""

    rounds_max: int = Field(ge=1, le=50)
    tool_calls_max: int = Field(ge=0, le=200)
    tools_at_once_max: int = Field(ge=1, le=16)
    input_tokens_max: int = Field(ge=1_000, le=2_000_000)
    """Summed over all calls of the model."""

    output_tokens_max: int = Field(ge=100, le=200_000)


class MemoryUse(_Part):
    """How much of long-term memory a message is answered with."""

    recall_max: int = Field(ge=1, le=20)
    """Notes, those nearest in meaning to the message."""

    score_least: float = Field(ge=0, le=1)
    """Similarity (cosine) below which a note is not told."""


class Prompt(_Part):
    """What the model is told before every conversation."""

    text: str = Field(min_length=1, max_length=20_000, pattern=r"\S")


class Behaviour(_Part):
    """One version of the coordinator's behaviour."""

    version: str = Field(pattern=VERSION_PATTERN)
    tools: list[Annotated[str, Field(min_length=1)]]
    model: ModelParameters
    budget: TurnBudget
    memory: MemoryUse | None = None
    """Nothing where long-term memory is not used."""
    prompt: Prompt

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        known = (*TOOLS, *MEMORY_TOOLS)
        unknown = sorted(set(self.tools) - set(known))
        if unknown:
            message = f"tools: {', '.join(unknown)} are none; there are {', '.join(known)}"
            raise ValueError(message)
        if self.memory is None and not set(MEMORY_TOOLS).isdisjoint(self.tools):
            message = f"tools: {', '.join(MEMORY_TOOLS)} change long-term memory, which has no table `memory`"
            raise ValueError(message)
        if len(set(self.tools)) < len(self.tools):
            message = "tools: one is named twice"
            raise ValueError(message)
        if self.model.tokens_max > self.budget.output_tokens_max:
            message = "budget.output_tokens_max: it is less than model.tokens_max, so that no call fits"
            raise ValueError(message)
        return self


def versions() -> list[str]:
    """Return the versions that there are, in the order of their names."""
    return sorted(
        file.name.removesuffix(_SUFFIX) for file in _FOLDER.iterdir() if file.name.endswith(_SUFFIX)
    )


def load_behaviour(version: str, folder: Traversable = _FOLDER) -> Behaviour:
    """Return a version; SettingsError when there is none, or its file is not in order."""
    file = folder.joinpath(f"{version}{_SUFFIX}")
    if not file.is_file():
        message = f"BEHAVIOUR is {version!r}, there are {', '.join(versions())}"
        raise SettingsError(message)
    try:
        behaviour = Behaviour.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        message = f"behaviour {version} is not in order: {error}"
        raise SettingsError(message) from error
    if behaviour.version != version:
        message = f"behaviour {version} calls itself {behaviour.version}; the file is named by its version"
        raise SettingsError(message)
    return behaviour
