"""Lists what a stack consists of: ``python -m tests.infra.inventory [stack]`` prints it as JSON."""

import json
import sys
from itertools import groupby

from tests.infra.deployment import Deployment, deploy


def inventory(deployment: Deployment) -> dict[str, object]:
    """Resource types with their count, their names, and the inputs of the first of each; and the invokes."""
    resources = sorted(deployment.resources.values(), key=lambda found: (found.type, found.name))
    types: dict[str, object] = {}
    for kind, group in groupby(resources, key=lambda found: found.type):
        members = list(group)
        types[kind] = {
            "count": len(members),
            "names": [member.name for member in members],
            "example": {"urn": members[0].urn, "inputs": members[0].inputs},
        }
    return {"types": types, "invokes": sorted(set(deployment.invokes)), "outputs": deployment.outputs}


if __name__ == "__main__":
    json.dump(
        inventory(deploy((*sys.argv[1:], "local")[0])), sys.stdout, indent=2, sort_keys=True, default=str
    )
