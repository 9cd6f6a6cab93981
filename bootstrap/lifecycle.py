"""How many images a repository keeps (pure, no resources)."""

import json


def newest(count: int) -> str:
    """Return the lifecycle policy of a repository that keeps its newest ``count`` images."""
    rule = {
        "rulePriority": 1,
        "description": f"Keep the newest {count} images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]})
