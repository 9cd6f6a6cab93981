"""`nova bootstrap`: an account brought up from nothing, with the engine and AWS replaced."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner, Result

from cli import account_stack, aws_account
from cli.account_stack import ADDRESS_PARAMETER, PROJECT, provider_for
from cli.app import app
from cli.bootstrap import Request, bring_up
from cli.engine import engine_for
from cli.errors import NovaError
from cli.home import Home
from cli.output import Output
from settings.project import stack_config
from tests.bootstrap.account import account_stack as evaluated
from tests.bootstrap.account import usual
from tests.cli.engines import install_engine

ACCOUNT = "123456789012"
FIRST, FURTHER = "us-east-1", "eu-central-1"
STACK = f"{ACCOUNT}-{FIRST}"
BUCKET = "s3://state-bucket?region=us-east-1"
PROVIDER = "awskms://alias/nova-account-state?region=us-east-1&context_stack="
SECRET = "only-for-this-account"
OUTPUTS = {
    "region": FIRST,
    "state_url": BUCKET,
    "own_secrets_provider": f"{PROVIDER}{STACK}",
    "secrets_providers": {"dev": f"{PROVIDER}dev", "prod": f"{PROVIDER}prod"},
    "permissions_boundary": "nova-boundary",
    "releases": "nova-releases",
    "deploy_role_arns": {"dev": "arn:aws:iam::123456789012:role/nova-account/dev"},
    "preview_role_arn": "arn:aws:iam::123456789012:role/nova-account/preview",
}


@dataclass
class Place:
    """A machine with an engine that only takes notes, and an account that answers."""

    folder: Path
    """Of the account stack's program."""
    home: Path
    engine: Path
    parameters: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    policies: set[str] = field(default_factory=set[str])

    def calls(self) -> list[dict[str, Any]]:
        """What the engine was asked, `version` apart, oldest first."""
        lines = (self.engine / "calls").read_text().splitlines() if (self.engine / "calls").exists() else []
        calls = [json.loads(line) for line in lines]
        return [call for call in calls if call["arguments"] != ["version"]]

    def asked(self) -> list[str]:
        """The commands that change something or speak to the person, each with its backend's scheme."""
        looks = ("stack ls", "stack output")
        texts = [(" ".join(call["arguments"]), call) for call in self.calls()]
        return [
            f"{call['environment']['PULUMI_BACKEND_URL'].partition(':')[0]}: {text.partition(' --')[0]}"
            for text, call in texts
            if not text.startswith(looks)
        ]

    def stacks(self) -> dict[str, dict[str, Any]]:
        """What the backends hold."""
        found = json.loads((self.engine / "stacks.json").read_text())
        return {backend: stacks for backend, stacks in found.items() if stacks}

    def fail(self, command: str) -> None:
        """Have a command fail; none when it is empty."""
        if command:
            (self.engine / "fail").write_text(command)
        else:
            (self.engine / "fail").unlink()

    def run(self, *arguments: str) -> Result:
        """Run the command."""
        return CliRunner().invoke(app, ["bootstrap", *arguments])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(folder=tmp_path / "bootstrap", home=tmp_path / "home", engine=tmp_path / "engine")
    found.folder.mkdir()
    install_engine(found.engine, tmp_path / "programs", monkeypatch)
    (found.engine / "outputs").write_text(json.dumps(OUTPUTS))
    for name in ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NOVA_HOME", str(found.home))
    monkeypatch.setenv("AWS_REGION", FIRST)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "of-another-stack")
    monkeypatch.setattr(account_stack, "FOLDER", found.folder)

    def caller(_region: str) -> aws_account.Caller:
        return aws_account.Caller(account=ACCOUNT, arn=f"arn:aws:iam::{ACCOUNT}:user/ada")

    def text_parameter(name: str, region: str) -> str:
        return found.parameters.get((name, region), "")

    def has_policy(arn: str, _region: str) -> bool:
        return arn in found.policies

    monkeypatch.setattr(aws_account, "caller", caller)
    monkeypatch.setattr(aws_account, "text_parameter", text_parameter)
    monkeypatch.setattr(aws_account, "has_policy", has_policy)
    return found


def up(place: Place) -> None:
    """An account whose first stack is up."""
    assert place.run("--yes").exit_code == 0
    place.parameters[ADDRESS_PARAMETER, FIRST] = BUCKET
    (place.engine / "calls").unlink()


