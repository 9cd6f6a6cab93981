"""What jobs share, and what each has of its own."""

import json
from typing import Any

import pulumi
import pytest

from components.compute.environment import job_environment
from components.compute.job import Job, JobArgs
from components.compute.task import task_service_role
from components.platform import Platform
from tests.infra.deployment import Deployment, deployed, run
from tests.infra.policies import granted
from tests.infra.test_components import platform
from tests.infra.test_network import FAR
from tests.infra.test_settings import SIZE
from tests.slices import SERVICES

GROUP = "aws:ec2/securityGroup:SecurityGroup"
LOGS = "aws:cloudwatch/logGroup:LogGroup"


def started(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """What starting each job takes."""
    return deployment.outputs["jobs"]


def own_groups(deployment: Deployment) -> set[str]:
    """The jobs with a security group besides that of all jobs."""
    common = set[str].intersection(*(set(job["securityGroups"]) for job in started(deployment).values()))
    assert len(common) == 1
    return {name for name, job in started(deployment).items() if set(job["securityGroups"]) > common}


def test_a_job_has_a_security_group_of_its_own_for_what_it_alone_reaches(deployment: Deployment) -> None:
    assert own_groups(deployment) == {"agent-core-erase"}
    groups = {found.name for found in deployment.of_type(GROUP)}
    assert {name for name in groups if name.removesuffix("-security-group") in started(deployment)} == {
        "agent-core-erase-security-group"
    }


def test_a_model_elsewhere_is_reached_by_the_job_that_calls_it_alone() -> None:
    far = deployed("prod", overrides=FAR)
    assert own_groups(far) == {"agent-core-erase", "search-reindex"}
    (rule,) = (
        found
        for found in far.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if found.name.startswith("search-reindex-")
    )
    assert rule.inputs["cidrIpv4"] == "0.0.0.0/0"
    assert rule.inputs["description"].startswith("TLS to bedrock-runtime in ")


def test_an_endpoint_stands_for_what_one_job_alone_calls() -> None:
    idle = SIZE | {"minTasks": 0, "maxTasks": 0}
    without_services = {
        "services": json.dumps(dict.fromkeys(SERVICES, idle)),
        "agentRuntimeNetwork": "public",
    }
    found = deployed("prod", overrides=without_services).of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert {
        endpoint.inputs["serviceName"].removeprefix("com.amazonaws.us-east-1.") for endpoint in found
    } == {
        "bedrock-runtime",
        "ecr.api",
        "ecr.dkr",
        "kms",
        "logs",
        "s3vectors",
        "secretsmanager",
    }


def test_a_job_that_has_no_use_for_what_all_jobs_reach_is_refused() -> None:
    def program() -> None:
        small = platform()
        parent = pulumi.ComponentResource("test:test:Jobs", "test")
        role = task_service_role("idle-task", small.account, pulumi.ResourceOptions(parent=parent))
        small.content.grant_get(role, "uploads/")
        job(small, role, parent)

    with pytest.raises(
        ValueError, match=r"idle: it would reach dynamodb in us-east-1 without any use for it"
    ):
        run(program)


def job(small: Platform, role: Any, parent: pulumi.Resource) -> Job:  # noqa: ANN401 (a role)
    """Declare a job of a workload that exists."""
    return Job(
        "idle",
        JobArgs(
            ground=small.jobs,
            image=small.image("projector", "services/projector", parent),
            command=("python", "-m", "nova_projector.rebuild"),
            environment=job_environment("idle"),
            role=role,
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def test_all_write_one_log_in_streams_named_after_them(deployment: Deployment) -> None:
    (group,) = (found for found in deployment.of_type(LOGS) if found.name == "nova-jobs-logs")
    tasks = {
        container["name"]: container["logConfiguration"]["options"]
        for task in deployment.of_type("aws:ecs/taskDefinition:TaskDefinition")
        for container in json.loads(task.inputs["containerDefinitions"])
    }
    for name, told in started(deployment).items():
        assert told["logGroup"] == tasks[name]["awslogs-group"] == f"{group.name}-0000000"
        assert tasks[name]["awslogs-stream-prefix"] == name == told["container"]
    others = {tasks[name]["awslogs-group"] for name in tasks.keys() - started(deployment).keys()}
    assert f"{group.name}-0000000" not in others


def test_roles_stay_apart(deployment: Deployment) -> None:
    tasks = {
        json.loads(task.inputs["containerDefinitions"])[0]["name"]: task.inputs
        for task in deployment.of_type("aws:ecs/taskDefinition:TaskDefinition")
    }
    taken = [tasks[name][role] for name in tasks for role in ("taskRoleArn", "executionRoleArn")]
    assert len(set(taken)) == len(taken)
    for name in started(deployment):
        pulled = [
            resource
            for statement in granted(deployment, f"{name}-execution-policy")
            for resource in statement.resources
            if ":repository/" in resource
        ]
        # One repository, of the slice whose job it is.
        assert len(pulled) == 1
        assert f"repository/{name.rpartition('-')[0]}-" in pulled[0]
