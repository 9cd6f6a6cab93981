"""Container definitions (pure, no resources).

ECS takes them as JSON and ignores what it does not know, so they are typed here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi

CONTAINER_PORT = 8000
"""Where every service listens."""
USER = "10001"
"""A user id without any rights on the image's files."""
STOP_SECONDS = 120
"""From SIGTERM to SIGKILL, the longest that Fargate grants.

Longer than the load balancer's deregistration and a worker's last message.
"""
TEMPORARY_PATH = "/tmp"  # noqa: S108 (a file system of the task's own, in memory)
TEMPORARY_MIB = 64
"""Size of the only place that a task can write to; it counts against the task's memory."""

KEEPALIVE = {"time": 60, "intvl": 60, "probes": 5}
"""Seconds of silence before a connection is probed, seconds between probes, and how many may go unanswered.

NAT gateways and interface endpoints forget a connection after 350 s of silence, and a model may think for
longer; Linux would wait two hours. It concerns connections that ask for it (`SO_KEEPALIVE`).
"""

HEALTH_CHECK_COMMAND = ("python", "-m", "nova_common.healthcheck")
"""Of containers of Python; their image's own is the same."""


class _KeyValue(TypedDict):
    name: str
    value: pulumi.Input[str]


class _Secret(TypedDict):
    name: str
    valueFrom: pulumi.Input[str]


class _PortMapping(TypedDict):
    containerPort: int
    protocol: str


class _Capabilities(TypedDict):
    drop: list[str]


class _Tmpfs(TypedDict):
    containerPath: str
    size: int
    mountOptions: list[str]


class _LinuxParameters(TypedDict):
    initProcessEnabled: bool
    capabilities: _Capabilities
    tmpfs: list[_Tmpfs]


class _HealthCheck(TypedDict):
    command: list[str]
    interval: int
    timeout: int
    retries: int
    startPeriod: int


class _SystemControl(TypedDict):
    namespace: str
    value: str


class _LogConfiguration(TypedDict):
    logDriver: str
    options: dict[str, pulumi.Input[str]]


class ContainerDefinition(TypedDict):
    """The part of ECS's ContainerDefinition that is used here, in ECS's own spelling."""

    name: str
    image: pulumi.Input[str]
    command: list[str]
    essential: bool
    user: str
    readonlyRootFilesystem: bool
    linuxParameters: _LinuxParameters
    environment: list[_KeyValue]
    secrets: NotRequired[list[_Secret]]
    portMappings: NotRequired[list[_PortMapping]]
    healthCheck: NotRequired[_HealthCheck]
    logConfiguration: _LogConfiguration
    stopTimeout: int
    systemControls: list[_SystemControl]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerArgs:
    """What differs from container to container."""

    name: str
    image: pulumi.Input[str]
    command: Sequence[str]
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, pulumi.Input[str]]
    """Name of a variable to where ECS gets its value from, `<secret's ARN>:::<version id>`."""
    log_group: pulumi.Input[str]
    region: str
    serves: bool = True
    """Whether it listens at ``CONTAINER_PORT`` and answers for its health."""
    health_check: Sequence[str] = HEALTH_CHECK_COMMAND
    """The command that asks it."""


def container_definition(args: ContainerArgs) -> ContainerDefinition:
    """Return a hardened container.

    Its root is read-only, it has no capability, its user owns nothing, an init process reaps its children.
    """
    definition = ContainerDefinition(
        name=args.name,
        image=args.image,
        command=list(args.command),
        essential=True,
        user=USER,
        readonlyRootFilesystem=True,
        linuxParameters={
            "initProcessEnabled": True,
            "capabilities": {"drop": ["ALL"]},
            "tmpfs": [
                {
                    "containerPath": TEMPORARY_PATH,
                    "size": TEMPORARY_MIB,
                    "mountOptions": ["noexec", "nosuid", "nodev"],
                }
            ],
        },
        # Sorted, because the order counts as a change of the task definition.
        environment=[{"name": name, "value": value} for name, value in sorted(args.environment.items())],
        logConfiguration={
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": args.log_group,
                "awslogs-region": args.region,
                "awslogs-stream-prefix": args.name,
                # A log that cannot be delivered must not stop the service that writes it.
                "mode": "non-blocking",
                "max-buffer-size": "4m",
            },
        },
        stopTimeout=STOP_SECONDS,
        systemControls=[
            {"namespace": f"net.ipv4.tcp_keepalive_{name}", "value": str(value)}
            for name, value in KEEPALIVE.items()
        ],
    )
    if args.serves:
        definition["portMappings"] = [{"containerPort": CONTAINER_PORT, "protocol": "tcp"}]
        definition["healthCheck"] = {
            "command": ["CMD", *args.health_check],
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 30,
        }
    if args.secrets:
        definition["secrets"] = [
            {"name": name, "valueFrom": source} for name, source in sorted(args.secrets.items())
        ]
    return definition
