"""What must not be done to tasks and their containers."""

from dataclasses import replace
from typing import Any

from nova_policy.graph import Graph

from tests.policy.mutation import Mutation, altered, found, in_json, put, with_value

TASK = ("aws:ecs/taskDefinition:TaskDefinition", "audio-task")
OTHER = (TASK[0], "search-task")
CONTAINERS = (*TASK, "containerDefinitions")
PRIVILEGES = "ecs-task-privileges"
KEY = {"name": "STRIPE_API_KEY", "value": "4f9b21c8a7"}
ADDRESS = {"name": "DATABASE_URL", "value": "postgres://shop:hunter2@db.internal/shop"}
FAMILIAR = {"name": "PARTNER", "value": "AKIAIOSFODNN7EXAMPLE"}


def container(rule: str, what: str, path: tuple[str | int, ...], new: Any) -> Mutation:
    """Another value in the definition of the task's container."""
    change = in_json(CONTAINERS, (0, *path), new)
    return Mutation(rule=rule, what=what, change=change, at=TASK, unknown=CONTAINERS)


def with_role_of(other: tuple[str, str], key: str) -> Mutation:
    """The task with a role that another, or it itself, has already."""

    def change(graph: Graph) -> Graph:
        one, owner = found(graph, *TASK), found(graph, *other)
        references = {**one.references, "taskRoleArn": owner.references[key]}
        props = with_value(one.props, ("taskRoleArn",), owner.at(key))
        return put(graph, replace(one, props=props, references=references))

    shared = other != TASK
    return Mutation(
        rule="ecs-service-role" if shared else "ecs-task-execution-role",
        what="two services share a task role" if shared else "the execution role is the task role, too",
        change=change,
        at=("aws:ecs/service:Service", "search-service") if shared else TASK,
        unknown=(*TASK, "taskRoleArn"),
        needs=("executionRoleArn", "taskDefinition"),
    )


MUTATIONS = (
    altered("ecs-task-network", "it shares the host's network", (*TASK, "networkMode"), "host"),
    altered("ecs-task-network", "it shares the host's processes", (*TASK, "pidMode"), "host"),
    container(
        "ecs-task-readonly-root", "the root file system can be written", ("readonlyRootFilesystem",), None
    ),
    container("ecs-task-user", "it runs as root", ("user",), "0:0"),
    container("ecs-task-user", "it runs as whom the image says", ("user",), None),
    container(PRIVILEGES, "it is privileged", ("privileged",), True),
    container(PRIVILEGES, "usual capabilities stay", ("linuxParameters", "capabilities"), None),
    container(PRIVILEGES, "it may trace others", ("linuxParameters", "capabilities", "add"), ["SYS_PTRACE"]),
    container("ecs-task-logs", "it has no log", ("logConfiguration",), None),
    container("ecs-task-logs", "its log blocks it", ("logConfiguration", "options", "mode"), "blocking"),
    container("ecs-task-secrets", "a key is a variable", ("environment", 0), KEY),
    container("ecs-task-secrets", "a password is in an address", ("environment", 0), ADDRESS),
    container("ecs-task-secrets", "an access key is a variable", ("environment", 0), FAMILIAR),
    with_role_of(TASK, "executionRoleArn"),
    with_role_of(OTHER, "taskRoleArn"),
    container("ecs-task-healthcheck", "nobody asks whether it answers", ("healthCheck",), None),
    container("ecs-task-image", "it runs the latest image", ("image",), "registry.example.com/audio"),
    container("ecs-task-image", "it runs a tag", ("image",), "registry.example.com:5000/audio:1.2"),
)
