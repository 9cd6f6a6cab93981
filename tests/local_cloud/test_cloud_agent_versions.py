"""`nova agent` on a runtime with versions: which are there, which answers, and what the stack's file says."""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
import yaml
from typer.testing import CliRunner

from cli import agents as versions
from cli import stack_file
from cli.app import app
from cli.commands import agent
from cli.errors import NovaError
from cli.target import Target
from tests.local_cloud.agents import Runtime, make_image
from tests.local_cloud.running import Running

STACK_FILE = """# The settings of this machine.
config:
  nova:region: us-east-1
  nova:production: false # not here
"""
SETTING = "nova:agentEndpointVersion"


@pytest.fixture(scope="module")
def image(cloud: Running, cloud_python: Path) -> str:
    return make_image(cloud.home, cloud_python)


@pytest.fixture
def runtime(cloud: Running, image: str) -> Generator[Runtime]:
    """Four versions with behaviours of their own, of which the endpoint answers with the newest."""
    made = Runtime.create(cloud, image)
    made.control.create_agent_runtime_endpoint(agentRuntimeId=made.id, name="live")
    for behaviour in "234":
        variables = made.settings["environmentVariables"] | {"BEHAVIOUR": behaviour}
        made.control.update_agent_runtime(
            agentRuntimeId=made.id, **made.settings | {"environmentVariables": variables}
        )
    made.control.update_agent_runtime_endpoint(
        agentRuntimeId=made.id, endpointName="live", agentRuntimeVersion="4"
    )
    yield made
    made.control.delete_agent_runtime(agentRuntimeId=made.id)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "Pulumi.local.yaml"
    path.write_text(STACK_FILE)
    monkeypatch.setattr(stack_file, "CHECKOUT", tmp_path)
    return path


@pytest.fixture
def nova(runtime: Runtime, file: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    del file
    session = boto3.session.Session(
        aws_access_key_id=runtime.cloud.administrator["access_key_id"],
        aws_secret_access_key=runtime.cloud.administrator["secret_access_key"],
    )
    target = Target(
        outputs={"agent_runtime_id": runtime.id},
        region="us-east-1",
        session=session,
        endpoint=runtime.cloud.url,
    )
    monkeypatch.setattr(agent, "find_target", Mock(return_value=target))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["agent", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    return run


def live(runtime: Runtime) -> str:
    found: Any = runtime.control.get_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="live")
    return found["liveVersion"]


def settings(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())["config"]


def test_versions_are_listed_with_what_answers(nova: Callable[..., str], image: str) -> None:
    headings, newest, *_, first = nova("versions").splitlines()
    assert headings.split() == ["version", "created", "status", "image", "behaviour", "answers", "at"]
    digest = image.rpartition(":")[2]
    assert newest.split()[0] == "4"
    assert newest.split()[-4:] == [digest[:12], "4", "DEFAULT,", "live"]
    assert first.split()[-1] == digest[:12], "neither a behaviour nor an endpoint"


def test_promotion_and_rollback_go_there_and_back(
    nova: Callable[..., str], runtime: Runtime, file: Path
) -> None:
    nova("promote", "2")
    assert (live(runtime), settings(file)[SETTING]) == ("2", "2")
    nova("rollback")
    assert (live(runtime), settings(file)[SETTING]) == ("4", "4"), "what answered before, not the one below"
    nova("rollback")
    assert (live(runtime), settings(file)[SETTING]) == ("2", "2")
    nova("promote", "newest")
    assert (live(runtime), settings(file)[SETTING]) == ("4", "")
    nova("rollback")
    assert live(runtime) == "2"
    nova("promote", "4")
    nova("promote", "1")
    runtime.control.update_agent_runtime_endpoint(
        agentRuntimeId=runtime.id, endpointName="live", agentRuntimeVersion="3"
    )
    nova("rollback")
    assert live(runtime) == "2", "the one below, because the note is of another version"
    text = file.read_text()
    assert text.startswith("# The settings of this machine.\nconfig:\n")
    assert "nova:production: false # not here\n" in text
    assert text.count(SETTING) == 1


def test_without_a_note_the_version_below_answered_before(
    nova: Callable[..., str], runtime: Runtime, file: Path
) -> None:
    nova("rollback")
    assert (live(runtime), settings(file)[SETTING]) == ("3", "3")


def test_to_promote_what_answers_writes_it_down(
    nova: Callable[..., str], runtime: Runtime, file: Path
) -> None:
    nova("promote", "3")
    nova("promote", "3")
    assert (live(runtime), settings(file)[SETTING]) == ("3", "3")
    nova("rollback")
    assert live(runtime) == "4", "the note of the version before has stayed"


@pytest.mark.parametrize("wanted", ["9", "0", "two", "-1", "\u0661", ""])
def test_only_versions_that_are_there_are_promoted(
    nova: Callable[..., str], runtime: Runtime, file: Path, wanted: str
) -> None:
    with pytest.raises(NovaError, match=r"there is no version .*: there are 1, 2, 3, 4 \(or newest\)"):
        nova("promote", "--", wanted)
    assert (live(runtime), file.read_text()) == ("4", STACK_FILE)


def test_nothing_is_changed_that_cannot_be_written_down(
    nova: Callable[..., str], runtime: Runtime, file: Path
) -> None:
    file.write_text("config: {nova:region: us-east-1}\n")
    with pytest.raises(NovaError, match="cannot be edited: write"):
        nova("promote", "2")
    file.unlink()
    with pytest.raises(NovaError, match=r"there is no Pulumi\.local\.yaml"):
        nova("promote", "2")
    assert live(runtime) == "4"


def test_the_first_version_has_none_before_it(nova: Callable[..., str], file: Path) -> None:
    nova("promote", "1")
    file.write_text(STACK_FILE)
    with pytest.raises(NovaError, match="no version answered before 1"):
        nova("rollback")


def test_a_stack_without_the_host_says_how_to_get_it(file: Path) -> None:
    del file
    target = Target(
        outputs={"agent_runtime_id": None}, region="us-east-1", session=boto3.session.Session(), endpoint=None
    )
    with pytest.raises(NovaError, match=r"set nova:agentRuntimeNetwork in Pulumi\.prod\.yaml"):
        versions.Agent(target, "prod")
