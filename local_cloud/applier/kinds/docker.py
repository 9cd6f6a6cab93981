"""docker:index/image:Image: built on this machine and pushed to the gateway's registry."""

from collections.abc import Set
from pathlib import Path

from local_cloud.documents import part

from ..dockerfile import read_dockerfile
from ..images import ImageStore
from ..model import Properties, Resource, State, error_code, is_missing

MANIFEST_TYPE = "application/vnd.nova.local.image+json"


class DockerImage:
    """Acts as the docker provider does: builds from the Dockerfile, pushes, answers with the digest."""

    name = None
    keeps = None
    delete_first = False
    taggable = False
    findable = True
    # The provider takes no difference of credentials for a change of the image.
    volatile = frozenset({"registry"})

    def __init__(self, store: ImageStore) -> None:
        self._store = store

    def create(self, resource: Resource) -> State:
        """Build unless built, push, and return the digest."""
        repository, _, tag = str(resource.inputs["imageName"]).rpartition(":")
        build = part(resource.inputs, "build")
        dockerfile = Path(build.get("dockerfile") or Path(build.get("context") or ".") / "Dockerfile")
        config = read_dockerfile(dockerfile)
        name = repository.partition("/")[2]
        digest, description = self._store.ensure(name, tag, config)
        self._push(resource, name, tag, description)
        return State(
            str(resource.inputs["imageName"]),
            {
                "baseImageName": resource.inputs["imageName"],
                "imageName": resource.inputs["imageName"],
                "registryServer": repository.partition("/")[0],
                "repoDigest": f"{repository}@sha256:{digest}",
                "dockerfile": str(dockerfile),
                "context": build.get("context") or ".",
            },
        )

    def find(self, resource: Resource) -> State | None:
        """Return the image when both its directory and its tag exist."""
        digest = digest_of(resource.outputs)
        if not digest or not self._store.exists(digest):
            return None
        repository, _, tag = str(resource.inputs["imageName"]).rpartition(":")
        request = {"repositoryName": repository.partition("/")[2], "imageIds": [{"imageTag": tag}]}
        try:
            images = resource.cloud.call("ecr", "BatchGetImage", request).get("images")
        except Exception as error:
            if is_missing(error):
                return None
            raise
        return State(resource.id, resource.outputs) if images else None

    def needs_replacement(self, changed: Set[str]) -> Set[str]:
        """Every change is another build under the same resource."""
        del changed
        return frozenset()

    def update(self, resource: Resource, changed: Set[str]) -> State:
        """Build and push again."""
        del changed
        return self.create(resource)

    def delete(self, resource: Resource) -> None:
        """As the provider: images stay until they are pruned."""

    def _push(self, resource: Resource, name: str, tag: str, description: str) -> None:
        request: Properties = {
            "repositoryName": name,
            "imageManifest": description,
            "imageManifestMediaType": MANIFEST_TYPE,
            "imageTag": tag,
        }
        try:
            resource.cloud.call("ecr", "PutImage", request)
        except Exception as error:
            # An immutable tag that exists was made from the same content.
            if error_code(error) not in {"ImageAlreadyExistsException", "ImageTagAlreadyExistsException"}:
                raise


def digest_of(outputs: Properties) -> str:
    """Return the hexadecimal digest in an image's outputs."""
    return str(outputs.get("repoDigest", "")).rpartition("@sha256:")[2]
