"""What must not be done to functions."""

from tests.policy.mutation import Mutation, added, altered, both, set_at

FUNCTION = ("aws:lambda/function:Function", "mcp-server-function")
URL = ("aws:lambda/functionUrl:FunctionUrl", "mcp-server-url")
PERMISSION = ("aws:lambda/permission:Permission", "mcp-server-api-for-mcp-server")
MAPPING = ("aws:lambda/eventSourceMapping:EventSourceMapping", "another")
RUNTIME, CONCURRENCY = "lambda-function-runtime", "lambda-function-concurrency"
SPARE = ("aws:lambda/function:Function", "spare-function")
WHOLE = {
    "packageType": "Zip",
    "runtime": "python3.13",
    "tracingConfig": {"mode": "Active"},
    "deadLetterConfig": {"targetArn": "arn:aws:sqs:us-east-1:123456789012:letters"},
    "reservedConcurrentExecutions": 5,
}
"""A function that nothing is said about."""

MUTATIONS = (
    altered("lambda-functionurl-authorization", "anybody calls", (*URL, "authorizationType"), "NONE"),
    altered(
        "lambda-function-tracing", "traces are passed on", (*FUNCTION, "tracingConfig", "mode"), "PassThrough"
    ),
    Mutation(
        rule=RUNTIME, what="a runtime of long ago", at=SPARE, unknown=(*FUNCTION, "packageType"),
        change=added(*SPARE, WHOLE | {"runtime": "python3.8"}), needs=("runtime", "packageType"),
    ),
    Mutation(
        rule=CONCURRENCY, what="nothing limits it", at=SPARE,
        change=added(*SPARE, {key: value for key, value in WHOLE.items() if not key.startswith("reserved")}),
        # The real function has none: tests/policy/test_allowed.py asks about an unknown one.
        unknown=(*FUNCTION, "timeout"), needs=("reservedConcurrentExecutions",),
    ),
    altered("lambda-function-failures", "what fails is lost", (*FUNCTION, "deadLetterConfig"), None),
    Mutation(
        rule="lambda-mapping-partial-batch", what="the whole batch is repeated", at=MAPPING,
        change=added(*MAPPING, {"batchSize": 10}), unknown=(*FUNCTION, "role"),
        needs=("functionResponseTypes",),
    ),
    altered(
        "lambda-permission-source", "gateways of any account call", (*PERMISSION, "sourceArn"), None,
        needs=("principal", "sourceAccount", "principalOrgId"),
    ),
    Mutation(
        rule="lambda-permission-source", what="anybody calls", at=PERMISSION,
        change=both(set_at((*PERMISSION, "sourceArn"), None), set_at((*PERMISSION, "principal"), "*")),
        unknown=(*PERMISSION, "principal"), needs=("sourceArn", "sourceAccount", "principalOrgId"),
    ),
)  # fmt: skip
