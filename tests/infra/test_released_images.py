"""Images that a stack takes as they were built for all stacks, instead of building them."""

import json

import pytest

from settings.errors import SettingsError
from tests.infra.deployment import Deployment, deployed
from tests.infra.policies import granted
from tests.infra.test_settings import settings_with

IMAGE = "docker:index/image:Image"
REPOSITORY = "awsx:ecr:Repository"
POLICY = "aws:ecr/repositoryPolicy:RepositoryPolicy"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"


def built(stack: str) -> Deployment:
    return deployed(stack)


def released(stack: str) -> dict[str, str]:
    """A release of every image that the stack builds."""
    names = [image.name.removesuffix("-image") for image in built(stack).of_type(IMAGE)]
    return {name: f"nova-releases@sha256:{index:064x}" for index, name in enumerate(names)}


def taking(stack: str) -> Deployment:
    return deployed(stack, overrides={"images": json.dumps(released(stack))})


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_nothing_is_built_and_every_task_runs_what_was_released(stack: str) -> None:
    assert built(stack).of_type(IMAGE)
    assert taking(stack).of_type(IMAGE) == []
    known = {f"{REGISTRY}{reference}" for reference in released(stack).values()}
    used = {
        container["image"]
        for task in taking(stack).of_type(TASK)
        for container in json.loads(task.inputs["containerDefinitions"])
    }
    assert used <= known
    assert taking(stack).outputs["images"] == {
        name: f"{REGISTRY}{reference}" for name, reference in released(stack).items()
    }


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stacks_own_repositories_stay(stack: str) -> None:
    def names(deployment: Deployment) -> list[str]:
        return [found.name for found in deployment.of_type(REPOSITORY)]

    assert names(taking(stack)) == names(built(stack)) != []


def test_functions_run_them_by_the_policy_of_the_repositorys_owner() -> None:
    assert built("prod").of_type(POLICY)
    assert taking("prod").of_type(POLICY) == []
    (function,) = taking("prod").of_type("aws:lambda/function:Function")
    assert function.inputs["imageUri"] == f"{REGISTRY}{released('prod')['mcp-server']}"


def test_tasks_may_pull_from_the_releases_and_from_nowhere_else() -> None:
    pulled = {
        resource
        for statement in granted(taking("prod"))
        if "ecr:BatchGetImage" in statement.actions
        for resource in statement.resources
    }
    assert pulled == {"arn:aws:ecr:us-east-1:123456789012:repository/nova-releases"}


def test_one_workload_may_be_taken_and_the_others_built() -> None:
    images = {"audio": released("dev")["audio"], "unknown": released("dev")["audio"]}
    deployment = deployed("dev", overrides={"images": json.dumps(images)})
    before = {image.name for image in built("dev").of_type(IMAGE)}
    assert before - {image.name for image in deployment.of_type(IMAGE)} == {"audio-image"}


@pytest.mark.parametrize(
    "reference", ["nova-releases:latest", "nova-releases@sha256:1", "@sha256:" + "0" * 64]
)
def test_an_image_without_a_digest_is_refused(reference: str) -> None:
    with pytest.raises(SettingsError, match=r"images\.audio: .* is <repository>@sha256:<digest>"):
        settings_with(images=json.dumps({"audio": reference}))
