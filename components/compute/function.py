"""Lambda functions from container images.

Creates: a Lambda function (ARM64, image by digest, traced) with its log group, its role's policy, its own
limits for failed events, a dead-letter queue for those that are given up, and alarms for errors, throttles
and runs close to the time-out; with ``url`` a Function URL, and for each principal that ``admit`` names the
two permissions that a call of it needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole, ServiceRoleArgs
from ..access.statements import Statement
from ..account import Account
from ..data.keys import DataKey
from ..joined import joined
from ..messaging.queue import DeadLetterQueue, QueueEncryption
from ..observe.logs import LogPolicy, write_statement
from ..observe.sets.compute import function_alarms
from .image import Image

MEMORY_MIB = range(128, 10_240 + 1)
TIMEOUT_SECONDS = range(1, 900 + 1)
STORAGE_MIB = range(512, 10_240 + 1)
"""What Lambda sells (Lambda quotas)."""
UNRESERVED_MIN = 100
"""Runs at a time that stay with an account's functions without a reservation (PutFunctionConcurrency)."""

ATTEMPTS_AGAIN = 2
EVENT_SECONDS_MAX = 3600
"""An event that nobody waits for is tried three times within an hour, then given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionArgs:
    """One function: what it runs, as whom, how large, and how it is watched."""

    account: Account
    image: Image
    command: Sequence[str]
    """Handler of the image, in place of its own command; empty for that."""
    environment: Mapping[str, pulumi.Input[str]]
    """Nothing secret: whoever may read the function's configuration reads it. Secrets are named here and
    read by the function itself."""
    key: DataKey
    """Encrypts the environment, and Lambda's own copy of the image."""
    role: ServiceRole
    """From ``function_role``, granted all that the function needs; it is sealed here."""
    logs: LogPolicy
    queues: QueueEncryption
    """How its dead-letter queue is encrypted, and where its alarms go."""
    memory: int
    """MiB; processor time comes with it, one core for each 1,769."""
    timeout_seconds: int
    storage_mib: int = 512
    """Size of ``/tmp``."""
    reserved_concurrency: int | None = None
    """Runs at a time that are kept for this function and limit it; 0 stops it. They come out of the account's
    limit (10 in a new account, else 1,000), of which ``UNRESERVED_MIN`` have to stay: an account at its first
    limit can reserve nothing."""
    url: bool = False
    """Whether it can be called by HTTPS, with requests that are signed with SigV4."""
    streams: bool = False
    """Whether its URL passes answers on as they are made."""

    def __post_init__(self) -> None:
        """Refuse what Lambda does not take."""
        for field, value, allowed in (
            ("memory", self.memory, MEMORY_MIB),
            ("timeout_seconds", self.timeout_seconds, TIMEOUT_SECONDS),
            ("storage_mib", self.storage_mib, STORAGE_MIB),
        ):
            if value not in allowed:
                raise ValueError(
                    f"{field}: {value} is not allowed; Lambda takes {allowed[0]} to {allowed[-1]}"
                )
        if self.reserved_concurrency is not None and self.reserved_concurrency < 0:
            raise ValueError(
                f"reserved_concurrency: {self.reserved_concurrency} is not allowed; it is 0 or more, and "
                f"leaves {UNRESERVED_MIN} of the account's limit to other functions"
            )
        if self.streams and not self.url:
            raise ValueError("streams: True is not allowed; without a url there is nothing to stream to")


