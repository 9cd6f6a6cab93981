"""Takes a right away from a role at run time, through IAM's own API, and gives it back."""

import contextlib
import json
from collections.abc import Generator
from typing import Any


@contextlib.contextmanager
def without_action(iam: Any, role: str, action: str) -> Generator[None]:  # noqa: ANN401 (a boto3 client)
    """Let `role` do without `action` for the duration; the next call is decided so already.

    `iam` is the administrator's client. Raises ``LookupError`` when no inline policy of the role names it.
    """
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        kept = [_without(statement, action) for statement in document["Statement"]]
        if kept == document["Statement"]:
            continue
        put = {"RoleName": role, "PolicyName": policy}
        kept = [statement for statement in kept if statement["Action"]]
        if kept:
            iam.put_role_policy(**put, PolicyDocument=json.dumps({**document, "Statement": kept}))
        else:
            iam.delete_role_policy(**put)
        try:
            yield
        finally:
            iam.put_role_policy(**put, PolicyDocument=json.dumps(document))
        return
    raise LookupError(f"role {role} was never granted {action}")


def _without(statement: dict[str, Any], action: str) -> dict[str, Any]:
    actions = statement["Action"]
    named = [actions] if isinstance(actions, str) else actions
    if action not in named:
        return statement
    return {**statement, "Action": [other for other in named if other != action]}
