"""The real engine runs the account stack: preview, up, an empty second preview, changed settings, destroy."""

from pathlib import Path

import pytest
from pulumi.automation import CommandError

from tests.engine.running import Running, check_that_it_goes_away, running, without_type_checks

STACK = "123456789012-us-east-1"
STACK_FILE = """\
config:
  pulumi:disable-default-providers: ["*"]
  nova-account:repository: example/platform
"""


def prepare(program: Path) -> None:
    without_type_checks(program)
    (program / f"Pulumi.{STACK}.yaml").write_text(STACK_FILE, encoding="utf-8")


def test_the_account_stack_lives_its_whole_life(tmp_path: Path) -> None:
    with running(tmp_path, STACK, "bootstrap", prepare) as stack:
        planned = stack.preview()
        assert set(planned.changes) == {"create"}
        assert stack.update().changes == planned.changes
        assert stack.preview().changes == {}
        assert not any("::default" in found.get("provider", "") for found in stack.resources())
        check_changes(stack)
        check_that_it_goes_away(stack)


def check_changes(stack: Running) -> None:
    """A changed setting changes what it is about; no slip loses the state."""
    with stack.setting("logModelTexts", "true"):
        changes = stack.preview().changes
    kind = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"
    assert list(changes) == ["update"]
    assert [urn.split("$")[-1] for urn in changes["update"]] == [f"{kind}::region-model-logging"]
    with stack.setting("deployRef", "refs/heads/release"):
        changes = stack.preview().changes
    roles = {urn.rpartition("::")[2] for urn in changes.pop("update")}
    assert roles == {"pipelines-deploy-dev-role", "pipelines-deploy-prod-role"}
    assert changes == {}
    with (
        stack.setting("home", "false"),
        pytest.raises(CommandError, match=r"state unprotect 'urn:.*StateStore\$"),
    ):
        stack.preview()
