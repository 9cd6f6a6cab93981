"""`nova doctor`: with each dependency broken in turn, it names that one and its fix, and nothing else."""

# ruff: noqa: ANN401 - stand-ins take whatever the real thing takes

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from botocore.validate import validate_parameters
from typer.testing import CliRunner

from cli import checks, platform
from cli import daemon as daemons
from cli.app import app
from cli.daemon import Daemon
from cli.doctor import command, machine
from cli.doctor.account import EXPIRATION_VARIABLE, Account, own_expiry
from cli.doctor.finding import Finding, State, examine, healthy
from cli.doctor.machine import Machine
from cli.home import CHECKOUT, Home
from settings.project import stack_config
from settings.settings import Settings
from settings.values import Values
from tests.cli.engines import install_engine
from tests.infra.deployment import ROOT, deployed

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NUMBER = "123456789012"
LITE, EMBEDDING = "global.amazon.nova-2-lite-v1:0", "amazon.nova-2-multimodal-embeddings-v1:0"
ZONES = {
    "us-east-1a": "use1-az1",
    "us-east-1b": "use1-az2",
    "us-east-1c": "use1-az4",
    "us-east-1d": "use1-az3",
}
type Answer = Callable[[dict[str, Any]], Any]


def profile(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "inferenceProfileName": "name",
        "inferenceProfileArn": f"arn:aws:bedrock:us-east-1:{NUMBER}:inference-profile/x",
        "models": [{"modelArn": "arn:aws:bedrock:us-east-1::foundation-model/x.y"}],
        "inferenceProfileId": asked["inferenceProfileIdentifier"],
        "status": "ACTIVE",
        "type": "SYSTEM_DEFINED",
    }


def availability(asked: dict[str, Any]) -> dict[str, Any]:
    return {
        "modelId": asked["modelId"],
        "agreementAvailability": {"status": "AVAILABLE"},
        "authorizationStatus": "AUTHORIZED",
        "entitlementAvailability": "AVAILABLE",
        "regionAvailability": "AVAILABLE",
    }


