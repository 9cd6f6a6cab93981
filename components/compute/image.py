"""Container images.

Creates: an ECR repository (immutable tags, scan on push, own key, lifecycle) and the image in it, built for
ARM64 from the repository's root; the repository's policy, where functions run the image. Of an image that is
in the registry already: as a replicated one, the last alone; as a released one, the first alone.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pulumi_docker as docker

from ..access.role import ServiceRole
from ..access.statements import ResourceStatement, Statement, document
from ..account import Account
from ..data.keys import DataKey
from ..joined import joined
from .sources import content_tag

PLATFORM = "linux/arm64"
"""Graviton: about a fifth cheaper than x86 on Fargate (list price, us-east-1)."""
IMAGES_KEPT = 100
"""Images kept, newest first: far more than the deployments that anybody rolls back."""

SHARED_SOURCES = ("pyproject.toml", "uv.lock")
"""What every image is built from, beside its own sources and the libraries that it names."""
LIBRARY_SOURCES = ("pyproject.toml", "src")
"""What an image is built from in the folder of a library."""
OWN_SOURCES = ("Dockerfile", "Dockerfile.dockerignore", "pyproject.toml", "src")
"""What an image is built from in its own folder."""
NODE_PACKAGE = "package.json"
"""What makes a workload's folder one of Node, which shares nothing with those of Python."""
NODE_SOURCES = (
    "Dockerfile",
    "Dockerfile.dockerignore",
    NODE_PACKAGE,
    "package-lock.json",
    ".npmrc",
    "tsconfig.json",
    "next.config.ts",
    "postcss.config.mjs",
    "bin",
    "src",
)
"""What an image of Node is built from."""


type RegistryCredentials = pulumi.Output[aws.ecr.GetAuthorizationTokenResult]


def registry_credentials(opts: pulumi.InvokeOutputOptions) -> RegistryCredentials:
    """Ask for what whoever pushes to the account's registry logs in with, for twelve hours."""
    return aws.ecr.get_authorization_token_output(opts=opts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageArgs:
    """What is built, and where it is kept."""

    account: Account
    key: DataKey
    folder: str
    """The workload's folder, relative to the program's; it holds the Dockerfile."""
    protect: bool
    """Whether the repository outlives its images."""
    credentials: RegistryCredentials
    """Of the account's registry, which all repositories are in; asked for once."""
    existing: str = ""
    """``<repository>@sha256:<digest>`` of an image that is in the region's registry; empty to build one."""
    released: str = ""
    """As ``existing``, from a repository that belongs to no stack and admits functions itself."""


class Image(pulumi.ComponentResource):
    """One image, tagged with the hash of its sources and used by its digest.

    The build context is the program's folder, so that the lock file and the shared library are in reach. An
    edit of one workload changes no other workload's tag.
    """

    digest: pulumi.Output[str]
    """``<repository>@sha256:<digest>``: what a task definition names."""

    def __init__(self, name: str, args: ImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:compute:Image", name, None, opts)
        self._account = args.account
        self._label = name
        self._repository_policy: aws.ecr.RepositoryPolicy | None = None
        self._released = bool(args.released and not args.existing)
        if taken := args.existing or args.released:
            if args.released and not args.existing:
                # A stack that built its images before must not lose them with the first release.
                self._keep(args)
            registry = joined(args.account.account_id, ".dkr.ecr.", args.account.region, ".amazonaws.com/")
            self.digest = joined(registry, taken)
            self._repository = pulumi.Output.from_input(taken.partition("@")[0])
        else:
            repository_url = self._keep(args)
            self._repository = _without_registry(repository_url)
            self.digest = self._build(args, repository_url)
        self.register_outputs({"digest": self.digest})

    @property
    def reference(self) -> pulumi.Output[str]:
        """``<repository>@sha256:<digest>``, which names the image in any region that it is replicated to."""
        return _without_registry(self.digest)

    def grant_pull(self, role: ServiceRole) -> None:
        """Let ``role``, an execution role, pull this repository's images."""
        role.add(
            Statement(
                sid="PullImage",
                actions=(
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ),
                resources=(self._account.arn("ecr", joined("repository/", self._repository)),),
            ),
            Statement(sid="LogInToRegistry", actions=("ecr:GetAuthorizationToken",), resources=("*",)),
        )

    def admit_functions(self) -> list[aws.ecr.RepositoryPolicy]:
        """Let Lambda pull the image for this account's functions, also when one wakes after weeks.

        Returns what has to be there first: nothing where the repository's owner has admitted them.
        """
        if self._released:
            return []
        if self._repository_policy is None:
            statement = ResourceStatement(
                sid="FunctionsPull",
                effect="Allow",
                principals={"Service": "lambda.amazonaws.com"},
                actions=("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
                resources=(),
                conditions={"ArnLike": {"aws:SourceArn": self._account.arn("lambda", "function:*")}},
            )
            self._repository_policy = aws.ecr.RepositoryPolicy(
                f"{self._label}-repository-policy",
                repository=self._repository,
                policy=document((statement,)),
                opts=pulumi.ResourceOptions(parent=self),
            )
        return [self._repository_policy]

    def _keep(self, args: ImageArgs) -> pulumi.Output[str]:
        repository = awsx.ecr.Repository(
            f"{self._label}-repository",
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[
                aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key.arn)
            ],
            # The component's own default expires untagged images after one, also those in use by digest.
            lifecycle_policy=awsx.ecr.LifecyclePolicyArgs(
                rules=[
                    awsx.ecr.LifecyclePolicyRuleArgs(
                        description=f"Keep the newest {IMAGES_KEPT} images",
                        tag_status=awsx.ecr.LifecycleTagStatus.ANY,
                        maximum_number_of_images=IMAGES_KEPT,
                    )
                ]
            ),
            force_delete=not args.protect,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return repository.url

    def _build(self, args: ImageArgs, repository_url: pulumi.Output[str]) -> pulumi.Output[str]:
        tag = content_tag(Path(), image_sources(Path(), args.folder))
        image = docker.Image(
            f"{self._label}-image",
            image_name=joined(repository_url, ":", tag),
            build=docker.DockerBuildArgs(
                context=".",
                dockerfile=f"{args.folder}/Dockerfile",
                platform=PLATFORM,
                builder_version=docker.BuilderVersion.BUILDER_BUILD_KIT,
            ),
            registry=docker.RegistryArgs(
                server=repository_url,
                username=args.credentials.user_name,
                password=pulumi.Output.secret(args.credentials.password),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        return image.repo_digest


def image_sources(context: Path, folder: str) -> tuple[str, ...]:
    """Return the paths that the image of the workload in ``folder`` is built from, below ``context``."""
    if (context / folder / NODE_PACKAGE).is_file():
        return tuple(f"{folder}/{name}" for name in NODE_SOURCES)
    libraries = [f"{library}/{name}" for library in _libraries(context, folder) for name in LIBRARY_SOURCES]
    return (*SHARED_SOURCES, *libraries, *(f"{folder}/{name}" for name in OWN_SOURCES))


def _libraries(context: Path, folder: str) -> list[str]:
    """Return the folders of the libraries that a workload's package names: ``libs/common``, ..."""
    package = tomllib.loads((context / folder / "pyproject.toml").read_text(encoding="utf-8"))
    sources: dict[str, dict[str, object]] = package["tool"]["uv"]["sources"]
    return [
        f"libs/{name.removeprefix('nova-').replace('-', '_')}"
        for name, source in sources.items()
        if source.get("workspace")
    ]


def _without_registry(name: pulumi.Output[str]) -> pulumi.Output[str]:
    return name.apply(lambda whole: whole.partition("/")[2])
