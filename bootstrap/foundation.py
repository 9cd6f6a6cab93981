"""The account stack as a whole.

Creates: the settings of its region and, in an account's first region, the state of all stacks, those who
deploy them, and the settings of the account.
"""

from dataclasses import dataclass

import pulumi

from bootstrap.defaults import AccountDefaults, AccountDefaultsArgs
from bootstrap.image_replicas import ImageReplicas, ImageReplicasArgs
from bootstrap.names import STATE
from bootstrap.pipelines import Pipelines, PipelinesArgs
from bootstrap.region import RegionDefaults, RegionDefaultsArgs
from bootstrap.releases import Releases, ReleasesArgs
from bootstrap.settings import AccountSettings
from bootstrap.state import StateStore, StateStoreArgs
from components.account import Account, current_account


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundationArgs:
    """What the stack decides."""

    settings: AccountSettings


class Foundation(pulumi.ComponentResource):
    """What an account and a region have once."""

    outputs: dict[str, pulumi.Input[object]]
    """What setting up a stack and a pipeline needs to know; little in a further region."""

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:bootstrap:Foundation", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._settings = args.settings
        account = current_account(args.settings.region, pulumi.InvokeOutputOptions(parent=self))
        self._region(account)
        releases = Releases(
            "releases",
            ReleasesArgs(
                account=account,
                platform=args.settings.pipelines.platform,
                protect=args.settings.protect,
            ),
            opts=self._child,
        )
        self.outputs = {"region": args.settings.region, "releases": releases.repository}
        if args.settings.home:
            self._home(account)
        self.register_outputs(self.outputs)

    def _region(self, account: Account) -> None:
        settings = self._settings
        RegionDefaults(
            "region",
            RegionDefaultsArgs(
                account=account,
                trace_index_percent=settings.trace_index_percent,
                inspect_images=settings.inspect_images,
                log_model_calls=settings.log_model_calls,
                log_model_texts=settings.log_model_texts,
                log_retention_days=settings.log_retention_days,
                recovery_days=settings.recovery_days,
                protect=settings.protect,
            ),
            opts=self._child,
        )
        if settings.image_replicas:
            ImageReplicas(
                "images",
                ImageReplicasArgs(account=account, regions=settings.image_replicas),
                opts=self._child,
            )

    def _home(self, account: Account) -> None:
        settings = self._settings
        AccountDefaults(
            "account",
            AccountDefaultsArgs(
                block_public_buckets=settings.block_public_buckets, cost_tags=settings.cost_tags
            ),
            opts=self._child,
        )
        store = StateStore(
            STATE,
            StateStoreArgs(
                account=account,
                version_days=settings.state_version_days,
                log_retention_days=settings.log_retention_days,
                recovery_days=settings.recovery_days,
                protect=settings.protect,
            ),
            # Also what closes and encrypts the bucket: a destroy that skips its preview takes what it may.
            opts=pulumi.ResourceOptions(parent=self, protect=settings.protect),
        )
        pipelines = Pipelines(
            "pipelines",
            PipelinesArgs(
                account=account,
                state=store.state,
                platform=settings.pipelines.platform,
                environments=settings.pipelines.environments,
                previews=settings.pipelines.previews,
                regions=settings.pipelines.regions,
                repository=settings.pipelines.repository,
                deploy_ref=settings.pipelines.deploy_ref,
                provider=settings.pipelines.provider,
            ),
            opts=self._child,
        )
        self.outputs |= {
            "state_url": store.url,
            "own_secrets_provider": store.secrets_provider(pulumi.get_stack()),
            "secrets_providers": {
                environment: store.secrets_provider(environment)
                for environment in settings.pipelines.environments
            },
            "permissions_boundary": pipelines.boundary,
            "deploy_role_arns": dict(pipelines.deploy_role_arns),
            "preview_role_arn": pipelines.preview_role_arn,
        }
