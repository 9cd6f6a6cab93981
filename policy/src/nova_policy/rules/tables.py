"""Rules about DynamoDB."""

from collections.abc import Iterable

from nova_policy.graph import Resource
from nova_policy.rule import Options, Severity, resource_rule
from nova_policy.values import is_set, may_be

TABLE = "aws:dynamodb/table:Table"


@resource_rule(
    "dynamodb-table-recovery",
    severity=Severity.HIGH,
    types=(TABLE,),
    controls=(11,),
    references=("DynamoDB.2",),
    description="A table can be restored to any second of its recent past.",
    remediation="Set pointInTimeRecovery.enabled of the table.",
)
def recovery(table: Resource, _options: Options) -> Iterable[str]:
    """Only tables that hold no data of their own may go without; those take an exception."""
    if not may_be(table.at("pointInTimeRecovery", "enabled"), True):
        yield "point-in-time recovery is off"


@resource_rule(
    "dynamodb-table-deletion-protection",
    severity=Severity.HIGH,
    types=(TABLE,),
    controls=(12,),
    references=("DynamoDB.6",),
    description="A table of production is protected from deletion, by AWS and by the engine.",
    remediation="Set deletionProtectionEnabled of the table, and the option protect of the resource.",
    production=True,
)
def deletion_protection(table: Resource, _options: Options) -> Iterable[str]:
    """Each of the two stops what the other does not see: calls of other tools, and replacements."""
    if not may_be(table.at("deletionProtectionEnabled"), True):
        yield "AWS would delete it when asked"
    if not table.protect:
        yield "the engine would delete or replace it"


@resource_rule(
    "dynamodb-table-key",
    severity=Severity.MEDIUM,
    types=(TABLE,),
    controls=(13,),
    description="A table is encrypted under a key of the account's own.",
    remediation="Set serverSideEncryption.enabled and its kmsKeyArn.",
)
def own_key(table: Resource, _options: Options) -> Iterable[str]:
    """Refuse a key that cannot be closed to anybody who may read the table."""
    encryption = table.at("serverSideEncryption")
    if not may_be(table.at("serverSideEncryption", "enabled"), True) or not is_set(encryption):
        yield "it is encrypted under AWS's own key"
    elif not is_set(table.at("serverSideEncryption", "kmsKeyArn")):
        yield "it is encrypted under the account's default key, which no policy of yours guards"
