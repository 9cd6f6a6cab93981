"""Settings of rules: what can be set, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from nova_policy.registry import all_rules
from nova_policy.rule import Level
from nova_policy.settings import PolicySettingsError, Settings, checked, read_settings

RULES = {rule.name: rule for rule in all_rules()}
SNAPSHOTS = RULES["elasticache-replicationgroup-snapshots"]
RECOVERY = RULES["dynamodb-table-recovery"]


def test_nothing_set_is_what_the_rules_say() -> None:
    assert Settings().level(RECOVERY) is Level.MANDATORY
    assert Settings().of(SNAPSHOTS)["days"] == 7


def test_levels_and_options_are_taken() -> None:
    found = checked(
        {"all": "advisory", SNAPSHOTS.name: {"enforcementLevel": "mandatory", "days": 14}}, RULES.values()
    )
    assert (found.level(RECOVERY), found.level(SNAPSHOTS)) == (Level.ADVISORY, Level.MANDATORY)
    assert found.of(SNAPSHOTS) == {"days": 14, "stacks": ["prod*", "*-prod"]}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"dynamodb-table-gone": "advisory"}, "no rule 'dynamodb-table-gone'"),
        ({SNAPSHOTS.name: "strict"}, "'strict' is no level"),
        ({SNAPSHOTS.name: {"weeks": 1}}, "no option 'weeks'; its options are: days, stacks"),
        ({RECOVERY.name: {"days": 1}}, "its options are: none"),
        ({SNAPSHOTS.name: {"days": "7"}}, "option days: '7' is not of type 'integer'"),
        ({SNAPSHOTS.name: {"days": 36}}, "option days: 36 is greater than the maximum of 35"),
        ({"all": {"days": 7}}, "takes a level alone"),
    ],
)
def test_what_nobody_knows_is_refused(document: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicySettingsError, match=said):
        checked(document, RULES.values())


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_file_in_another_form_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(PolicySettingsError, match=r"settings\.json"):
        read_settings(file, RULES.values())


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"all": "disabled"}), encoding="utf-8")
    assert read_settings(file, RULES.values()).level(RECOVERY) is Level.DISABLED
