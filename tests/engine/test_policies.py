"""The policy pack under the real engine: it judges a preview, and refuses what it has to."""

from pathlib import Path

import pytest
from pulumi.automation import CommandError

from tests.engine.running import Running, running, without_type_checks

PACK = "policy"
RECOVERY = "enabled=True, recovery_period_in_days"


def judged(stack: Running, *command: str) -> str:
    """Preview or update with the pack, as a person does; returns what is printed."""
    return stack.pulumi(*command, "--policy-pack", PACK, "--stack", stack.stack.name)


def without_recovery(program: Path) -> None:
    """Switch off point-in-time recovery of a table."""
    without_type_checks(program)
    source = program / "components" / "data" / "data_keys.py"
    text = source.read_text(encoding="utf-8")
    assert RECOVERY in text
    source.write_text(text.replace(RECOVERY, "enabled=False, recovery_period_in_days"), encoding="utf-8")


def test_the_pack_refuses_nothing_of_a_stack(stack_name: str, tmp_path: Path) -> None:
    """A preview does not know what the cloud computes; the update does."""
    with running(tmp_path, stack_name) as stack:
        for said in (judged(stack, "preview"), judged(stack, "up", "--yes", "--skip-preview")):
            assert "nova-policy" in said
            assert "[mandatory]" not in said
            assert "[advisory]" not in said
            assert "can't run policy" not in said


def test_the_pack_stops_a_preview_that_breaks_a_rule(tmp_path: Path) -> None:
    with (
        running(tmp_path, "dev", prepare=without_recovery) as stack,
        pytest.raises(CommandError, match="dynamodb-table-recovery") as refused,
    ):
        judged(stack, "preview")
    assert "nova-data-keys-table" in str(refused.value)
    assert "point-in-time recovery is off" in str(refused.value)
