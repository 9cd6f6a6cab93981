"""Secrets.

Creates: a Secrets Manager secret under the secrets' key, and the version that holds its value; or one whose
value people set, with a policy that lets one role alone read it.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..access.role import ServiceRole
from ..access.statements import ResourceStatement, Statement, document
from ..joined import joined
from .keys import DataKey

_SERVICE = "secretsmanager"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPolicy:
    """How all secrets of a platform are kept."""

    key: DataKey
    recovery_days: int
    """Days that a deleted secret can be restored, 7 to 30 (AWS limit)."""
    protect: bool
    """Whether a deleted secret waits for ``recovery_days``; otherwise it is gone at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretArgs:
    """One secret."""

    policy: SecretPolicy
    description: str
    value: pulumi.Input[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretReference:
    """One version of a secret, for a container that gets its value as an environment variable."""

    arn: pulumi.Output[str]
    """The secret's own ARN."""
    value_from: pulumi.Output[str]
    """``<arn>:::<version id>``: a new version changes it, and so replaces the tasks that read it."""
    key: DataKey
    valid_after: tuple[pulumi.Resource, ...] = ()
    """What has to exist before the value is of any use."""

    def grant_read(self, role: ServiceRole, sid: str) -> None:
        """Let ``role``, an execution role, read the secret; ``sid`` names the statement."""
        role.add(Statement(sid=sid, actions=("secretsmanager:GetSecretValue",), resources=(self.arn,)))
        role.add_shared(self.key.decrypt_through(_SERVICE))


class Secret(pulumi.ComponentResource):
    """A secret with one value at a time.

    A changed value becomes a new version. The version before it stays readable, because tasks of the
    deployment before still name it when they are replaced or rolled back to.
    """

    arn: pulumi.Output[str]
    version_id: pulumi.Output[str]

    def __init__(self, name: str, args: SecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:Secret", name, None, opts)
        self._key = args.policy.key
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            description=args.description,
            kms_key_id=args.policy.key.arn,
            recovery_window_in_days=args.policy.recovery_days if args.policy.protect else 0,
            opts=pulumi.ResourceOptions(parent=self, protect=args.policy.protect),
        )
        version = aws.secretsmanager.SecretVersion(
            f"{name}-version",
            secret_id=secret.id,
            secret_string=pulumi.Output.secret(args.value),
            # Deleting a version takes its staging label away; it goes with the secret anyway.
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
        )
        self.arn = secret.arn
        self.version_id = version.version_id
        self.register_outputs({"arn": self.arn, "version_id": self.version_id})

    def reference(self, valid_after: tuple[pulumi.Resource, ...] = ()) -> SecretReference:
        """Return the current version; ``valid_after`` is what it is the key to."""
        return SecretReference(
            arn=self.arn,
            value_from=joined(self.arn, ":::", self.version_id),
            key=self._key,
            valid_after=valid_after,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSecretArgs:
    """One secret that people set, and who reads it."""

    policy: SecretPolicy
    description: str
    reader: ServiceRole
    """Not sealed yet: it is granted the right here."""


class HeldSecret(pulumi.ComponentResource):
    """A secret without a value, which people set and one role reads: no state and no program ever has it."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: HeldSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:data:HeldSecret", name, None, opts)
        policy, reader = args.policy, args.reader
        child = pulumi.ResourceOptions(parent=self)
        secret = aws.secretsmanager.Secret(
            f"{name}-secret",
            description=args.description,
            kms_key_id=policy.key.arn,
            recovery_window_in_days=policy.recovery_days if policy.protect else 0,
            opts=pulumi.ResourceOptions(parent=self, protect=policy.protect),
        )
        self.arn = secret.arn
        reader.add(
            Statement(sid="ReadHeldSecret", actions=("secretsmanager:GetSecretValue",), resources=(self.arn,))
        )
        reader.add_shared(policy.key.decrypt_through(_SERVICE))
        aws.secretsmanager.SecretPolicy(
            f"{name}-policy",
            secret_arn=self.arn,
            policy=document(
                (
                    ResourceStatement(
                        sid="OneReader",
                        effect="Deny",
                        principals={"AWS": "*"},
                        actions=("secretsmanager:GetSecretValue",),
                        resources=(self.arn,),
                        conditions={"StringNotEquals": {"aws:PrincipalArn": reader.arn}},
                    ),
                )
            ),
            block_public_policy=True,
            opts=child,
        )
        self.register_outputs({"arn": self.arn})