def message(result: Result) -> str:
    assert isinstance(result.exception, NovaError), result.output
    return str(result.exception)


# --- the first region ---


def test_an_account_comes_up_from_nothing(place: Place) -> None:
    result = place.run("--yes", "--repository", "example/platform")
    assert result.exit_code == 0, result.output
    assert place.asked() == [
        f"file: stack init {STACK}",
        "file: config set repository example/platform",
        "file: up",
        "file: stack export",
        f"s3: stack init {STACK}",
        "s3: stack import",
        f"s3: stack change-secrets-provider {PROVIDER}{STACK}",
        "s3: preview",
    ]
    assert place.stacks()[BUCKET][STACK] == {"provider": f"{PROVIDER}{STACK}", "outputs": OUTPUTS}
    assert not (place.home / "account-state" / STACK).exists()


def test_it_says_what_it_will_do_before_it_does_it(place: Place) -> None:
    place.fail("stack init")
    result = place.run("--yes")
    assert "passphrase" not in message(result)
    said = result.stderr
    assert f"Account {ACCOUNT} as arn:aws:iam::{ACCOUNT}:user/ada, region {FIRST}: stack {STACK}" in said
    for step in (
        "1. keep its state in",
        "2. show everything",
        "3. move the state into the bucket",
        "4. delete",
    ):
        assert step in said


def test_it_ends_with_what_the_next_steps_need(place: Place) -> None:
    printed = place.run("--yes").stdout.splitlines()
    assert f"pulumi login '{BUCKET}'" in printed
    assert f"pulumi stack init prod --secrets-provider '{PROVIDER}prod'" in printed
    assert "pulumi config set permissionsBoundary nova-boundary --stack prod" in printed
    assert any("environment preview" in line and line.endswith("/preview") for line in printed)


def test_the_steps_need_outputs_that_the_program_has() -> None:
    assert set(usual().outputs) == set(OUTPUTS)
    names = {found.inputs["name"] for found in usual().of_type("aws:ssm/parameter:Parameter")}
    assert names == {ADDRESS_PARAMETER}
    policies = {found.inputs["name"] for found in usual().of_type("aws:iam/policy:Policy")}
    assert policies == {account_stack.BOUNDARY.format(platform=account_stack.DEFAULT_PLATFORM)}


@pytest.mark.parametrize("region", [FIRST, FURTHER])
def test_the_stack_file_that_is_written_is_one_that_the_program_takes(place: Place, region: str) -> None:
    up(place)
    assert place.run("--yes", "--region", region, "--home", FIRST).exit_code == 0
    (place.folder / "Pulumi.yaml").write_bytes(
        (account_stack.CHECKOUT / "bootstrap/Pulumi.yaml").read_bytes()
    )
    config = stack_config(place.folder, f"{ACCOUNT}-{region}")
    assert config["pulumi:disable-default-providers"] == '["*"]'
    settings = {key: config[f"{PROJECT}:{key}"] for key in ("region", "home")}
    assert settings == {"region": region, "home": "true" if region == FIRST else "false"}
    assert evaluated(region=region, home=settings["home"]).outputs["region"] == region


def test_settings_that_are_there_are_kept(place: Place) -> None:
    file = place.folder / f"Pulumi.{STACK}.yaml"
    file.write_text(f"config:\n  {PROJECT}:home: true\n  {PROJECT}:owner: somebody\n")
    before = file.read_text()
    assert place.run("--yes").exit_code == 0
    assert file.read_text() == before


def test_children_get_the_right_account_backend_and_passphrase(place: Place) -> None:
    assert place.run("--yes").exit_code == 0
    for call in place.calls():
        environment = call["environment"]
        assert Path(call["folder"]) == place.folder
        # Whose word opens the state: nobody's but the folder's own, and none at all once it has moved.
        assert environment.get("PULUMI_CONFIG_PASSPHRASE", "") == ""
        assert environment["AWS_SECRET_ACCESS_KEY"] == SECRET
    last = next(call for call in place.calls() if call["arguments"][0] == "preview")
    assert "PULUMI_CONFIG_PASSPHRASE" not in last["environment"]
    assert last["arguments"][1] == "--expect-no-changes"


def test_no_secret_is_printed(place: Place) -> None:
    place.fail("up")
    failed = place.run("--yes")
    place.fail("")
    went = place.run("--yes")
    assert SECRET not in failed.output + message(failed) + went.output