class Function(pulumi.ComponentResource):
    """A function that scales to nothing, outside the VPC.

    What it cannot handle when nobody waits for the answer ends in its dead-letter queue.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    invoke_arn: pulumi.Output[str]
    """What an integration of API Gateway names."""
    dead_letters: DeadLetterQueue

    def __init__(self, name: str, args: FunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:compute:Function", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.dead_letters = DeadLetterQueue(f"{name}-dead-letters", args.queues, opts=self._child)
        self.dead_letters.seal(())
        function = self._function()
        self.name, self.arn, self.invoke_arn = function.name, function.arn, function.invoke_arn
        aws.lambda_.FunctionEventInvokeConfig(
            f"{name}-events",
            function_name=function.name,
            maximum_retry_attempts=ATTEMPTS_AGAIN,
            maximum_event_age_in_seconds=EVENT_SECONDS_MAX,
            opts=self._child,
        )
        self._url = self._function_url() if args.url else None
        args.queues.alerts.watch(name, function_alarms(self.name, args.timeout_seconds), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn})

    @property
    def url(self) -> pulumi.Output[str]:
        """Where it is called, ending in a slash; raises ``ValueError`` for a function without a URL."""
        if self._url is None:
            raise ValueError(f"{self._label} has no URL: declare it with url=True")
        return self._url.function_url

    def grant_call(self, role: ServiceRole) -> None:
        """Let ``role``, of this account, call the function by its URL and no other way."""
        sid = "".join(word.capitalize() for word in self._label.split("-"))
        role.add(
            Statement(
                sid=f"CallUrlOf{sid}",
                actions=("lambda:InvokeFunctionUrl",),
                resources=(self.arn,),
                conditions={"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
            ),
            # Since October 2025 a call by URL has to be allowed both (Lambda developer guide, function URLs).
            Statement(
                sid=f"Run{sid}",
                actions=("lambda:InvokeFunction",),
                resources=(self.arn,),
                conditions={"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
            ),
        )

    def admit(self, name: str, principal: pulumi.Input[str]) -> None:
        """Let ``principal``, the ARN of another account's role, call by URL; ``name`` labels the permissions.

        The role needs the same two rights in its own account.
        """
        aws.lambda_.Permission(
            f"{self._label}-url-for-{name}",
            action="lambda:InvokeFunctionUrl",
            function=self.name,
            principal=principal,
            function_url_auth_type="AWS_IAM",
            opts=self._child,
        )
        aws.lambda_.Permission(
            f"{self._label}-run-for-{name}",
            action="lambda:InvokeFunction",
            function=self.name,
            principal=principal,
            invoked_via_function_url=True,
            opts=self._child,
        )

    def admit_api(self, name: str, execution_arn: pulumi.Input[str], stage: str) -> None:
        """Let one stage of a REST API call the function; ``name`` labels the permission."""
        aws.lambda_.Permission(
            f"{self._label}-api-for-{name}",
            action="lambda:InvokeFunction",
            function=self.name,
            principal="apigateway.amazonaws.com",
            source_arn=joined(execution_arn, f"/{stage}/*"),
            opts=self._child,
        )

    def _function(self) -> aws.lambda_.Function:
        args = self._args
        group = args.logs.group(f"{self._label}-logs", parent=self)
        args.role.add(write_statement(group), _trace_statement())
        args.role.add_shared(args.key.decrypt_through("lambda"))
        self.dead_letters.grant_send(args.role)
        return aws.lambda_.Function(
            f"{self._label}-function",
            package_type="Image",
            image_uri=args.image.digest,
            image_config=aws.lambda_.FunctionImageConfigArgs(commands=list(args.command))
            if args.command
            else None,
            architectures=["arm64"],
            role=args.role.arn,
            memory_size=args.memory,
            timeout=args.timeout_seconds,
            ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=args.storage_mib),
            reserved_concurrent_executions=args.reserved_concurrency,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=args.environment),
            kms_key_arn=args.key.arn,
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active"),
            dead_letter_config=aws.lambda_.FunctionDeadLetterConfigArgs(target_arn=self.dead_letters.arn),
            # Levels exist with JSON alone.
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="JSON",
                log_group=group.name,
                application_log_level="INFO",
                system_log_level="INFO",
            ),
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.role.seal(), *args.image.admit_functions()]
            ),
        )

    def _function_url(self) -> aws.lambda_.FunctionUrl:
        return aws.lambda_.FunctionUrl(
            f"{self._label}-url",
            function_name=self.name,
            authorization_type="AWS_IAM",
            invoke_mode="RESPONSE_STREAM" if self._args.streams else "BUFFERED",
            opts=self._child,
        )


def function_role(name: str, account: Account, opts: pulumi.ResourceOptions) -> ServiceRole:
    """Return a role that Lambda takes for functions of this account.

    Lambda does not say for which function it takes a role: it tries the role before there is one.
    """
    args = ServiceRoleArgs(service="lambda.amazonaws.com", account=account, names_source=False)
    return ServiceRole(name, args, opts=opts)


def _trace_statement() -> Statement:
    return Statement(
        sid="Trace", actions=("xray:PutTelemetryRecords", "xray:PutTraceSegments"), resources=("*",)
    )
