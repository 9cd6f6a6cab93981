"""What is checked of the AWS account and region that a stack goes to."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError, ProfileNotFound

from cli.aws_account import NO_CREDENTIALS
from cli.doctor.finding import Broken, Check, Ok, Verdict, warning
from cli.doctor.machine import Resolver, now, resolve

if TYPE_CHECKING:
    from settings.settings import Settings

SKEW_MAX = timedelta(minutes=5)
"""AWS refuses signatures that are more than 15 minutes off (IAM user guide); before that it is told."""
EXPIRES_SOON = timedelta(hours=1)
"""The first update of a stack takes about as long."""
TIMEOUT_S = 10
EXPIRATION_VARIABLE = "AWS_CREDENTIAL_EXPIRATION"
"""By which `aws configure export-credentials --format env` says how long its keys hold."""
SIGN_IN = "`aws sso login` or `aws login`, and name the profile in AWS_PROFILE"
SIGNED = ("credentials", "clock against AWS")
"""What every call of AWS needs."""
GITHUB = "token.actions.githubusercontent.com"


def aws_client(service: str, region: str) -> Any:  # noqa: ANN401 (boto3 makes client classes at run time)
    """Return a client with the credentials of the shell."""
    config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 2})
    return cast("Any", boto3.session.Session()).client(service, region_name=region, config=config)


def own_expiry() -> datetime | None:
    """Return until when the shell's credentials hold; nothing where they do not say."""
    if text := os.environ.get(EXPIRATION_VARIABLE):
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    credentials: Any = cast("Any", boto3.session.Session()).get_credentials()
    # botocore keeps it where only it reads it; what is not renewed by itself has none.
    return getattr(credentials, "_expiry_time", None)


