"""The agent's managed host, Amazon Bedrock AgentCore Runtime.

Creates: the runtime and the endpoint that callers name; the log groups of both its endpoints; the deliveries
of its usage, traces and, if wanted, application logs; alarms. In the VPC: its security group and rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole, ServiceRoleArgs
from ..access.statements import Statement
from ..account import Account
from ..compute.image import Image
from ..data.secrets import SecretReference
from ..joined import joined
from ..names import stack_identifier
from ..network.connection import Callee, Peer, connect_to_all
from ..network.needs import InternetNeed, needs_of
from ..network.vpc import Vpc
from ..observe.alarms import Alerts
from ..observe.log_watch import LogWatch
from ..observe.logs import LogPolicy
from ..observe.namespace import metrics_namespace
from ..observe.sets.agent import runtime_alarms
from ..observe.sets.traffic import runtime_calls
from ..observe.traces import spans_statement
from .delivery import RuntimeDeliveries, RuntimeDeliveriesArgs
from .runtime_plan import RuntimeNetwork, RuntimePlan, check_variables

PORT = 8080
"""Where AgentCore calls a container that speaks HTTP."""
PLATFORM_VERSION = "V1"
"""Starts each session by itself; V2 restores all from one snapshot, connections and secrets included."""
ENDPOINT = "live"
"""Name of the endpoint that callers use; AgentCore's own, DEFAULT, always answers with the newest version."""
TIMEOUT = "30m"
"""How long the provider waits for a runtime or endpoint: as long as its default, said once."""

_NAME_LENGTH_MAX = 48
_SERVICE = "bedrock-agentcore"
_LOGS = "log-group:/aws/bedrock-agentcore/runtimes"
_METRICS_NAMESPACE = "bedrock-agentcore"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRuntimeArgs:
    """What a runtime runs, as whom, where, and who hears of its troubles.

    Raises ``ValueError`` for an environment that AgentCore does not take, and for a plan without a runtime.
    """

    account: Account
    logs: LogPolicy
    log_watch: LogWatch
    alerts: Alerts
    plan: RuntimePlan
    image: Image
    """Its own command answers ``/ping`` and ``/invocations``: a runtime takes no command."""
    role: ServiceRole
    """Made by ``runtime_service_role`` and granted all that the container needs; it is sealed here."""
    description: str
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, SecretReference] = field(default_factory=dict[str, SecretReference])
    """By the variable that the container wants: it gets ``<name>_SECRET``, and reads the value itself."""
    vpc: Vpc | None = None
    """Where it stands; nothing for one on the internet."""
    calls: Sequence[Callee] = ()
    """What in the VPC it may call; only in the VPC."""
    internet: Sequence[InternetNeed] = ()
    """Hosts that it calls, apart from the AWS APIs that its role may use."""
    headers: Sequence[str] = ()
    """Headers of a request that reach the container, beside AgentCore's own."""

    def __post_init__(self) -> None:
        """Check place and environment."""
        if self.plan.network is RuntimeNetwork.NONE:
            raise ValueError("plan.network: none is not allowed; make no runtime instead")
        if self.plan.in_vpc and self.vpc is None:
            raise ValueError("vpc: None is not allowed; a runtime in the VPC has to be told in which")
        if self.calls and not self.plan.in_vpc:
            raise ValueError("calls: a runtime on the internet reaches nothing in the VPC")
        check_variables({**self.environment, **{f"{name}_SECRET": "" for name in self.secrets}})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedAgent:
    """A runtime, for whoever talks with it."""

    arn: pulumi.Output[str]
    endpoint_arn: pulumi.Output[str]
    endpoint_name: pulumi.Output[str]

    def grant_converse(self, role: ServiceRole) -> None:
        """Let ``role`` send messages to the endpoint, and end sessions there.

        AgentCore asks for the right on the runtime and on the endpoint (service authorization reference).
        """
        actions = ("bedrock-agentcore:InvokeAgentRuntime", "bedrock-agentcore:StopRuntimeSession")
        role.add(Statement(sid="ConverseWithAgent", actions=actions, resources=(self.arn, self.endpoint_arn)))

    def environment(self) -> dict[str, pulumi.Input[str]]:
        """Say where messages are sent to."""
        return {"AGENT_RUNTIME_ARN": self.arn, "AGENT_RUNTIME_QUALIFIER": self.endpoint_name}


