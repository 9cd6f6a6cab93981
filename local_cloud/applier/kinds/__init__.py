"""The kinds of resources that the local cloud runs, by type token. Any other kind is recorded only.

A change of tags alone is recorded and not sent: tags reach the cloud when a resource is created.
"""

from collections.abc import Mapping

from ..images import ImageStore
from ..model import Kind, Lifecycle
from ..secrecy import Secrecy
from . import (
    agentcore,
    api_gateway,
    bedrock,
    cloudfront,
    cognito,
    dynamodb,
    ecs,
    elasticache,
    functions,
    iam,
    load_balancing,
    messaging,
    network,
    s3,
    secrets,
    vectors,
)
from .api_gateway import STAGE
from .docker import DockerImage
from .random import RandomPassword
from .stage import RestStage

DECLARED: tuple[Kind, ...] = (
    *dynamodb.KINDS,
    *s3.KINDS,
    *messaging.KINDS,
    *iam.KINDS,
    *ecs.KINDS,
    *network.KINDS,
    *load_balancing.KINDS,
    *api_gateway.KINDS,
    *cloudfront.KINDS,
    *cognito.KINDS,
    *elasticache.KINDS,
    *secrets.KINDS,
    *vectors.KINDS,
    *bedrock.KINDS,
    *agentcore.KINDS,
    *functions.KINDS,
)


def all_kinds(images: ImageStore, secrecy: Secrecy) -> Mapping[str, Lifecycle]:
    """Every kind by its type token."""
    kinds: dict[str, Lifecycle] = {kind.type: kind for kind in DECLARED}
    kinds.update(ecs.OTHERS)
    kinds.update(network.OTHERS)
    kinds[STAGE.type] = RestStage(STAGE)
    kinds["docker:index/image:Image"] = DockerImage(images)
    kinds["random:index/randomPassword:RandomPassword"] = RandomPassword(secrecy)
    return kinds
