"""The event store, the read model, and the ledgers of what was used and paid.

Creates: one DynamoDB table each, on demand, encrypted under the tables' key, with point-in-time recovery,
and its replica in another region where there is one; nothing where the table is a replica itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
from pulumi_aws.dynamodb.outputs import TableReplica

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..joined import joined
from ..observe.alarms import Alerts
from ..observe.sets.data import replica_alarms, table_alarms
from ..observe.sets.source import AlarmSet
from .keys import DataKey

INDEX_NAME = "gsi1"
"""The one secondary index of events and read model, keyed by gsi1pk and gsi1sk."""

_SERVICE = "dynamodb"
# What the grants below let roles do, which is what can be throttled.
_OPERATIONS = ("GetItem", "PutItem", "Query")
_KEY_ATTRIBUTES = ("pk", "sk", "gsi1pk", "gsi1sk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """Where a table has a replica, and under which key of that region."""

    region: str
    key: DataKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingTable:
    """A table that another stack owns, in this stack's region: a replica of its own."""

    name: str
    stream_arn: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableArgs:
    """How a table is encrypted and protected, and where it is."""

    key: DataKey
    alerts: Alerts
    recovery_days: int
    """Days that point-in-time recovery reaches back, 1 to 35 (AWS limit)."""
    protect: bool
    replica: Replica | None = None
    existing: ExistingTable | None = None
    """The table, where it is there already; nothing else of these arguments is its own then."""


