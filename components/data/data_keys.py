"""The table of people's data keys.

Creates: a DynamoDB table, on demand, encrypted under the tables' key, with a short point-in-time recovery and
its replica in another region where there is one; nothing where the table is a replica itself.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import Statement
from ..observe.alarms import Alerts
from ..observe.sets.data import replica_alarms, table_alarms
from .keys import DataKey
from .tables import ExistingTable, Replica, given_table, replica_of

RECOVERY_DAYS = 7
"""How far back the table can be restored: long enough to notice that it was damaged, and so long a key that
was erased can still be dug out by whoever may restore tables and use the wrapping key."""

_SERVICE = "dynamodb"
_OPERATIONS = ("GetItem", "PutItem", "UpdateItem")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKeysArgs:
    """How the table is encrypted and protected, what wraps its keys, and where it is."""

    key: DataKey
    """Of tables: everything at rest is encrypted, also what is wrapped already."""
    wrapping_key: DataKey
    alerts: Alerts
    protect: bool
    replica: Replica | None = None
    existing: ExistingTable | None = None


class DataKeys(pulumi.ComponentResource):
    """One data key for each person, under which is encrypted what is private in that person's events.

    Key: pk ``user#<id>``. A key is wrapped by KMS under ``wrapping_key``, bound to the person and to this
    table's name: keys that a restore brings back into another table open nothing. Erasing a person takes the
    key out of the item. The table is in no backup plan and feeds nothing, so that no copy outlives
    ``RECOVERY_DAYS``.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: DataKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:DataKeys", name, None, opts)
        self._args = args
        if args.existing is None:
            table = _table(name, args, self)
            self.name, self.arn = table.name, table.arn
        else:
            self.name, self.arn = given_table(args.existing, args.key)
        alarms = table_alarms(self.name, _OPERATIONS)
        if args.replica is not None:
            alarms = alarms | replica_alarms(self.name, args.replica.region)
        args.alerts.watch(name, alarms, parent=self)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def task_environment(self) -> dict[str, pulumi.Input[str]]:
        """Return what a task needs to know to encrypt or decrypt what is private."""
        return self.telling_environment() | {"DATA_KEYS_WRAPPING_KEY": self._args.wrapping_key.arn}

    def telling_environment(self) -> dict[str, pulumi.Input[str]]:
        """Return what a task needs to know to tell who was erased."""
        return {"DATA_KEYS_TABLE": self.name}

    def grant_decrypt(self, role: ServiceRole) -> None:
        """Let ``role`` read what is private in events."""
        role.add(Statement(sid="ReadDataKeys", actions=("dynamodb:GetItem",), resources=(self.arn,)))
        role.add(self._unwrap("UnwrapDataKeys", ("kms:Decrypt",)))
        role.add_shared(self._args.key.decrypt_through(_SERVICE))

    def grant_encrypt(self, role: ServiceRole) -> None:
        """Let ``role`` write and read what is private, and make the key of a person who has none."""
        role.add(
            Statement(
                sid="KeepDataKeys",
                actions=("dynamodb:GetItem", "dynamodb:PutItem"),
                resources=(self.arn,),
            )
        )
        role.add(self._unwrap("MakeDataKeys", ("kms:Decrypt", "kms:GenerateDataKey")))
        role.add_shared(self._args.key.encrypt_through(_SERVICE))

    def grant_tell(self, role: ServiceRole) -> None:
        """Let ``role`` find out who was erased, and open no key."""
        role.add(Statement(sid="TellErasures", actions=("dynamodb:GetItem",), resources=(self.arn,)))
        role.add_shared(self._args.key.decrypt_through(_SERVICE))

    def grant_erase(self, role: ServiceRole) -> None:
        """Let ``role``, a job's, take a person's key away and note that, and open no key."""
        role.add(
            Statement(
                sid="EraseDataKeys",
                actions=("dynamodb:GetItem", "dynamodb:UpdateItem"),
                resources=(self.arn,),
            )
        )
        role.add_shared(self._args.key.encrypt_through(_SERVICE))

    def _unwrap(self, sid: str, actions: tuple[str, ...]) -> Statement:
        # The key wraps nothing else, and nothing for another table.
        return Statement(
            sid=sid,
            actions=actions,
            resources=(self._args.wrapping_key.arn,),
            conditions={"StringEquals": {"kms:EncryptionContext:table": self.name}},
        )


def _table(label: str, args: DataKeysArgs, parent: pulumi.Resource) -> aws.dynamodb.Table:
    # Of itself it has no stream, which would hold erased keys for a day; a replica is fed by one.
    streams = args.replica is not None
    return aws.dynamodb.Table(
        f"{label}-table",
        billing_mode="PAY_PER_REQUEST",
        hash_key="pk",
        attributes=[aws.dynamodb.TableAttributeArgs(name="pk", type="S")],
        stream_enabled=True if streams else None,
        stream_view_type="NEW_AND_OLD_IMAGES" if streams else None,
        point_in_time_recovery=aws.dynamodb.TablePointInTimeRecoveryArgs(
            enabled=True, recovery_period_in_days=RECOVERY_DAYS
        ),
        server_side_encryption=aws.dynamodb.TableServerSideEncryptionArgs(
            enabled=True, kms_key_arn=args.key.arn
        ),
        deletion_protection_enabled=args.protect,
        replicas=None if args.replica is None else [replica_of(args.replica, args.protect)],
        opts=pulumi.ResourceOptions(parent=parent, protect=args.protect),
    )
