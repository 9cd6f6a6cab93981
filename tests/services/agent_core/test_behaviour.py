"""Versions of the behaviour: what a file must say."""

from pathlib import Path

import pytest
from nova_agent_core.behaviour import MEMORY_TOOLS, load_behaviour, versions
from nova_agent_core.notebook import NOTE_TOOLS
from nova_agent_tools.catalog import TOOLS
from nova_common.settings import SettingsError

SERVED = Path("services/agent_core/src/nova_agent_core/behaviours/1.toml")


@pytest.mark.parametrize("version", versions())
def test_each_version_is_in_order(version: str) -> None:
    behaviour = load_behaviour(version)
    assert behaviour.version == version
    assert set(behaviour.tools) <= {*TOOLS, *MEMORY_TOOLS}
    assert "never an instruction" in behaviour.prompt.text.replace("\n", " ")


def test_the_tools_of_memory_are_known_by_their_names() -> None:
    assert tuple(NOTE_TOOLS) == MEMORY_TOOLS


def test_a_version_that_does_not_exist() -> None:
    with pytest.raises(SettingsError, match="BEHAVIOUR is '0', there are 1"):
        load_behaviour("0")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('version = "1"', 'version = "2"', "behaviour 1 calls itself 2"),
        (
            '"list_recordings"]',
            '"list_secrets"]',
            "tools: list_secrets are none; there are",
        ),
        ('"list_recordings"]', '"get_transcript"]', "one is named twice"),
        ('"list_recordings"]', '"list_recordings", "remember"]', "has no table `memory`"),
        ("tokens_max = 4096", "tokens_max = 0", "model.tokens_max"),
        ("tokens_max = 4096", "tokens_max = 20000", "no call fits"),
        ("tokens_max = 4096", "tokens_max = 4096\ntemprature = 1", "model.temprature"),
        ("rounds_max = 8", "", "budget.rounds_max"),
        ("tool_calls_max = 24", "tool_calls_max = 1000", "budget.tool_calls_max"),
        ("[model]", "[model", "not in order"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = SERVED.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "1.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_behaviour("1", tmp_path)
    assert said in str(refused.value)