def test_a_look_changes_nothing_in_the_account(place: Place) -> None:
    assert place.run("--preview").exit_code == 0
    assert place.asked() == [f"file: stack init {STACK}", "file: preview"]
    assert list(place.stacks()) == [(place.home / "account-state" / STACK).as_uri()]
    # And is no obstacle afterwards.
    assert place.run("--yes").exit_code == 0
    assert place.asked()[2] == "file: up"


# --- again, and after an interruption ---


@pytest.mark.parametrize(
    "command",
    ["stack init", "up", "stack export", "stack import", "stack change-secrets-provider", "preview"],
)
def test_an_interrupted_run_goes_on_where_it_was(place: Place, command: str) -> None:
    place.fail(command)
    assert "`pulumi" in message(place.run("--yes"))
    if command not in {"stack init", "up"}:
        # The engine made it, whatever came of the move.
        place.parameters[ADDRESS_PARAMETER, FIRST] = BUCKET
    place.fail("")
    result = place.run("--yes")
    assert result.exit_code == 0, result.output
    assert place.stacks()[BUCKET][STACK] == {"provider": f"{PROVIDER}{STACK}", "outputs": OUTPUTS}
    assert not (place.home / "account-state" / STACK).exists()


def test_the_folder_stays_until_the_move_is_proven(place: Place) -> None:
    place.fail("preview")
    assert "preview" in message(place.run("--yes"))
    assert (place.home / "account-state" / STACK).exists()
    place.parameters[ADDRESS_PARAMETER, FIRST] = BUCKET
    assert "without --preview" in message(place.run("--preview"))


def test_a_second_run_updates_what_is_in_the_bucket(place: Place) -> None:
    up(place)
    assert place.run("--yes").exit_code == 0
    assert place.asked() == ["s3: up"]


def test_a_stack_is_not_updated_without_its_settings(place: Place) -> None:
    up(place)
    (place.folder / f"Pulumi.{STACK}.yaml").unlink()
    assert f"bootstrap/Pulumi.{STACK}.yaml is missing" in message(place.run("--yes"))
    assert place.asked() == []
    assert list(place.folder.glob("Pulumi.*")) == []


def test_a_state_that_is_on_another_machine_is_not_begun_again(place: Place) -> None:
    place.parameters[ADDRESS_PARAMETER, FIRST] = BUCKET
    assert f"account-state/{STACK}" in message(place.run("--yes"))
    assert place.asked() == []