class AgentRuntime(pulumi.ComponentResource):
    """A runtime, and the endpoint at which it is called.

    Every change makes a new version; sessions that run go on with theirs. A preview cannot know its number:
    an endpoint that follows the newest is shown as changed whenever the runtime is, a pinned one never.
    """

    arn: pulumi.Output[str]
    runtime_id: pulumi.Output[str]
    endpoint_arn: pulumi.Output[str]
    managed: ManagedAgent

    def __init__(self, name: str, args: AgentRuntimeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:agent:AgentRuntime", name, None, opts)
        self._label = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self._runtime_name = runtime_name(name)
        runtime = self._runtime(self._grant())
        self.arn = runtime.agent_runtime_arn
        self.runtime_id = runtime.agent_runtime_id
        endpoint = self._endpoint(runtime)
        self.endpoint_arn = endpoint.agent_runtime_endpoint_arn
        self.managed = ManagedAgent(arn=self.arn, endpoint_arn=self.endpoint_arn, endpoint_name=endpoint.name)
        RuntimeDeliveries(
            name,
            RuntimeDeliveriesArgs(
                runtime_arn=self.arn, logs=args.logs, application_logs=args.plan.application_logs
            ),
            opts=self._child,
        )
        called = f"{self._runtime_name}::{ENDPOINT}"
        args.alerts.watch(name, runtime_alarms(self.arn, called), parent=self)
        args.alerts.show(*runtime_calls(name, self.arn, called))
        self.register_outputs(
            {"arn": self.arn, "runtime_id": self.runtime_id, "endpoint_arn": self.endpoint_arn}
        )

    def _grant(self) -> aws.iam.RolePolicy:
        args = self._args
        args.image.grant_pull(args.role)
        for name, secret in sorted(args.secrets.items()):
            secret.grant_read(args.role, f"Read{name.replace('_', ' ').title().replace(' ', '')}")
        args.role.add(*_runtime_rights(args.account, self._runtime_name))
        return args.role.seal()

    def _runtime(self, policy: aws.iam.RolePolicy) -> "aws.bedrock.AgentcoreAgentRuntime":
        args = self._args
        network, ways_out = self._network()
        references = {f"{name}_SECRET": secret.value_from for name, secret in args.secrets.items()}
        return aws.bedrock.AgentcoreAgentRuntime(
            f"{self._label}-runtime",
            agent_runtime_name=self._runtime_name,
            description=args.description,
            role_arn=args.role.arn,
            agent_runtime_artifact=aws.bedrock.AgentcoreAgentRuntimeAgentRuntimeArtifactArgs(
                container_configuration=aws.bedrock.AgentcoreAgentRuntimeAgentRuntimeArtifactContainerConfigurationArgs(
                    container_uri=args.image.digest
                )
            ),
            network_configuration=network,
            protocol_configuration=aws.bedrock.AgentcoreAgentRuntimeProtocolConfigurationArgs(
                server_protocol="HTTP"
            ),
            platform_version=PLATFORM_VERSION,
            environment_variables={**args.environment, **references},
            request_header_configuration=aws.bedrock.AgentcoreAgentRuntimeRequestHeaderConfigurationArgs(
                request_header_allowlists=list(args.headers)
            )
            if args.headers
            else None,
            lifecycle_configurations=[
                aws.bedrock.AgentcoreAgentRuntimeLifecycleConfigurationArgs(
                    idle_runtime_session_timeout=args.plan.sessions.idle_seconds,
                    max_lifetime=args.plan.sessions.lifetime_seconds,
                )
            ],
            timeouts=aws.bedrock.AgentcoreAgentRuntimeTimeoutsArgs(
                create=TIMEOUT, update=TIMEOUT, delete=TIMEOUT
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                # AgentCore tries the role on the image when a runtime is made. The provider tries again while
                # IAM spreads the news, but not for a policy that is made later.
                depends_on=[
                    policy,
                    *ways_out,
                    *(needed for secret in args.secrets.values() for needed in secret.valid_after),
                ],
                # Its name is taken as long as it is there.
                delete_before_replace=True,
            ),
        )

    def _network(
        self,
    ) -> "tuple[aws.bedrock.AgentcoreAgentRuntimeNetworkConfigurationArgs, list[pulumi.Resource]]":
        vpc = self._args.vpc
        if vpc is None or not self._args.plan.in_vpc:
            return aws.bedrock.AgentcoreAgentRuntimeNetworkConfigurationArgs(network_mode="PUBLIC"), []
        # AWS keeps network interfaces of a runtime for hours after its end, and with them this group: nothing
        # about it may ask for a new one.
        group = aws.ec2.SecurityGroup(
            f"{self._label}-security-group",
            description=f"Sessions of {self._label}",
            vpc_id=vpc.vpc_id,
            opts=self._child,
        )
        ways_out = self._connect(vpc, group.id)
        return aws.bedrock.AgentcoreAgentRuntimeNetworkConfigurationArgs(
            network_mode="VPC",
            network_mode_config=aws.bedrock.AgentcoreAgentRuntimeNetworkConfigurationNetworkModeConfigArgs(
                security_groups=[group.id], subnets=vpc.agent_subnet_ids
            ),
        ), ways_out

    def _connect(self, vpc: Vpc, group_id: pulumi.Output[str]) -> list[pulumi.Resource]:
        args = self._args
        peer = Peer(label=f"the sessions of {self._label}", security_group_id=group_id)
        needs = (*needs_of(args.role.statements, args.account.region), *args.internet)
        return [
            *vpc.allow_out(peer, self._label, needs, parent=self),
            *connect_to_all(peer, args.calls, self._label, parent=self),
        ]

    def _endpoint(
        self, runtime: "aws.bedrock.AgentcoreAgentRuntime"
    ) -> "aws.bedrock.AgentcoreAgentRuntimeEndpoint":
        # AgentCore would make these itself at the first call, unencrypted and for ever.
        groups = {
            endpoint: self._args.logs.group(
                f"{self._label}-{endpoint.lower()}-logs",
                parent=self,
                physical_name=joined(
                    "/aws/bedrock-agentcore/runtimes/", runtime.agent_runtime_id, "-", endpoint
                ),
            )
            for endpoint in ("DEFAULT", ENDPOINT)
        }
        self._args.log_watch.count(f"{self._label}-logs", groups[ENDPOINT], parent=self)
        return aws.bedrock.AgentcoreAgentRuntimeEndpoint(
            f"{self._label}-endpoint",
            name=ENDPOINT,
            agent_runtime_id=runtime.agent_runtime_id,
            # Left out, it would stay with the version of its own creation.
            agent_runtime_version=self._args.plan.endpoint_version or runtime.agent_runtime_version,
            description=f"Where {self._label} is called",
            timeouts=aws.bedrock.AgentcoreAgentRuntimeEndpointTimeoutsArgs(
                create=TIMEOUT, update=TIMEOUT, delete=TIMEOUT
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(groups.values())),
        )


def runtime_name(label: str) -> str:
    """Return the name of the runtime ``label`` in the running stack: letters, digits and underscores."""
    return stack_identifier(label, _NAME_LENGTH_MAX)


def runtime_environment(label: str, region: str) -> dict[str, pulumi.Input[str]]:
    """Return the part of a runtime's environment that every container has.

    AgentCore sets nothing by itself, neither the region (boto's libraries read the second name only) nor the
    port that it calls.
    """
    return {
        "HOST": "0.0.0.0",  # noqa: S104 (a session has a machine of its own)
        "PORT": str(PORT),
        "LOG_LEVEL": "INFO",
        "METRICS_NAMESPACE": metrics_namespace(),
        "SERVICE_NAME": label,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }


def runtime_service_role(name: str, account: Account, opts: pulumi.ResourceOptions) -> ServiceRole:
    """Return a role that AgentCore takes for the runtimes of this account and region."""
    return ServiceRole(
        name,
        ServiceRoleArgs(
            service=f"{_SERVICE}.amazonaws.com", account=account, source_arn=account.arn(_SERVICE, "*")
        ),
        opts=opts,
    )


def _runtime_rights(account: Account, name: str) -> tuple[Statement, ...]:
    """Return what AgentCore itself does as the runtime's role (AgentCore developer guide, execution role).

    A runtime's id is its name with a suffix. A token for a user whose id is merely stated
    (GetWorkloadAccessTokenForUserId) is left out: people come with tokens that are verified.
    """
    directory = "workload-identity-directory/default"
    return (
        Statement(
            sid="MakeLogGroups",
            actions=("logs:CreateLogGroup", "logs:DescribeLogStreams"),
            resources=(account.arn("logs", f"{_LOGS}/{name}-*"),),
        ),
        Statement(
            sid="WriteLogs",
            actions=("logs:CreateLogStream", "logs:PutLogEvents"),
            resources=(account.arn("logs", f"{_LOGS}/{name}-*:log-stream:*"),),
        ),
        Statement(sid="FindLogGroups", actions=("logs:DescribeLogGroups",), resources=("*",)),
        Statement(
            sid="SendTraces",
            actions=(
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ),
            resources=("*",),
        ),
        spans_statement(),
        Statement(
            sid="SendMetrics",
            actions=("cloudwatch:PutMetricData",),
            resources=("*",),
            conditions={"StringEquals": {"cloudwatch:namespace": _METRICS_NAMESPACE}},
        ),
        Statement(
            sid="IdentifyWorkload",
            actions=(
                "bedrock-agentcore:GetWorkloadAccessToken",
                "bedrock-agentcore:GetWorkloadAccessTokenForJWT",
            ),
            resources=(
                account.arn(_SERVICE, directory),
                account.arn(_SERVICE, f"{directory}/workload-identity/{name}-*"),
            ),
        ),
    )
