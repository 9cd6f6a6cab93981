"""Encryption keys, one for each class of data or one for all.

Creates: a customer managed KMS key with yearly rotation for tables, personal data, content, vectors, cache,
secrets, messages, logs and images, as far as the team does not bring its own; and, when it is asked for, the
key of another class or of another region. Where they share a key: one for all of them but personal data in
each region.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from ..access.statements import ResourceStatement, Statement, document
from ..account import Account
from .key_plan import DataClass
from .key_policies import READ_ACTIONS, WRITE_ACTIONS, key_policy, shared_key_policy


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysArgs:
    """Whose keys, which of them exist, and how the others are protected against loss."""

    account: Account
    recovery_days: int
    """Days between a key's deletion and its destruction, 7 to 30 (AWS limit)."""
    protect: bool
    existing: Mapping[DataClass, str] = field(default_factory=dict[DataClass, str])
    """ARNs of the team's own keys in the account's region, whose policies are the team's business."""
    shared: bool = False
    """Whether all classes of a region share one key, apart from those whose key exists."""
    replicated: bool = False
    """Whether tables have replicas in another region."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataKey:
    """A key, and the statements that let a role use it through one AWS service."""

    label: str
    arn: pulumi.Output[str]
    account: Account

    def decrypt_through(self, service: str) -> Statement:
        """Return the right to read, through ``service`` only, what is encrypted under this key."""
        return self._use("Decrypt", READ_ACTIONS, service)

    def encrypt_through(self, service: str) -> Statement:
        """Return the right to write and read, through ``service`` only, what is encrypted under this key."""
        return self._use("Encrypt", WRITE_ACTIONS, service)

    def _use(self, verb: str, actions: tuple[str, ...], service: str) -> Statement:
        return Statement(
            sid=f"{verb}{self.label.capitalize()}",
            actions=actions,
            resources=(self.arn,),
            conditions={"StringEquals": {"kms:ViaService": self.account.endpoint(service)}},
        )


class Keys(pulumi.ComponentResource):
    """The platform's keys. A role gets to use one only by a grant of what the key protects."""

    tables: DataKey
    personal: DataKey
    content: DataKey
    vectors: DataKey
    cache: DataKey
    secrets: DataKey
    messages: DataKey
    logs: DataKey
    images: DataKey

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:Keys", name, None, opts)
        self._name = name
        self._args = args
        self._keys: dict[tuple[DataClass, str], DataKey] = {}
        self._shared: dict[str, pulumi.Output[str]] = {}
        self.tables = self.of(DataClass.TABLES)
        self.personal = self.of(DataClass.PERSONAL)
        self.content = self.of(DataClass.CONTENT)
        self.vectors = self.of(DataClass.VECTORS)
        self.cache = self.of(DataClass.CACHE)
        self.secrets = self.of(DataClass.SECRETS)
        self.messages = self.of(DataClass.MESSAGES)
        self.logs = self.of(DataClass.LOGS)
        self.images = self.of(DataClass.IMAGES)
        self.register_outputs({data_class.value: key.arn for (data_class, _), key in self._keys.items()})

    def of(self, data_class: DataClass, region: str | None = None) -> DataKey:
        """Return the key of ``data_class`` in ``region``, the stack's own by default.

        One that nobody asked for yet is made: messages and logs of CloudFront, for example, live in another
        region than the stack, and AWS accepts keys of that region only.
        """
        place = self._args.account.region if region is None else region
        known = self._keys.get((data_class, place))
        if known is None:
            known = self._keys[data_class, place] = self._key(data_class, place)
        return known

    def _key(self, data_class: DataClass, region: str) -> DataKey:
        account = self._args.account.in_region(region)
        home = region == self._args.account.region
        existing = self._args.existing.get(data_class) if home else None
        if existing is not None:
            return DataKey(label=data_class, arn=pulumi.Output.from_input(existing), account=account)
        if data_class is DataClass.PERSONAL and not home:
            return self._replica(account)
        # What wraps the keys of people wraps nothing else.
        if not self._args.shared or data_class is DataClass.PERSONAL:
            policy = key_policy(data_class, account, self._args.replicated)
            made = self._made(data_class, region, policy, wraps=data_class is DataClass.PERSONAL)
            return DataKey(label=data_class, arn=made, account=account)
        if region not in self._shared:
            policy = shared_key_policy(account, self._args.replicated)
            self._shared[region] = self._made("data", region, policy)
        return DataKey(label=data_class, arn=self._shared[region], account=account)

    def _made(
        self, label: str, region: str, policy: Sequence[ResourceStatement], *, wraps: bool = False
    ) -> pulumi.Output[str]:
        home = region == self._args.account.region
        key = aws.kms.Key(
            f"{self._name}-{label}" if home else f"{self._name}-{region}-{label}",
            region=None if home else region,
            description=f"Encrypts the {label} of {pulumi.get_project()}-{pulumi.get_stack()}",
            enable_key_rotation=True,
            deletion_window_in_days=self._args.recovery_days,
            # What it wraps is read where the table's replica is, and this cannot be changed later.
            multi_region=True if wraps else None,
            policy=document(policy),
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect),
        )
        return key.arn

    def _replica(self, account: Account) -> DataKey:
        """Make the same key in another region: what either wraps the other unwraps."""
        key = aws.kms.ReplicaKey(
            f"{self._name}-{account.region}-{DataClass.PERSONAL}",
            region=account.region,
            primary_key_arn=self.personal.arn,
            description=f"Encrypts the {DataClass.PERSONAL} of {pulumi.get_project()}-{pulumi.get_stack()}",
            deletion_window_in_days=self._args.recovery_days,
            policy=document(key_policy(DataClass.PERSONAL, account, self._args.replicated)),
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect),
        )
        return DataKey(label=DataClass.PERSONAL, arn=key.arn, account=account)