def test_an_interrupted_engine_is_waited_for(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = iter([KeyboardInterrupt(), None])
    wait = subprocess.Popen[bytes].wait

    def interrupted(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if found := next(waits, None):
            raise found
        return wait(process, timeout)

    up(place)
    monkeypatch.setattr(subprocess.Popen, "wait", interrupted)
    stack = engine_for(place.folder, STACK, backend=BUCKET, uv="uv")
    stack.show("up", "--yes")
    assert next(waits, "waited twice") == "waited twice"
    assert place.asked() == ["s3: up"]


# --- further regions ---


def test_a_further_region_joins_the_bucket(place: Place) -> None:
    up(place)
    (place.engine / "outputs").write_text(json.dumps({"region": FURTHER}))
    result = place.run("--yes", "--region", FURTHER)
    assert result.exit_code == 0, result.output
    further = f"{ACCOUNT}-{FURTHER}"
    assert place.asked() == [f"s3: stack init {further}", "s3: up"]
    assert place.stacks()[BUCKET][further]["provider"] == f"{PROVIDER}{further}"
    assert "pulumi login" not in result.stdout


def test_a_further_region_needs_the_first(place: Place) -> None:
    refused = message(place.run("--yes", "--region", FURTHER, "--home", FIRST))
    assert f"bootstrap --region {FIRST}` first" in refused


def test_an_account_gets_no_second_first_region(place: Place) -> None:
    place.policies.add(f"arn:aws:iam::{ACCOUNT}:policy/nova-boundary")
    assert "--home" in message(place.run("--yes", "--region", FURTHER))
    assert place.asked() == []


def test_a_home_that_the_files_contradict_is_refused(place: Place) -> None:
    up(place)
    refused = message(place.run("--yes", "--region", FURTHER, "--home", FURTHER))
    assert f"its region is {FIRST}, not {FURTHER}" in refused


def test_a_secrets_provider_changes_its_stack_alone() -> None:
    ours = usual().outputs["own_secrets_provider"]
    assert provider_for(ours, "other") == ours.replace(f"context_stack={STACK}", "context_stack=other")


# --- what is missing ---


def test_everything_missing_is_named_before_anything_is_asked(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    refused = message(place.run())
    for missing in ("pulumi is missing", "uv is missing", "local cloud", "no region", "--yes"):
        assert missing in refused
    assert not (place.home / "account-state").exists()


@pytest.mark.parametrize("version", ["v3.99.0", "v2.400.1", "dev", ""])
def test_an_engine_that_is_too_old_is_named(place: Place, version: str) -> None:
    (place.engine / "version").write_text(f"{version}\n")
    assert f"the one on PATH is {version or 'silent'}" in message(place.run("--yes"))


def test_a_region_that_is_none_is_named(place: Place) -> None:
    assert "Frankfurt is no region" in message(place.run("--yes", "--region", "Frankfurt"))


def test_a_person_is_asked_by_the_engine(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal())
    bring_up(Home(place.home), Output(), Request())
    (update,) = [call["arguments"] for call in place.calls() if call["arguments"][0] == "up"]
    assert update == ["up", "--stack", STACK]


# --- what AWS is asked ---


def answering(monkeypatch: pytest.MonkeyPatch, service: str) -> Stubber:
    """Have a client answer as the test says, in the form of the service's model."""
    stubbed = cast("Any", boto3).client(service)

    def client(asked: str, region: str) -> object:
        assert (asked, region) == (service, FIRST)
        return stubbed

    monkeypatch.setattr(aws_account, "_client", client)
    stubber = Stubber(stubbed)
    stubber.activate()
    return stubber


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", FIRST)
    return monkeypatch


def test_the_caller_is_whom_aws_names(signed_in: pytest.MonkeyPatch) -> None:
    arn = f"arn:aws-cn:iam::{ACCOUNT}:user/ada"
    answering(signed_in, "sts").add_response("get_caller_identity", {"Account": ACCOUNT, "Arn": arn})
    caller = aws_account.caller(FIRST)
    assert caller == aws_account.Caller(account=ACCOUNT, arn=arn)
    assert caller.policy_arn("limit") == f"arn:aws-cn:iam::{ACCOUNT}:policy/limit"


def test_credentials_that_aws_refuses_are_named(signed_in: pytest.MonkeyPatch) -> None:
    answering(signed_in, "sts").add_client_error("get_caller_identity", "ExpiredToken", "it has expired")
    with pytest.raises(NovaError, match=r"expired.*Sign in again"):
        aws_account.caller(FIRST)


def test_credentials_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(NovaError, match=r"no AWS credentials.*AWS_PROFILE"):
        aws_account.caller(FIRST)


def test_a_profile_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(NovaError, match="nobody"):
        aws_account.default_region()


def test_the_address_of_the_state_is_read(signed_in: pytest.MonkeyPatch) -> None:
    asked = answering(signed_in, "ssm")
    named = {"Name": ADDRESS_PARAMETER}
    asked.add_response("get_parameter", {"Parameter": {"Name": ADDRESS_PARAMETER, "Value": BUCKET}}, named)
    asked.add_client_error("get_parameter", "ParameterNotFound", expected_params=named)
    asked.add_client_error("get_parameter", "AccessDeniedException", "not you", expected_params=named)
    assert aws_account.text_parameter(ADDRESS_PARAMETER, FIRST) == BUCKET
    assert aws_account.text_parameter(ADDRESS_PARAMETER, FIRST) == ""
    with pytest.raises(NovaError, match="not you"):
        aws_account.text_parameter(ADDRESS_PARAMETER, FIRST)


def test_a_policy_is_there_or_not(signed_in: pytest.MonkeyPatch) -> None:
    asked = answering(signed_in, "iam")
    arn = f"arn:aws:iam::{ACCOUNT}:policy/nova-boundary"
    asked.add_response("get_policy", {"Policy": {"Arn": arn}}, {"PolicyArn": arn})
    asked.add_client_error("get_policy", "NoSuchEntity", expected_params={"PolicyArn": arn})
    asked.add_client_error("get_policy", "AccessDenied", "not you", expected_params={"PolicyArn": arn})
    assert aws_account.has_policy(arn, FIRST)
    assert not aws_account.has_policy(arn, FIRST)
    with pytest.raises(NovaError, match="not you"):
        aws_account.has_policy(arn, FIRST)
