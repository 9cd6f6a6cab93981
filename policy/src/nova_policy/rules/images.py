"""Rules about images: where they are kept, and by which name they are run."""

from collections.abc import Iterable, Iterator
from typing import Any

from nova_policy.containers import TASK, containers
from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, resource_rule, stack_rule
from nova_policy.values import at, is_set, may_be

REPOSITORY = "aws:ecr/repository:Repository"
LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
REGISTRY_SCAN = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
FUNCTION = "aws:lambda/function:Function"
RUNTIME = "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime"
_DIGEST = {
    "digest": {
        "type": "boolean",
        "default": True,
        "description": "Whether a digest is asked for; else any tag but latest will do",
    }
}


def _moving(image: Any, options: Options) -> Iterator[str]:
    """Say why an image may be another one tomorrow."""
    if not isinstance(image, str) or "@sha256:" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest"):
        yield "its image is whatever is the latest"
    elif options["digest"]:
        yield "its image is named by a tag, not by its digest"


@resource_rule(
    "ecs-task-image",
    severity=Severity.HIGH,
    types=(TASK,),
    controls=(31,),
    description="A task runs the image that was tested, by its digest.",
    remediation="Name the image as repository@sha256:digest.",
    options=_DIGEST,
)
def task_image(task: Resource, options: Options) -> Iterable[str]:
    """Ask that a task which AWS starts again next month is the same."""
    for name, container in containers(task):
        yield from (f"{name}: {problem}" for problem in _moving(at(container, "image"), options))


@resource_rule(
    "lambda-function-image",
    severity=Severity.HIGH,
    types=(FUNCTION,),
    controls=(31,),
    description="A function runs the image that was tested, by its digest.",
    remediation="Name the image as repository@sha256:digest.",
    options=_DIGEST,
)
def function_image(function: Resource, options: Options) -> Iterable[str]:
    """Leave out functions that are archives."""
    return _moving(function.at("imageUri"), options)


@resource_rule(
    "bedrockagentcore-runtime-image",
    severity=Severity.HIGH,
    types=(RUNTIME,),
    controls=(31,),
    description="An agent's runtime runs the image that was tested, by its digest.",
    remediation="Name the image as repository@sha256:digest.",
    options=_DIGEST,
)
def runtime_image(runtime: Resource, options: Options) -> Iterable[str]:
    """Ask for what a version of a runtime promises: that it does not change."""
    return _moving(runtime.at("agentRuntimeArtifact", "containerConfiguration", "containerUri"), options)


@resource_rule(
    "ecr-repository-immutable",
    severity=Severity.MEDIUM,
    types=(REPOSITORY,),
    controls=(40,),
    references=("ECR.2",),
    description="A tag of a repository stays with its image.",
    remediation="Set imageTagMutability to IMMUTABLE.",
)
def immutable(repository: Resource, _options: Options) -> Iterable[str]:
    """Whoever may push could otherwise put another image behind a known tag."""
    if not may_be(repository.at("imageTagMutability"), "IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"):
        yield "its tags can be moved to other images"


@resource_rule(
    "ecr-repository-key",
    severity=Severity.LOW,
    types=(REPOSITORY,),
    controls=(40,),
    references=("ECR.5",),
    description="A repository is encrypted under a key of the account's own.",
    remediation="Set encryptionConfigurations with encryptionType KMS and kmsKey.",
)
def own_key(repository: Resource, _options: Options) -> Iterable[str]:
    """Of the account's default key nobody can say who reads."""
    if not may_be(repository.at("encryptionConfigurations", 0, "encryptionType"), "KMS", "KMS_DSSE"):
        yield "it is encrypted under AWS's own key"
    elif not is_set(repository.at("encryptionConfigurations", 0, "kmsKey")):
        yield "it is encrypted under the account's default key"


@stack_rule(
    "ecr-repository-scan",
    severity=Severity.HIGH,
    types=(REPOSITORY,),
    controls=(40,),
    references=("ECR.1",),
    description="Images are scanned when they are pushed.",
    remediation="Set imageScanningConfiguration.scanOnPush, or scan the whole registry.",
)
def scan(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Leave it to the registry where that has a configuration of its own."""
    if graph.of_type(REGISTRY_SCAN):
        return
    for repository in graph.of_type(REPOSITORY):
        if not may_be(repository.at("imageScanningConfiguration", "scanOnPush"), True):
            yield Finding(repository, "its images are not scanned")


@stack_rule(
    "ecr-repository-lifecycle",
    severity=Severity.MEDIUM,
    types=(REPOSITORY, LIFECYCLE),
    controls=(40,),
    references=("ECR.3",),
    description="A repository forgets images that nobody uses.",
    remediation="Give the repository a LifecyclePolicy.",
)
def lifecycle(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Whatever was ever pushed is paid for, and scanned, for ever."""
    for repository in graph.of_type(REPOSITORY):
        if not graph.referring_to(repository, LIFECYCLE, by="repository"):
            yield Finding(repository, "it keeps every image")
