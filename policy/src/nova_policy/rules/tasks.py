"""Rules about task definitions of ECS, and the containers in them."""

from collections.abc import Iterable

from nova_policy.containers import SERVICE, TASK, containers, serves
from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.secret_shapes import looks_secret
from nova_policy.values import at, each, is_certainly, is_set, may_be, texts

_ROOT = ("0", "root")


@resource_rule(
    "ecs-task-network",
    severity=Severity.HIGH,
    types=(TASK,),
    controls=(27,),
    references=("ECS.1", "ECS.3", "ECS.17"),
    description="A task has a network interface and processes of its own.",
    remediation="Set networkMode to awsvpc, and leave pidMode and ipcMode out.",
)
def network(task: Resource, _options: Options) -> Iterable[str]:
    """Refuse what shares with the host, so that security groups are about tasks."""
    if not may_be(task.at("networkMode"), "awsvpc"):
        yield "it has no network interface of its own"
    for key in ("pidMode", "ipcMode"):
        if is_certainly(task.at(key), "host"):
            yield f"{key} shares the host's"


@resource_rule(
    "ecs-task-readonly-root",
    severity=Severity.HIGH,
    types=(TASK,),
    controls=(28,),
    references=("ECS.5",),
    description="A container cannot change its own file system.",
    remediation="Set readonlyRootFilesystem, and mount a tmpfs or a volume where it has to write.",
)
def readonly_root(task: Resource, _options: Options) -> Iterable[str]:
    """Refuse what would let an intruder leave something behind."""
    for name, container in containers(task):
        if not may_be(at(container, "readonlyRootFilesystem"), True):
            yield f"{name} may change its root file system"


@resource_rule(
    "ecs-task-user",
    severity=Severity.HIGH,
    types=(TASK,),
    controls=(28,),
    references=("ECS.20",),
    description="No container runs as root.",
    remediation="Set user to a number that is not 0.",
)
def user(task: Resource, _options: Options) -> Iterable[str]:
    """Ask for a user in the definition: what the image says can change with it."""
    for name, container in containers(task):
        named = at(container, "user")
        if not is_set(named):
            yield f"{name} does not say as whom it runs"
        elif isinstance(named, str) and named.partition(":")[0] in _ROOT:
            yield f"{name} runs as root"


@resource_rule(
    "ecs-task-privileges",
    severity=Severity.HIGH,
    types=(TASK,),
    controls=(28,),
    references=("ECS.4",),
    description="A container has no privileges of the kernel.",
    remediation="Leave privileged out, and drop ALL in linuxParameters.capabilities.",
    options={
        "add": {
            "type": "array",
            "items": {"type": "string"},
            "default": [],
            "description": "Capabilities that a container may add again",
        }
    },
)
def privileges(task: Resource, options: Options) -> Iterable[str]:
    """Refuse what containers have by default, too: nothing that serves HTTP needs it."""
    for name, container in containers(task):
        if is_certainly(at(container, "privileged"), True):
            yield f"{name} is privileged"
        capabilities = at(container, "linuxParameters", "capabilities")
        if "ALL" not in texts(at(capabilities, "drop")):
            yield f"{name} keeps capabilities that containers have by default"
        if set(texts(at(capabilities, "add"))) - set(options["add"]):
            yield f"{name} adds capabilities"


@resource_rule(
    "ecs-task-logs",
    severity=Severity.HIGH,
    types=(TASK,),
    controls=(29,),
    references=("ECS.9",),
    description="What a container prints is kept, and printing never stops it.",
    remediation="Set logConfiguration; for awslogs with the options mode non-blocking and max-buffer-size.",
)
def logs(task: Resource, _options: Options) -> Iterable[str]:
    """Refuse a driver that blocks: it stops the process where the log service stops."""
    for name, container in containers(task):
        if not is_set(at(container, "logConfiguration", "logDriver")):
            yield f"{name} has no log"
        elif is_certainly(at(container, "logConfiguration", "logDriver"), "awslogs") and not may_be(
            at(container, "logConfiguration", "options", "mode"), "non-blocking"
        ):
            yield f"{name} stops where the log service does"


@resource_rule(
    "ecs-task-secrets",
    severity=Severity.CRITICAL,
    types=(TASK,),
    controls=(30,),
    references=("ECS.8",),
    description="No secret stands in a task's environment.",
    remediation="Name the secret in secrets, by its ARN in Secrets Manager or Parameter Store.",
)
def secrets(task: Resource, _options: Options) -> Iterable[str]:
    """Whoever may describe a task definition reads its environment."""
    for name, container in containers(task):
        for variable in each(at(container, "environment")):
            key = at(variable, "name")
            if isinstance(key, str) and looks_secret(key, at(variable, "value")):
                yield f"{name} has a secret in its variable {key}"


@stack_rule(
    "ecs-task-execution-role",
    severity=Severity.MEDIUM,
    types=(TASK,),
    controls=(32,),
    description="What starts a task and what runs in it have roles of their own.",
    remediation="Give the task an execution role that pulls, logs and reads secrets, and another task role.",
)
def execution_role(graph: Graph, _options: Options) -> Iterable[Finding]:
    """With one role for both the application may read every secret that it is started with."""
    for task in graph.of_type(TASK):
        if role_of(task, "executionRoleArn") & role_of(task, "taskRoleArn"):
            yield Finding(task, "its execution role is its task role")


@stack_rule(
    "ecs-service-role",
    severity=Severity.HIGH,
    types=(SERVICE, TASK),
    controls=(33,),
    description="Each service has a role of its own.",
    remediation="Give each service a task role with the statements that it needs.",
)
def service_role(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Refuse shared roles: each may what all who share it need."""
    owners: dict[str, str] = {}
    for service in graph.of_type(SERVICE):
        for task in graph.targets(service, "taskDefinition", TASK):
            for role in sorted(role_of(task, "taskRoleArn")):
                if owners.setdefault(role, service.urn) != service.urn:
                    yield Finding(service, "another service has the same task role")


def role_of(task: Resource, key: str) -> frozenset[str]:
    """Return what tells a role apart: its ARN where that is known, and where the program has it from."""
    return frozenset(texts(task.at(key))) | task.references.get(key, frozenset())


@resource_rule(
    "ecs-task-healthcheck",
    severity=Severity.MEDIUM,
    types=(TASK,),
    controls=(34,),
    description="A container that listens says whether it answers.",
    remediation="Set healthCheck of the container.",
)
def healthcheck(task: Resource, _options: Options) -> Iterable[str]:
    """Without one ECS takes a process that hangs for one that works."""
    for name, container in containers(task):
        if serves(container) and not is_set(at(container, "healthCheck", "command")):
            yield f"{name} is not asked whether it answers"
