"""What must not be done to the event store."""

import json

from tests.policy.mutation import Mutation, altered, both, removed

STORE = ("aws:dynamodb/table:Table", "nova-events-table")
PIPES = [("aws:pipes/pipe:Pipe", name) for name in ("nova-pipe-pipe", "nova-tampering-pipe")]
GRANTS = ("aws:iam/rolePolicy:RolePolicy", "audio-task-policy")
WILDCARDS = "iam-policy-wildcards"
ARN = "arn:aws:dynamodb:us-east-1:123456789012:table"


def grant(what: str, action: str, resource: str, *with_rules: str) -> Mutation:
    """A role that may change what is in a table."""
    document = {"Statement": {"Effect": "Allow", "Action": action, "Resource": resource}}
    return altered(
        "dynamodb-table-append-only", what, (*GRANTS, "policy"), json.dumps(document), with_rules=with_rules
    )


MUTATIONS = (
    Mutation(
        rule="dynamodb-table-stream-consumer", what="the pipes are removed",
        change=both(*(removed(*pipe) for pipe in PIPES)), at=STORE, unknown=(*STORE, "streamEnabled"),
        needs=("streamEnabled", "replicas"), with_rules=("sqs-queue-dead-letters",),  # the pipes' own letters
    ),
    grant("a role deletes events", "dynamodb:DeleteItem", f"{ARN}/nova-events-table-0000000"),
    grant("a role does everything with all tables", "dynamodb:*", f"{ARN}/*", WILDCARDS),
    grant("a role changes whatever there is", "dynamodb:Update*", "*", WILDCARDS),
)  # fmt: skip
