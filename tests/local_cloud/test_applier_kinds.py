"""The applier emulates what this platform uses, nothing else."""

from typing import TYPE_CHECKING, cast

from local_cloud.applier.kinds import all_kinds
from tests.infra.deployment import deployed

if TYPE_CHECKING:
    from local_cloud.applier.images import ImageStore
    from local_cloud.applier.secrecy import Secrecy


def test_every_kind_is_used_by_the_program() -> None:
    registered = {resource.type for resource in deployed("local").resources.values()}
    assert sorted(set(all_kinds(cast("ImageStore", None), cast("Secrecy", None))) - registered) == []
