"""Takes a right away from a role at run time, through the real API, and gives it back."""

import contextlib
import json
from collections.abc import Generator
from typing import Any


@contextlib.contextmanager
def without_statement(iam: Any, role: str, sid: str) -> Generator[None]:  # noqa: ANN401 (a boto3 client)
    """Let a role do without the statement `sid` of its inline policies; the next call is decided so already.

    `iam` is the administrator's client. Raises ``LookupError`` when no inline policy of the role has it.
    """
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
        kept = [statement for statement in document["Statement"] if statement.get("Sid") != sid]
        if len(kept) == len(document["Statement"]):
            continue
        put = {"RoleName": role, "PolicyName": policy}
        if kept:
            iam.put_role_policy(**put, PolicyDocument=json.dumps({**document, "Statement": kept}))
        else:
            iam.delete_role_policy(**put)
        try:
            yield
        finally:
            iam.put_role_policy(**put, PolicyDocument=json.dumps(document))
        return
    raise LookupError(f"role {role} has no statement {sid}")