@dataclass(slots=True, kw_only=True)
class Account:
    """What is asked of AWS; tests put something broken in its place."""

    settings: "Settings"
    client: Callable[[str, str], Any] = aws_client
    resolver: Resolver = resolve
    clock: Callable[[], datetime] = now
    expiry: Callable[[], datetime | None] = own_expiry
    told: dict[str, Any] = field(default_factory=dict[str, Any])
    """What AWS said of the caller and of the time, for the checks that come after."""

    @property
    def region(self) -> str:
        """The stack's region."""
        return self.settings.region

    def checks(self) -> tuple[Check, ...]:
        """Return what is checked before anything of a stack is looked at."""
        return (
            Check(name="endpoint", ask=_endpoint),
            Check(name="dns", ask=self._dns, needs=("endpoint",)),
            Check(name="credentials", ask=self._credentials, needs=("dns",), right="sts:GetCallerIdentity"),
            Check(name="clock against AWS", ask=self._clock, needs=("credentials",)),
            Check(name="expiry", ask=self._expiry, needs=("credentials",)),
            Check(name="region", ask=self._region, needs=SIGNED, right="ec2:DescribeRegions"),
            *self._singletons(),
        )

    def _dns(self) -> Verdict:
        host = f"sts.{self.region}.amazonaws.com"
        try:
            return Ok(f"{host} is {self.resolver(host)[0]}")
        except OSError as error:
            return Broken(
                f"{host} has no address ({error})",
                f"look at /etc/resolv.conf, the VPN and the proxy: `getent hosts {host}`",
            )

    def _credentials(self) -> Verdict:
        try:
            answer = self.client("sts", self.region).get_caller_identity()
        except (NoCredentialsError, ProfileNotFound) as error:
            return Broken(f"there are no credentials ({error})", NO_CREDENTIALS.partition(": ")[2])
        except ClientError as error:
            self._note_time(error.response)
            if abs(self.told.get("skew", timedelta())) > SKEW_MAX:
                return Ok("not judged: AWS takes no signature of a clock that is wrong")
            return Broken(f"AWS does not take them: {error.response.get('Error', {}).get('Code')}", SIGN_IN)
        self._note_time(answer)
        self.told["account"] = answer["Account"]
        return Ok(f"account {answer['Account']} as {answer['Arn']}")

    def _note_time(self, answer: Mapping[str, Any]) -> None:
        headers: Mapping[str, str] = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        if date := headers.get("date"):
            self.told["skew"] = self.clock() - parsedate_to_datetime(date)

    def _clock(self) -> Verdict:
        skew: timedelta | None = self.told.get("skew")
        if skew is None:
            return warning("AWS did not say what time it is", "compare `date -u` with another clock")
        seconds = round(skew.total_seconds())
        if abs(skew) > SKEW_MAX:
            side = "ahead of" if seconds > 0 else "behind"
            return Broken(
                f"this machine is {abs(seconds)} s {side} AWS, which refuses signatures from 15 minutes on",
                "`sudo timedatectl set-ntp true`",
            )
        return Ok(f"{abs(seconds)} s apart")

    def _expiry(self) -> Verdict:
        until = self.expiry()
        if until is None:
            return Ok("they do not expire, or are renewed by themselves")
        left = until - self.clock()
        if left < EXPIRES_SOON:
            return warning(f"they expire in {max(0, round(left.total_seconds() / 60))} minutes", SIGN_IN)
        return Ok(f"until {until:%Y-%m-%d %H:%M} UTC")

    def _region(self) -> Verdict:
        found = self.client("ec2", self.region).describe_regions(RegionNames=[self.region], AllRegions=True)
        status = str(found["Regions"][0]["OptInStatus"])
        if status == "not-opted-in":
            return Broken(
                f"the account has not enabled {self.region}",
                f"`aws account enable-region --region-name {self.region}`",
            )
        return Ok(f"{self.region}: {status}")

    def _singletons(self) -> tuple[Check, ...]:
        """Return the checks of what an account and a region have once (`nova bootstrap`)."""
        needs = (*SIGNED, "region")
        return (
            Check(name="API Gateway's role", ask=self._gateway, needs=needs, right="apigateway:GET"),
            Check(name="traces", ask=self._traces, needs=needs, right="xray:GetTraceSegmentDestination"),
            Check(
                name="logs of models",
                ask=self._model_logs,
                needs=needs,
                right="bedrock:GetModelInvocationLoggingConfiguration",
            ),
            Check(
                name="deploys of GitHub",
                ask=self._provider,
                needs=needs,
                right="iam:ListOpenIDConnectProviders",
            ),
            Check(name="permissions boundary", ask=self._boundary, needs=needs, right="iam:GetPolicy"),
        )

    @property
    def _bootstrap(self) -> str:
        return f"`./nova bootstrap --region {self.region}`"

    def _gateway(self) -> Verdict:
        role = self.client("apigateway", self.region).get_account().get("cloudwatchRoleArn")
        if role:
            return Ok(str(role))
        return Broken("API Gateway has no role to write logs with: the stage is refused", self._bootstrap)

    def _traces(self) -> Verdict:
        found = self.client("xray", self.region).get_trace_segment_destination()
        if found.get("Destination") == "CloudWatchLogs":
            return Ok("in CloudWatch Logs")
        return warning("traces go to X-Ray's own store: `nova trace` finds less of them", self._bootstrap)

    def _model_logs(self) -> Verdict:
        found = self.client("bedrock", self.region).get_model_invocation_logging_configuration()
        configured: Mapping[str, Any] = found.get("loggingConfig") or {}
        texts = [name for name in configured if name.endswith("DataDeliveryEnabled") and configured[name]]
        if texts:
            return warning(
                "Bedrock logs what people say, for the whole account and outside of any stack's retention",
                "set logModelTexts to false in bootstrap/, unless it is meant",
            )
        return Ok("who called which model" if configured else "off")

    def _provider(self) -> Verdict:
        listed = self.client("iam", self.region).list_open_id_connect_providers()
        arns = [str(one["Arn"]) for one in listed["OpenIDConnectProviderList"]]
        if any(arn.endswith(GITHUB) for arn in arns):
            return Ok(GITHUB)
        return warning(
            "GitHub's workflows are unknown to the account, and cannot deploy",
            f"{self._bootstrap[:-1]} --repository owner/name`",
        )

    def _boundary(self) -> Verdict:
        name = self.settings.access.permissions_boundary
        if not name:
            return Ok("the stack has none")
        arn = f"arn:aws:iam::{self.told['account']}:policy/{name}"
        try:
            self.client("iam", self.region).get_policy(PolicyArn=arn)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchEntity":
                raise
            return Broken(f"the account has no policy {name}, which every role names", self._bootstrap)
        return Ok(name)


def _endpoint() -> Verdict:
    named = sorted(name for name in os.environ if name.startswith("AWS_ENDPOINT_URL"))
    if named:
        return Broken(
            f"this shell does not talk to AWS itself: {', '.join(named)} set, as for the local cloud",
            f"open another shell, or `unset {' '.join(named)}` and the keys beside it",
        )
    return Ok("AWS's own")
