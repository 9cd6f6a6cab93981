"""Rules about tables that tell what happened: who reads their streams, and who may change them."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from nova_policy.documents import Statement, statements
from nova_policy.graph import Graph, Resource
from nova_policy.rule import Finding, Options, Severity, stack_rule
from nova_policy.values import is_certainly, is_set, texts

TABLE = "aws:dynamodb/table:Table"
PIPE = "aws:pipes/pipe:Pipe"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
KINESIS = "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
IAM_POLICY = "aws:iam/policy:Policy"
_SUFFIX = "-" + "?" * 7
"""What the engine appends to the names that it makes."""
_ARN_PARTS = 6
_CHANGES = (
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLUpdate",
    "dynamodb:PartiQLDelete",
)


@stack_rule(
    "dynamodb-table-stream-consumer",
    severity=Severity.LOW,
    types=(TABLE,),
    controls=(14,),
    description="Somebody reads the stream of a table that has one.",
    remediation="Remove the stream, or give it a pipe or an event source mapping.",
)
def stream_consumer(graph: Graph, _options: Options) -> Iterable[Finding]:
    """Leave out tables with copies in other regions: these read the stream themselves."""
    for table in graph.of_type(TABLE):
        if not is_certainly(table.at("streamEnabled"), True) or is_set(table.at("replicas")):
            continue
        readers = (
            *graph.referring_to(table, PIPE, by="source"),
            *graph.referring_to(table, MAPPING, by="eventSourceArn"),
            *graph.referring_to(table, KINESIS, by="tableName"),
        )
        if not readers:
            yield Finding(table, "nobody reads its stream")


@stack_rule(
    "dynamodb-table-append-only",
    severity=Severity.HIGH,
    types=(TABLE, ROLE_POLICY),
    controls=(15,),
    description="No role changes or deletes what is in a table of events.",
    remediation="Grant dynamodb:PutItem and reading, and put events on condition that they are new.",
    options={
        "tables": {
            "type": "array",
            "items": {"type": "string"},
            "default": ["*event-store*", "*events-table*", "*-events"],
            "description": "Names of tables of events, with * for any text",
        }
    },
)
def append_only(graph: Graph, options: Options) -> Iterable[Finding]:
    """Refuse grants: whether a put replaces an item is a condition of the call, which no program declares."""
    stores = [
        table
        for table in graph.of_type(TABLE)
        if any(fnmatchcase(table.name, pattern) for pattern in options["tables"])
    ]
    for policy in graph.of_type(ROLE_POLICY, IAM_POLICY) if stores else ():
        for statement in statements(policy.at("policy")):
            if (
                statement.allows
                and _changes(statement)
                and any(_concerns(statement, store) for store in stores)
            ):
                yield Finding(policy, "it lets a role change or delete events")
                break


def _changes(statement: Statement) -> bool:
    return any(map(statement.is_about, _CHANGES))


def _concerns(statement: Statement, table: Resource) -> bool:
    """Whether the statement is about ``table``, by its name in the cloud or by one that the engine makes."""
    if statement.not_resources:
        return True
    names = [*texts(table.at("name")), *(f"{table.name}{suffix}" for suffix in ("", _SUFFIX))]
    return any(
        resource == "*" or any(_names(resource, name) for name in names) for resource in statement.resources
    )


def _names(resource: str, name: str) -> bool:
    """Whether an ARN or a pattern of ARNs is, or covers, the table ``name``, which may be a pattern too."""
    parts = resource.split(":", 5)
    return (
        len(parts) == _ARN_PARTS
        and fnmatchcase("dynamodb", parts[2])
        and (fnmatchcase(parts[5], f"table/{name}") or fnmatchcase(f"table/{name}", parts[5]))
    )
