"""Taking a grant away from a role of the running platform, with IAM's own API, and giving it back."""

import contextlib
import copy
import json
import urllib.parse
from collections.abc import Generator
from typing import Any

from tests.e2e.running import Running


@contextlib.contextmanager
def without(platform: Running, service: str, action: str) -> Generator[str]:
    """Take `action` from the task role of an ECS service for the duration; gives the role's name."""
    iam = platform.aws("iam")
    roles: list[dict[str, Any]] = iam.list_roles()["Roles"]
    name = next(role["RoleName"] for role in roles if role["RoleName"].startswith(f"{service}-task-role"))
    policy = iam.list_role_policies(RoleName=name)["PolicyNames"][0]
    stored = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
    document = json.loads(urllib.parse.unquote(stored)) if isinstance(stored, str) else stored
    reduced = copy.deepcopy(document)
    for statement in reduced["Statement"]:
        statement["Action"] = [known for known in statement["Action"] if known != action]
    reduced["Statement"] = [statement for statement in reduced["Statement"] if statement["Action"]]
    assert reduced != document, f"{name} was never granted {action}"
    try:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(reduced))
        yield name
    finally:
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
