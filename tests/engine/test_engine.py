"""The real engine runs the real program: preview, up, an empty second preview, one changed setting, destroy.

Needs the `pulumi` command line on PATH; the providers are the stand-in of this folder: no account is touched.
"""

import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

from tests.engine.stand_in import attached_providers

ROOT = Path(__file__).parent.parent.parent

pytestmark = [
    pytest.mark.engine,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("pulumi") is None, reason="the pulumi command line is not on PATH"),
]


def _copy_of_the_program(directory: Path) -> Path:
    """The checkout's tracked files, because the engine writes a stack's encryption salt into its stack file.

    The environment is the one that runs this test, so that the engine installs nothing.
    """
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    (directory / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    return directory


@pytest.fixture(params=["local", "dev", "prod"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[auto.Stack]:
    """A stack of the program with a checkout, a backend, a passphrase and providers of its own."""
    name = str(request.param)
    backend = tmp_path / "backend"
    backend.mkdir()
    with attached_providers() as providers:
        workspace = auto.LocalWorkspace(
            work_dir=str(_copy_of_the_program(tmp_path / "program")),
            env_vars={
                "PULUMI_DEBUG_PROVIDERS": providers,
                "PULUMI_BACKEND_URL": backend.as_uri(),
                "PULUMI_CONFIG_PASSPHRASE": "only-for-this-test",
                "PULUMI_SKIP_UPDATE_CHECK": "true",
            },
        )
        workspace.create_stack(name)
        yield auto.Stack.select(name, workspace)


def _resources(stack: auto.Stack) -> list[dict[str, Any]]:
    """What the engine's state holds."""
    deployment = dict(stack.export_stack().deployment or {})
    return deployment.get("resources", [])


def test_a_stack_lives_its_whole_life(stack: auto.Stack) -> None:
    preview = stack.preview()
    created = stack.up()
    assert created.summary.resource_changes == dict(preview.change_summary)
    assert set(stack.preview().change_summary) == {"same"}

    stack.set_config("logRetentionDays", auto.ConfigValue("180"))
    changed = stack.up().summary.resource_changes
    assert changed is not None
    assert set(changed) == {"same", "update"}

    for resource in _resources(stack):
        if resource.get("protect"):
            stack.workspace.pulumi_command.run(
                ["state", "unprotect", resource["urn"], "--yes", "--stack", stack.name],
                stack.workspace.work_dir,
                dict(stack.workspace.env_vars),
            )
    stack.destroy()
    assert _resources(stack) == []