def usual() -> dict[str, Any]:
    """What an account answers in which all is well."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "GetCallerIdentity": {
            "Account": NUMBER,
            "Arn": f"arn:aws:iam::{NUMBER}:user/ada",
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(NOON, usegmt=True)}},
        },
        "DescribeRegions": {"Regions": [{"RegionName": "us-east-1", "OptInStatus": "opt-in-not-required"}]},
        "GetAccount": {"cloudwatchRoleArn": f"arn:aws:iam::{NUMBER}:role/api-gateway"},
        "GetTraceSegmentDestination": {"Destination": "CloudWatchLogs", "Status": "ACTIVE"},
        "GetModelInvocationLoggingConfiguration": {},
        "ListOpenIDConnectProviders": {
            "OpenIDConnectProviderList": [
                {"Arn": f"arn:aws:iam::{NUMBER}:oidc-provider/token.actions.githubusercontent.com"}
            ]
        },
        "GetPolicy": {"Policy": {"PolicyName": "nova-boundary"}},
        "GetInferenceProfile": profile,
        "GetFoundationModelAvailability": availability,
        "DescribeAvailabilityZones": {
            "AvailabilityZones": [{"ZoneName": name, "ZoneId": identity} for name, identity in ZONES.items()]
        },
        "GetServiceQuota": {"Quota": {"Value": 20.0}},
        "DescribeVpcs": {"Vpcs": [{"VpcId": "vpc-1"}]},
        "DescribeAddresses": {"Addresses": []},
        "ListServiceQuotas": {
            "Quotas": [{"QuotaName": "Total agents per account", "QuotaCode": "L-1", "Value": 1000.0}]
        },
        "ListAgentRuntimes": {
            "agentRuntimes": [
                {
                    "agentRuntimeArn": f"arn:aws:bedrock-agentcore:us-east-1:{NUMBER}:runtime/x-0123456789",
                    "agentRuntimeId": "x-0123456789",
                    "agentRuntimeVersion": "1",
                    "agentRuntimeName": "x",
                    "description": "d",
                    "lastUpdatedAt": moment,
                    "status": "READY",
                }
            ]
        },
    }


@cache
def client_of(service: str, region: str) -> Any:
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b")
    return cast("Any", session).client(service, region_name=region)


@dataclass
class Place:
    """A machine with an engine and Docker that only answer, and an account that does."""

    folder: Path
    answers: dict[str, Any] = field(default_factory=usual)
    overrides: dict[str, str] = field(default_factory=dict[str, str])
    clock: datetime = NOON
    until: datetime | None = None
    unknown_hosts: bool = False

    @property
    def programs(self) -> Path:
        return self.folder / "programs"

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def client(self, service: str, region: str) -> Any:
        """A client whose calls are answered here, in the shapes that the service has."""
        made = client_of(service, region)

        def call(operation: str, parameters: dict[str, Any]) -> Any:
            model = made.meta.service_model.operation_model(operation)
            if model.input_shape is not None:
                validate_parameters(parameters, model.input_shape)
            answer = self.answers[operation]
            if callable(answer):
                answer = cast("Answer", answer)(parameters)
            if isinstance(answer, Exception):
                raise answer
            told: dict[str, Any] = {**cast("dict[str, Any]", answer)}
            told.pop("ResponseMetadata", None)
            if model.output_shape is not None:
                validate_parameters(told, model.output_shape)
            return answer

        made._make_api_call = call
        return made

    def resolve(self, host: str) -> list[str]:
        if self.unknown_hosts:
            raise OSError(f"{host}: name or service not known")
        return ["203.0.113.1"]

    def examined(self) -> dict[str, Finding]:
        texts = stack_config(ROOT, "dev") | {f"nova:{key}": text for key, text in self.overrides.items()}
        account = Account(
            settings=Settings.read(Values(project="nova", texts=texts)),
            client=self.client,
            resolver=self.resolve,
            clock=lambda: self.clock,
            expiry=lambda: self.until,
        )
        return {
            finding.name: finding
            for finding in examine(command.aws_checks("dev", account), lambda _name: None)
        }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    found = Place(folder=tmp_path)
    install_engine(tmp_path / "engine", found.programs, monkeypatch)
    (tmp_path / "engine" / "stacks.json").write_text(json.dumps({"file:///state": {"dev": {}}}))
    found.program(
        "docker",
        'case "$*" in *inspect*) echo "Platforms: linux/amd64, linux/arm64";; *) echo 28.1;; esac',
    )
    monkeypatch.setenv("PATH", str(found.programs))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///state")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(command, "evaluated", deployed)
    return found


def refused(code: str, date: datetime | None = None) -> ClientError:
    headers = {} if date is None else {"date": format_datetime(date, usegmt=True)}
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPHeaders": headers}}
    return ClientError(answer, "Operation")


def only_for(wanted: str, answer: Any, key: str, usually: Any) -> Answer:
    """Answer so for one subject alone."""

    def chosen(asked: dict[str, Any]) -> Any:
        found = answer if asked[key] == wanted else usually
        return found(asked) if callable(found) else found

    return chosen


def unavailable(**changes: Any) -> Answer:
    return lambda asked: {**availability(asked), **changes}


def breaking(operation: str, answer: Any) -> Callable[[Place, pytest.MonkeyPatch], None]:
    return lambda place, _patch: place.answers.update({operation: answer})


def model_breaking(**changes: Any) -> Callable[[Place, pytest.MonkeyPatch], None]:
    """Take something of the embedding model away."""
    return breaking(
        "GetFoundationModelAvailability", only_for(EMBEDDING, unavailable(**changes), "modelId", availability)
    )


def with_endpoint(_place: Place, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")


def without_docker(place: Place, _patch: pytest.MonkeyPatch) -> None:
    (place.programs / "docker").unlink()


def without_pulumi(place: Place, _patch: pytest.MonkeyPatch) -> None:
    (place.programs / "pulumi").unlink()


def with_old_pulumi(place: Place, _patch: pytest.MonkeyPatch) -> None:
    (place.folder / "engine" / "version").write_text("v3.99.0\n")


def without_state(place: Place, _patch: pytest.MonkeyPatch) -> None:
    (place.folder / "engine" / "fail").write_text("stack ls")


def without_stack(place: Place, _patch: pytest.MonkeyPatch) -> None:
    (place.folder / "engine" / "stacks.json").unlink()


def sleeping_docker(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.program("docker", "echo Cannot connect >&2; exit 1")


def without_buildx(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.program("docker", 'case "$*" in *buildx*) echo unknown >&2; exit 1;; *) echo 28.1;; esac')


def without_emulation(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.program("docker", "echo 28.1 linux/amd64")


def without_names(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.unknown_hosts = True


def fast_clock(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.clock = NOON + timedelta(minutes=20)
    place.answers["GetCallerIdentity"] = refused("SignatureDoesNotMatch", NOON)


def drifting_clock(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.clock = NOON - timedelta(minutes=6)


def ending_soon(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.until = NOON + timedelta(minutes=12)


def without_boundary(place: Place, _patch: pytest.MonkeyPatch) -> None:
    place.overrides["permissionsBoundary"] = "nova-boundary"
    place.answers["GetPolicy"] = refused("NoSuchEntity")


def quota_of(code: str, value: float) -> Callable[[Place, pytest.MonkeyPatch], None]:
    answer = {"Quota": {"Value": value}}
    return breaking("GetServiceQuota", only_for(code, answer, "QuotaCode", usual()["GetServiceQuota"]))


BOOTSTRAP = "./nova bootstrap --region us-east-1"
INCREASE = "request-service-quota-increase"
BROKEN: dict[str, tuple[str, Callable[[Place, pytest.MonkeyPatch], None], str, str]] = {
    "the local cloud's address": (
        "endpoint",
        with_endpoint,
        "AWS_ENDPOINT_URL set",
        "unset AWS_ENDPOINT_URL",
    ),
    "no engine": ("pulumi", without_pulumi, "pulumi is missing", "https://www.pulumi.com/docs/install/"),
    "an old engine": ("pulumi", with_old_pulumi, "the one on PATH is v3.99.0", "pulumi.com/docs/install/"),
    "no state": ("state", without_state, "the state cannot be read", "pulumi login <state_url>"),
    "no stack": ("state", without_stack, "there is no stack dev", "pulumi stack init dev"),
    "no Docker": ("docker", without_docker, "docker is missing", "docs.docker.com"),
    "Docker asleep": ("docker", sleeping_docker, "Cannot connect", "systemctl start docker"),
    "no buildx": ("buildx", without_buildx, "no buildx", "docker-buildx-plugin"),
    "no emulation": ("buildx", without_emulation, "no images for linux/arm64", "binfmt --install arm64"),
    "no DNS": ("dns", without_names, "sts.us-east-1.amazonaws.com has no address", "/etc/resolv.conf"),
    "no credentials": (
        "credentials",
        breaking("GetCallerIdentity", NoCredentialsError()),
        "there are no credentials",
        "aws sso login",
    ),
    "expired credentials": (
        "credentials",
        breaking("GetCallerIdentity", refused("ExpiredToken", NOON)),
        "AWS does not take them: ExpiredToken",
        "aws sso login",
    ),
    "credentials that end soon": ("expiry", ending_soon, "expire in 12 minutes", "aws sso login"),
    "a clock that AWS refuses": ("clock against AWS", fast_clock, "1200 s ahead of AWS", "set-ntp true"),
    "a clock that drifts": ("clock against AWS", drifting_clock, "360 s behind AWS", "set-ntp true"),
    "a region that is off": (
        "region",
        breaking(
            "DescribeRegions", {"Regions": [{"RegionName": "us-east-1", "OptInStatus": "not-opted-in"}]}
        ),
        "has not enabled us-east-1",
        "aws account enable-region --region-name us-east-1",
    ),
    "API Gateway without a role": ("API Gateway's role", breaking("GetAccount", {}), "no role", BOOTSTRAP),
    "traces elsewhere": (
        "traces",
        breaking("GetTraceSegmentDestination", {"Destination": "XRay"}),
        "X-Ray's own store",
        BOOTSTRAP,
    ),
    "logs of what people say": (
        "logs of models",
        breaking(
            "GetModelInvocationLoggingConfiguration", {"loggingConfig": {"textDataDeliveryEnabled": True}}
        ),
        "logs what people say",
        "logModelTexts",
    ),
    "no provider": (
        "deploys of GitHub",
        breaking("ListOpenIDConnectProviders", {"OpenIDConnectProviderList": []}),
        "cannot deploy",
        f"{BOOTSTRAP} --repository owner/name",
    ),
    "no boundary": ("permissions boundary", without_boundary, "no policy nova-boundary", BOOTSTRAP),
    "a profile that is not there": (
        f"model {LITE}",
        breaking(
            "GetInferenceProfile",
            only_for(
                LITE,
                refused("ResourceNotFoundException"),
                "inferenceProfileIdentifier",
                usual()["GetInferenceProfile"],
            ),
        ),
        f"us-east-1 has no profile {LITE}",
        "model-access.html",
    ),
    "a model without an agreement": (
        f"model {EMBEDDING}",
        model_breaking(agreementAvailability={"status": "NOT_AVAILABLE"}),
        "agreement NOT_AVAILABLE",
        f"list-foundation-model-agreement-offers --model-id {EMBEDDING}",
    ),
    "a model that is not authorized": (
        f"model {EMBEDDING}",
        model_breaking(authorizationStatus="NOT_AUTHORIZED"),
        "authorization NOT_AUTHORIZED",
        "model-access.html",
    ),
    "a model that is elsewhere": (
        f"model {EMBEDDING}",
        model_breaking(regionAvailability="NOT_AVAILABLE"),
        "region NOT_AVAILABLE",
        "model-access.html",
    ),
    "zones that AgentCore does not take": (
        "zones",
        breaking(
            "DescribeAvailabilityZones",
            {
                "AvailabilityZones": [
                    {"ZoneName": name, "ZoneId": "use1-az3" if name == "us-east-1a" else identity}
                    for name, identity in ZONES.items()
                ]
            },
        ),
        "us-east-1a is use1-az3",
        "nova:availabilityZones in Pulumi.dev.yaml",
    ),
    "zones that there are not": (
        "zones",
        breaking(
            "DescribeAvailabilityZones",
            {"AvailabilityZones": [{"ZoneName": "us-east-1a", "ZoneId": "use1-az1"}]},
        ),
        "no zone us-east-1b, us-east-1c",
        "nova:availabilityZones in Pulumi.dev.yaml",
    ),
    "too few vCPU": ("room for tasks", quota_of("L-36FBB829", 2.0), "2 vCPU of Fargate, Spot", INCREASE),
    "too few VPCs": (
        "room for networks",
        quota_of("L-F678F1CE", 1.0),
        "the stack takes 1 beside 1 that are there",
        f"{INCREASE} --service-code vpc --quota-code L-F678F1CE --desired-value 2",
    ),
    "too few addresses": (
        "room for addresses",
        breaking("DescribeAddresses", {"Addresses": [{"PublicIp": "203.0.113.1"}] * 20}),
        "20 elastic IP addresses are allowed",
        INCREASE,
    ),
    "too few agents": (
        "room for agents",
        breaking(
            "ListServiceQuotas",
            {"Quotas": [{"QuotaName": "Total agents per account", "QuotaCode": "L-1", "Value": 1.0}]},
        ),
        "1 agents are allowed",
        "--service-code bedrock-agentcore --quota-code L-1",
    ),
}


def test_a_whole_account_has_nothing_to_repair(place: Place) -> None:
    findings = place.examined()
    assert {finding.state for finding in findings.values()} == {State.OK}, findings
    assert len(findings) > 20
    assert findings["credentials"].found == f"account {NUMBER} as arn:aws:iam::{NUMBER}:user/ada"
    assert {name for name in findings if name.startswith("model ")} == {
        "model global.anthropic.claude-sonnet-4-6",
        f"model {LITE}",
        "model amazon.nova-2-sonic-v1:0",
        f"model {EMBEDDING}",
    }
    assert findings["room for tasks"].found == "3 of 20 vCPU of Fargate, Spot"


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_named_with_its_fix_and_nothing_else(
    place: Place, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    name, break_it, found, fix = BROKEN[what]
    break_it(place, monkeypatch)
    findings = place.examined()
    told = {finding.name for finding in findings.values() if finding.state in {State.WARNING, State.FAILURE}}
    assert told == {name}, findings
    assert found in findings[name].found
    assert fix in findings[name].fix
    assert healthy(findings.values()) == (findings[name].state is State.WARNING)
    for other in findings.values():
        assert other.state is not State.UNCHECKED or name in other.found or "it needs" in other.found


def test_what_hangs_on_something_broken_is_not_guessed(place: Place) -> None:
    place.answers["GetCallerIdentity"] = NoCredentialsError()
    findings = place.examined()
    assert findings["region"].state is State.UNCHECKED
    assert findings["region"].found == "it needs credentials"
    assert findings["zones"].state is State.UNCHECKED
    assert findings["docker"].state is State.OK


def test_who_may_not_look_is_told_what_to_allow(place: Place) -> None:
    place.answers["GetServiceQuota"] = refused("AccessDeniedException")
    finding = place.examined()["room for networks"]
    assert (finding.state, finding.found) == (
        State.WARNING,
        "these credentials may not look: AccessDeniedException",
    )
    assert "servicequotas:GetServiceQuota" in finding.fix


def test_an_api_that_cannot_be_reached_is_named(place: Place) -> None:
    place.answers["GetAccount"] = EndpointConnectionError(endpoint_url="https://apigateway")
    finding = place.examined()["API Gateway's role"]
    assert finding.state is State.FAILURE
    assert "AWS cannot be asked" in finding.found


def test_a_quota_that_nobody_raised_is_the_default(place: Place) -> None:
    place.answers["GetServiceQuota"] = refused("NoSuchResourceException")
    place.answers["GetAWSDefaultServiceQuota"] = {"Quota": {"Value": 6.0}}
    assert place.examined()["room for networks"].found == "1 of 6 VPCs beside 1 that are there"


def test_what_the_stack_has_already_is_not_counted_twice(place: Place) -> None:
    own = {"VpcId": "vpc-2", "Tags": [{"Key": "stack", "Value": "dev"}]}
    place.answers["DescribeVpcs"] = {"Vpcs": [own]}
    quota_of("L-F678F1CE", 1.0)(place, pytest.MonkeyPatch())
    assert place.examined()["room for networks"].found == "1 of 1 VPCs"


def test_expiry_is_read_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXPIRATION_VARIABLE, "2026-11-22T13:00:00+00:00")
    assert own_expiry() == NOON + timedelta(hours=1)


# --- this machine ---


def local(home: Path, **changes: Any) -> dict[str, Finding]:
    machine = Machine(home=Home(home), **changes)
    return {finding.name: finding for finding in examine(machine.checks(), lambda _name: None)}


def broken_locally(findings: dict[str, Finding]) -> dict[str, Finding]:
    return {name: found for name, found in findings.items() if found.state is State.FAILURE}


@pytest.fixture
def whole_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has everything, as far as it can be said without it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (
        ("redis-server", "echo 'Redis server v=7.0.15'"),
        ("uv", ""),
        ("flite", ""),
        ("chromium", ""),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.delenv("NOVA_UV", raising=False)
    monkeypatch.delenv("NOVA_PORT", raising=False)
    return tmp_path


def test_a_whole_machine_has_nothing_to_repair(whole_machine: Path) -> None:
    findings = local(whole_machine)
    assert {found.state for found in findings.values()} == {State.OK}, findings


@pytest.mark.parametrize(
    ("name", "missing", "fix"),
    [
        ("redis-server", "redis-server", "sudo scripts/install-system"),
        ("uv", "uv", "pip install uv"),
    ],
)
def test_a_missing_program_is_named(whole_machine: Path, name: str, missing: str, fix: str) -> None:
    (whole_machine / "programs" / missing).unlink()
    findings = broken_locally(local(whole_machine))
    assert set(findings) == {name}
    assert fix in findings[name].fix


@pytest.mark.parametrize(
    ("name", "attribute", "value", "fix"),
    [
        ("disk", "DISK_FREE_MIN_MB", 10**9, "make room"),
        ("python", "PYTHON_VERSION", (3, 99), "start it with ./nova"),
        ("checkout", "CHECKOUT", Path("/"), "clone it again"),
        ("system", "SYSTEM", "win32", "WSL 2"),
    ],
)
def test_a_machine_that_will_not_do_is_named(
    whole_machine: Path, monkeypatch: pytest.MonkeyPatch, name: str, attribute: str, value: Any, fix: str
) -> None:
    monkeypatch.setattr(f"cli.checks.{attribute}", value)
    findings = broken_locally(local(whole_machine))
    assert set(findings) == {name}
    assert fix in findings[name].fix


def test_no_authorities_are_named(whole_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nowhere:
        cafile = capath = None

    monkeypatch.setattr("cli.checks.ssl.get_default_verify_paths", Nowhere)
    monkeypatch.setattr(checks, "_BUNDLES", ())
    assert set(broken_locally(local(whole_machine))) == {"certificates"}


def test_a_taken_port_is_named(whole_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVA_PORT", "80")
    findings = broken_locally(local(whole_machine))
    assert set(findings) == {"port"}


def test_a_home_that_is_a_file_is_named(whole_machine: Path) -> None:
    file = whole_machine / "file"
    file.write_text("")
    findings = broken_locally(local(file))
    assert set(findings) == {"home"}
    assert "NOVA_HOME" in findings["home"].fix


def test_a_clock_before_the_checkout_is_named(whole_machine: Path) -> None:
    findings = broken_locally(local(whole_machine, clock=lambda: datetime(2001, 1, 1, tzinfo=UTC)))
    assert set(findings) == {"clock"}
    assert "set-ntp true" in findings["clock"].fix
    assert (CHECKOUT / "uv.lock").exists()


def elsewhere(_host: str) -> list[str]:
    return ["203.0.113.9"]


def nobody(host: str) -> list[str]:
    raise OSError(f"{host}: not known")


@pytest.mark.parametrize("resolver", [nobody, elsewhere])
def test_a_strange_localhost_is_named(whole_machine: Path, resolver: machine.Resolver) -> None:
    findings = broken_locally(local(whole_machine, resolver=resolver))
    assert set(findings) == {"localhost"}
    assert "127.0.0.1 localhost" in findings["localhost"].fix


def test_what_only_tests_need_stops_nobody(whole_machine: Path) -> None:
    (whole_machine / "programs" / "chromium").unlink()
    found = local(whole_machine)["tools of tests"]
    assert (found.state, found.fix) == (State.WARNING, "`sudo scripts/install-system chromium`")


@pytest.mark.parametrize("answers", [True, False])
def test_a_platform_that_is_sick_is_named(
    whole_machine: Path, monkeypatch: pytest.MonkeyPatch, *, answers: bool
) -> None:
    daemon = Daemon(pid=1, port=1, access_key_id="a", secret_access_key="b")

    def runs(_home: Home) -> Daemon:
        return daemon

    def reachable(_port: int) -> bool:
        return answers

    def describe(_home: Home) -> dict[str, Any]:
        return {"healthy": False, "services": {"audio": {"healthy": False}, "video": {"healthy": True}}}

    monkeypatch.setattr(daemons, "running", runs)
    monkeypatch.setattr(daemons, "answers", reachable)
    monkeypatch.setattr(platform, "describe", describe)
    findings = local(whole_machine)
    if answers:
        assert set(broken_locally(findings)) == {"platform"}
        assert (findings["platform"].found, findings["platform"].fix) == (
            "not healthy: audio",
            "`./nova logs audio` says why",
        )
    else:
        assert set(broken_locally(findings)) == {"local cloud"}
        assert findings["local cloud"].fix == "`./nova down && ./nova up`"
        assert findings["platform"].state is State.UNCHECKED


def test_the_command_prints_findings_and_fixes(whole_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOVA_HOME", str(whole_machine / "home"))
    (whole_machine / "programs" / "redis-server").unlink()
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "FAILURE      redis-server" in result.stdout
    assert "fix: run `sudo scripts/install-system`" in result.stdout
    told = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert told["healthy"] is False
    (sick,) = [found for found in told["findings"] if found["state"] == "failure"]
    assert sick["name"] == "redis-server"
