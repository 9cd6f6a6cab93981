"""Documents of the shape that `pulumi preview --json` prints (the engine's PreviewDigest)."""

import json
from typing import Any

TABLE, TASK, QUEUE = (
    "aws:dynamodb/table:Table",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:sqs/queue:Queue",
)


def step(op: str, kind: str, name: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 (of the document)
    """One step, with the states that its operation has."""
    urn = f"urn:pulumi:dev::nova::nova:data:EventStore${kind}::{name}"
    state = {"urn": urn, "custom": True, "type": kind, "inputs": {}, "outputs": {}} | fields.pop("state", {})
    states = {} if op == "create" else {"oldState": state}
    states |= {} if op == "delete" else {"newState": state}
    return {"op": op, "urn": urn, "provider": "urn:...::aws::id", **states, "detailedDiff": None, **fields}


def document(*steps: dict[str, Any], **fields: Any) -> str:  # noqa: ANN401 (as above)
    """A whole document."""
    root = {
        "op": "same",
        "urn": "urn:pulumi:dev::nova::pulumi:pulumi:Stack::nova-dev",
        "newState": {"type": "pulumi:pulumi:Stack"},
        "detailedDiff": None,
    }
    digest = {
        "config": {"nova:region": "us-east-1"},
        "steps": [root, *steps],
        "duration": 1,
        "changeSummary": {},
    }
    return json.dumps(digest | fields, indent=4)


def failed(message: str) -> str:
    """What the engine prints when the program does not run."""
    return document(diagnostics=[{"message": f"error: {message}\n", "severity": "error"}])


REPLACED_TABLE = step(
    "replace", TABLE, "nova-events-table", replaceReasons=["hashKey"], diffReasons=["hashKey"]
)
REPLACED_TASK = step("replace", TASK, "audio-task", replaceReasons=["containerDefinitions"])