class EventStore(pulumi.ComponentResource):
    """The append-only store of events, and its stream.

    Key: pk ``<Aggregate>#<id>``, sk ``v<version>``; gsi1 finds a user's or a correlation's events, sharded by
    month. No grant allows changing or deleting an event. The stream carries old and new images: replicas need
    both, and the view cannot be changed later.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    stream_arn: pulumi.Output[str]
    replica_stream_arn: pulumi.Output[str]
    """Stream of the replica; empty without one."""

    def __init__(self, name: str, args: TableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:EventStore", name, None, opts)
        self._key = args.key
        self.replica_stream_arn = pulumi.Output.from_input("")
        if args.existing is None:
            table = _table(name, args, self, streams=True)
            self.name, self.arn, self.stream_arn = table.name, table.arn, table.stream_arn
            self.replica_stream_arn = _stream_of_replica(table)
        else:
            self.name, self.arn = given_table(args.existing, args.key)
            self.stream_arn = pulumi.Output.from_input(args.existing.stream_arn)
        args.alerts.watch(name, _alarms(self.name, args), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn, "stream_arn": self.stream_arn})

    def grant_append(self, role: ServiceRole) -> None:
        """Let ``role`` add events, never change or delete one.

        A transaction of several events is authorized as the PutItem of each.
        """
        role.add(Statement(sid="AppendEvents", actions=("dynamodb:PutItem",), resources=(self.arn,)))
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_query(self, role: ServiceRole) -> None:
        """Let ``role`` read the events of an aggregate."""
        role.add(
            Statement(sid="ReadEvents", actions=("dynamodb:GetItem", "dynamodb:Query"), resources=(self.arn,))
        )
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def grant_scan(self, role: ServiceRole) -> None:
        """Let ``role``, a job's, go through all events."""
        role.add(Statement(sid="ScanEvents", actions=("dynamodb:Scan",), resources=(self.arn,)))
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def grant_find(self, role: ServiceRole) -> None:
        """Let ``role``, a job's, find out which aggregates somebody has."""
        role.add(
            Statement(
                sid="FindEvents",
                actions=("dynamodb:Query",),
                resources=(joined(self.arn, "/index/", INDEX_NAME),),
            )
        )
        role.add_shared(self._key.decrypt_through(_SERVICE))

    def grant_stream(self, role: ServiceRole) -> None:
        """Let ``role``, a pipe's, read the stream."""
        role.add(
            Statement(
                sid="ReadEventStream",
                actions=("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
                resources=(self.stream_arn,),
            ),
        )
        role.add_shared(self._key.decrypt_through(_SERVICE))


class ReadModel(pulumi.ComponentResource):
    """The table that the projector writes and queries: one item an aggregate, listed by gsi1.

    Key: pk ``<Aggregate>#<id>``, sk the projection's name. An item with a time in ``expires_at`` (seconds
    since 1970) is removed by DynamoDB some time after it.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:ReadModel", name, None, opts)
        self._key = args.key
        if args.existing is None:
            # Of itself it has no stream; its replica is fed by one.
            table = _table(name, args, self, streams=args.replica is not None, expires=True)
            self.name, self.arn = table.name, table.arn
        else:
            self.name, self.arn = given_table(args.existing, args.key)
        args.alerts.watch(name, _alarms(self.name, args), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def grant_apply(self, role: ServiceRole) -> None:
        """Let ``role`` read an item and write it whole, as a projection does."""
        role.add(
            Statement(
                sid="ApplyToReadModel",
                actions=("dynamodb:GetItem", "dynamodb:PutItem"),
                resources=(self.arn,),
            ),
        )
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_rebuild(self, role: ServiceRole) -> None:
        """Let ``role``, a job's, go through all items, write them anew and remove what is superseded."""
        role.add(
            Statement(
                sid="RebuildReadModel",
                actions=(
                    "dynamodb:DeleteItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Scan",
                ),
                resources=(self.arn,),
            )
        )
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_list(self, role: ServiceRole) -> None:
        """Let ``role`` query the index, and nothing else."""
        role.add(
            Statement(
                sid="ListReadModel",
                actions=("dynamodb:Query",),
                resources=(joined(self.arn, "/index/", INDEX_NAME),),
            ),
        )
        role.add_shared(self._key.decrypt_through(_SERVICE))


class UsageLedger(pulumi.ComponentResource):
    """The table of what users have spent, month by month, with what is held back for turns under way.

    Key: pk ``user#<id>``, sk ``month#<yyyy-mm>``; an item with a time in ``expires_at`` is removed after it.
    Every region has its own: what it says follows from events, and a quota that starts anew after a take-over
    is better than one that two regions write at once.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:UsageLedger", name, None, opts)
        if args.replica is not None or args.existing is not None:
            raise ValueError("replica, existing: a usage ledger has no replica and is none")
        self._key = args.key
        table = _table(name, args, self, streams=False, expires=True, indexed=False)
        self.name, self.arn = table.name, table.arn
        args.alerts.watch(name, table_alarms(self.name, ("GetItem", "UpdateItem")), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def grant_book(self, role: ServiceRole) -> None:
        """Let ``role`` read a month and change it, never remove one."""
        role.add(
            Statement(
                sid="BookUsage", actions=("dynamodb:GetItem", "dynamodb:UpdateItem"), resources=(self.arn,)
            )
        )
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_forget(self, role: ServiceRole) -> None:
        """Let ``role``, a job's, remove what somebody has spent."""
        role.add(
            Statement(
                sid="ForgetUsage", actions=("dynamodb:DeleteItem", "dynamodb:Query"), resources=(self.arn,)
            )
        )
        role.add_shared(self._key.encrypt_through(_SERVICE))


class PaymentLedger(pulumi.ComponentResource):
    """The table of what was paid, is held back for payments under way, and waits for an approval.

    Key: pk ``day#<date>`` or ``user#<id>``, sk; an item with a time in ``expires_at`` is removed after it.
    Every region has its own: two that share a day's budget could not hold it at once.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:PaymentLedger", name, None, opts)
        if args.replica is not None or args.existing is not None:
            raise ValueError("replica, existing: a payment ledger has no replica and is none")
        self._key = args.key
        table = _table(name, args, self, streams=False, expires=True, indexed=False)
        self.name, self.arn = table.name, table.arn
        operations = ("BatchGetItem", "GetItem", "Query", "TransactWriteItems")
        args.alerts.watch(name, table_alarms(self.name, operations), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def grant_pay(self, role: ServiceRole) -> None:
        """Let ``role`` hold amounts back, book them and free them, and note approvals.

        Of what is removed there is only the note that an amount is held back.
        """
        role.add(
            Statement(
                sid="PayByLedger",
                actions=(
                    "dynamodb:BatchGetItem",
                    "dynamodb:DeleteItem",
                    "dynamodb:GetItem",
                    "dynamodb:PutItem",
                    "dynamodb:Query",
                    "dynamodb:UpdateItem",
                ),
                resources=(self.arn,),
            )
        )
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_forget(self, role: ServiceRole) -> None:
        """Let ``role``, a job's, remove what somebody has paid."""
        role.add(
            Statement(
                sid="ForgetPayments",
                actions=("dynamodb:DeleteItem", "dynamodb:Query"),
                resources=(self.arn,),
            )
        )
        role.add_shared(self._key.encrypt_through(_SERVICE))


class Leases(pulumi.ComponentResource):
    """The table of what is somebody's for a short while: tickets that are used once, places that are held.

    Key: pk ``<kind>#<id>``, sk; an item with a time in ``expires_at`` is removed after it. Nothing in it is
    worth a copy: every region has its own.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: TableArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:Leases", name, None, opts)
        if args.replica is not None or args.existing is not None:
            raise ValueError("replica, existing: leases have no replica and are none")
        self._key = args.key
        table = _table(name, args, self, streams=False, expires=True, indexed=False)
        self.name, self.arn = table.name, table.arn
        operations = ("DeleteItem", "PutItem", "UpdateItem")
        args.alerts.watch(name, table_alarms(self.name, operations), parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def grant_issue(self, role: ServiceRole) -> None:
        """Let ``role`` hand out what others redeem; it can neither find nor use what was handed out."""
        role.add(Statement(sid="IssueLeases", actions=("dynamodb:PutItem",), resources=(self.arn,)))
        role.add_shared(self._key.encrypt_through(_SERVICE))

    def grant_redeem(self, role: ServiceRole) -> None:
        """Let ``role`` use up what was handed out, and hold places of its own."""
        role.add(
            Statement(
                sid="RedeemLeases",
                actions=("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
                resources=(self.arn,),
            )
        )
        role.add_shared(self._key.encrypt_through(_SERVICE))


def _table(
    label: str,
    args: TableArgs,
    parent: pulumi.Resource,
    *,
    streams: bool,
    expires: bool = False,
    indexed: bool = True,
) -> aws.dynamodb.Table:
    return aws.dynamodb.Table(
        f"{label}-table",
        billing_mode="PAY_PER_REQUEST",
        hash_key="pk",
        range_key="sk",
        attributes=_key_attributes() if indexed else _key_attributes()[:2],
        global_secondary_indexes=[_index()] if indexed else None,
        stream_enabled=True if streams else None,
        stream_view_type="NEW_AND_OLD_IMAGES" if streams else None,
        ttl=aws.dynamodb.TableTtlArgs(attribute_name="expires_at", enabled=True) if expires else None,
        point_in_time_recovery=_recovery(args),
        server_side_encryption=_encryption(args),
        deletion_protection_enabled=args.protect,
        replicas=None if args.replica is None else [replica_of(args.replica, args.protect)],
        opts=pulumi.ResourceOptions(parent=parent, protect=args.protect),
    )


def replica_of(replica: Replica, protect: bool) -> aws.dynamodb.TableReplicaArgs:
    """Return a table's replica, which is protected as the table is."""
    # Reads and writes there do not wait for the other region, nor those here for that one.
    return aws.dynamodb.TableReplicaArgs(
        region_name=replica.region,
        kms_key_arn=replica.key.arn,
        point_in_time_recovery=True,
        deletion_protection_enabled=protect,
        propagate_tags=True,
    )


def _stream_of_replica(table: aws.dynamodb.Table) -> pulumi.Output[str]:
    def stream(replicas: Sequence[TableReplica] | None) -> str:
        return next((replica.stream_arn or "" for replica in replicas or ()), "")

    return table.replicas.apply(stream)


def given_table(table: ExistingTable, key: DataKey) -> tuple[pulumi.Output[str], pulumi.Output[str]]:
    """Return name and ARN of a table that is there already, where ``key`` is."""
    return pulumi.Output.from_input(table.name), key.account.arn("dynamodb", f"table/{table.name}")


def _alarms(table: pulumi.Output[str], args: TableArgs) -> AlarmSet:
    alarms = table_alarms(table, _OPERATIONS)
    return alarms if args.replica is None else alarms | replica_alarms(table, args.replica.region)


def _key_attributes() -> list[aws.dynamodb.TableAttributeArgs]:
    return [aws.dynamodb.TableAttributeArgs(name=name, type="S") for name in _KEY_ATTRIBUTES]


def _index() -> aws.dynamodb.TableGlobalSecondaryIndexArgs:
    # The provider deprecates hash_key and range_key on an index (not on the table), and refuses both forms
    # at once.
    return aws.dynamodb.TableGlobalSecondaryIndexArgs(
        name=INDEX_NAME,
        projection_type="ALL",
        key_schemas=[
            aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs(attribute_name="gsi1pk", key_type="HASH"),
            aws.dynamodb.TableGlobalSecondaryIndexKeySchemaArgs(attribute_name="gsi1sk", key_type="RANGE"),
        ],
    )


def _recovery(args: TableArgs) -> aws.dynamodb.TablePointInTimeRecoveryArgs:
    return aws.dynamodb.TablePointInTimeRecoveryArgs(enabled=True, recovery_period_in_days=args.recovery_days)


def _encryption(args: TableArgs) -> aws.dynamodb.TableServerSideEncryptionArgs:
    return aws.dynamodb.TableServerSideEncryptionArgs(enabled=True, kms_key_arn=args.key.arn)
