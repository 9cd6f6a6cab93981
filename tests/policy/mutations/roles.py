"""What must not be done to roles."""

import json
from typing import Any

from tests.policy.mutation import Mutation, altered

ROLE = ("aws:iam/role:Role", "audio-task-role")
TRUST = "iam-role-trust"


def trusting(what: str, principal: Any, action: str = "sts:AssumeRole") -> Mutation:
    """A role that is given to somebody without a condition."""
    statement = {"Effect": "Allow", "Action": action, "Principal": principal}
    return altered(TRUST, what, (*ROLE, "assumeRolePolicy"), json.dumps({"Statement": [statement]}))


MUTATIONS = (
    trusting("tasks of any account", {"Service": "ecs-tasks.amazonaws.com"}),
    trusting("anybody takes it", "*"),
)
