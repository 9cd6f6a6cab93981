"""Who the callers are.

Creates: a Cognito user pool, the client of our own command line and site and alarms of its sign-ins, unless
pool and client are given.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..account import Account
from ..joined import joined
from ..network.needs import InternetNeed
from ..observe.alarms import Alerts
from ..observe.sets.edge import user_pool_alarms
from .plan import ExistingPool

PASSWORD_LENGTH_MIN = 12
TEMPORARY_PASSWORD_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPoolArgs:
    """How long a sign-in to a pool of our own lasts, and whether the pool refuses deletion."""

    account: Account
    alerts: Alerts
    existing: ExistingPool | None
    """A pool to use in its place, of which nothing is changed."""
    access_token_minutes: int
    refresh_token_days: int
    protect: bool


class UserPool(pulumi.ComponentResource):
    """The people who may call the API.

    In a pool of our own administrators create them; nobody signs up by himself. The client is public (it has
    no secret). Signing in does not tell whether a user exists, and tokens can be revoked.
    """

    pool_id: pulumi.Output[str]
    arn: pulumi.Output[str]
    client_id: pulumi.Output[str]
    issuer: pulumi.Output[str]
    """What `iss` says in the pool's tokens."""
    signing_keys: InternetNeed
    """Where a service that verifies tokens gets the keys from."""

    def __init__(self, name: str, args: UserPoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:edge:UserPool", name, None, opts)
        self._label = name
        if args.existing is None:
            self._own(args)
        else:
            self._given(args.account, args.existing)
        host = args.account.endpoint("cognito-idp")
        self.issuer = joined("https://", host, "/", self.pool_id)
        self.signing_keys = InternetNeed(host=host, reason="the keys that sign access tokens")
        self.register_outputs(
            {"pool_id": self.pool_id, "arn": self.arn, "client_id": self.client_id, "issuer": self.issuer}
        )

    def task_environment(self) -> dict[str, pulumi.Input[str]]:
        """Return what a service needs to verify the pool's access tokens."""
        return {"USER_POOL_ISSUER": self.issuer, "USER_POOL_CLIENT_ID": self.client_id}

    def _given(self, account: Account, existing: ExistingPool) -> None:
        self.pool_id = pulumi.Output.from_input(existing.pool_id)
        self.arn = account.arn("cognito-idp", f"userpool/{existing.pool_id}")
        self.client_id = pulumi.Output.from_input(existing.client_id)

    def _own(self, args: UserPoolArgs) -> None:
        pool = aws.cognito.UserPool(
            f"{self._label}-pool",
            user_pool_tier="ESSENTIALS",
            admin_create_user_config=aws.cognito.UserPoolAdminCreateUserConfigArgs(
                allow_admin_create_user_only=True
            ),
            auto_verified_attributes=["email"],
            account_recovery_setting=aws.cognito.UserPoolAccountRecoverySettingArgs(
                recovery_mechanisms=[
                    aws.cognito.UserPoolAccountRecoverySettingRecoveryMechanismArgs(
                        name="verified_email", priority=1
                    )
                ]
            ),
            mfa_configuration="OPTIONAL",
            software_token_mfa_configuration=aws.cognito.UserPoolSoftwareTokenMfaConfigurationArgs(
                enabled=True
            ),
            password_policy=aws.cognito.UserPoolPasswordPolicyArgs(
                minimum_length=PASSWORD_LENGTH_MIN,
                require_lowercase=True,
                require_numbers=True,
                require_symbols=True,
                require_uppercase=True,
                temporary_password_validity_days=TEMPORARY_PASSWORD_DAYS,
            ),
            username_configuration=aws.cognito.UserPoolUsernameConfigurationArgs(case_sensitive=False),
            deletion_protection="ACTIVE" if args.protect else "INACTIVE",
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        client = aws.cognito.UserPoolClient(
            f"{self._label}-client",
            user_pool_id=pool.id,
            generate_secret=False,
            explicit_auth_flows=[
                "ALLOW_REFRESH_TOKEN_AUTH",
                "ALLOW_USER_PASSWORD_AUTH",
                "ALLOW_USER_SRP_AUTH",
            ],
            prevent_user_existence_errors="ENABLED",
            enable_token_revocation=True,
            access_token_validity=args.access_token_minutes,
            id_token_validity=args.access_token_minutes,
            refresh_token_validity=args.refresh_token_days,
            token_validity_units=aws.cognito.UserPoolClientTokenValidityUnitsArgs(
                access_token="minutes",  # noqa: S106 (a unit of time)
                id_token="minutes",  # noqa: S106 (a unit of time)
                refresh_token="days",  # noqa: S106 (a unit of time)
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.pool_id = pool.id
        self.arn = pool.arn
        self.client_id = client.id
        args.alerts.watch(self._label, user_pool_alarms(pool.id, client.id), parent=self)
