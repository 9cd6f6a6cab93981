"""Who deploys without a person's credentials.

Creates: GitHub's OIDC provider unless the account has it, the permissions boundary of the platform's roles, a
deploy role for each environment, and the role that previews pull requests, each with its inline policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from bootstrap.github import AUDIENCE, ISSUER, subject, trust_jobs
from bootstrap.names import PREVIEW
from bootstrap.permissions import (
    State,
    Target,
    boundary_rules,
    deploy_rules,
    preview_rules,
    rules_document,
)
from components.account import Account

SESSION_SECONDS_MAX = 2 * 60 * 60
"""An update waits for a distribution, a cache and a runtime, which AWS makes in up to half an hour each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelinesArgs:
    """Which workflows deploy what; raises ``ValueError`` for an environment named as the previews' is."""

    account: Account
    state: State
    platform: str
    environments: tuple[str, ...]
    previews: tuple[str, ...]
    regions: tuple[str, ...]
    repository: str
    """Empty for no workflows; the boundary is made all the same."""
    deploy_ref: str
    provider: str
    """ARN of an OIDC provider that is there already; empty to make it."""

    def __post_init__(self) -> None:
        """Check that a pull request cannot deploy."""
        if PREVIEW in self.environments:
            raise ValueError(
                f"environments: {PREVIEW} is the environment of pull requests; choose another name"
            )


class Pipelines(pulumi.ComponentResource):
    """The trust in GitHub. A role is taken on by jobs of one repository that run in one environment of it."""

    boundary: str
    """Name of the policy that a stack's ``permissionsBoundary`` names."""
    deploy_role_arns: Mapping[str, pulumi.Output[str]]
    """By environment."""
    preview_role_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: PipelinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:bootstrap:Pipelines", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.boundary = f"{args.platform}-boundary"
        boundary = aws.iam.Policy(
            f"{name}-boundary",
            # Its name stands in stack files.
            name=self.boundary,
            description="The most that a role of the platform can be allowed",
            policy=rules_document(boundary_rules(args.account, args.state)),
            opts=self._child,
        )
        self.deploy_role_arns, self.preview_role_arn = {}, None
        if args.repository:
            provider = args.provider or self._trust(name)
            self.deploy_role_arns = {
                environment: self._deploy_role(name, provider, environment, boundary.arn)
                for environment in args.environments
            }
            if args.previews:
                self.preview_role_arn = self._preview_role(name, provider)
        self.register_outputs(
            {"deploy_role_arns": dict(self.deploy_role_arns), "preview_role_arn": self.preview_role_arn}
        )

    def _trust(self, name: str) -> pulumi.Output[str]:
        provider = aws.iam.OpenIdConnectProvider(
            # Without thumbprints: AWS checks the certificate itself (IAM guide, OIDC providers).
            f"{name}-github",
            url=f"https://{ISSUER}",
            client_id_lists=[AUDIENCE],
            opts=self._child,
        )
        return provider.arn

    def _deploy_role(
        self, name: str, provider: pulumi.Input[str], environment: str, boundary: pulumi.Output[str]
    ) -> pulumi.Output[str]:
        target = Target(
            account=self._args.account,
            platform=self._args.platform,
            environment=environment,
            regions=self._args.regions,
            boundary_arn=boundary,
            state=self._args.state,
        )
        trust = trust_jobs(provider, [subject(self._args.repository, environment)], self._args.deploy_ref)
        return self._role(f"{name}-deploy-{environment}", trust, rules_document(deploy_rules(target)))

    def _preview_role(self, name: str, provider: pulumi.Input[str]) -> pulumi.Output[str]:
        rules = preview_rules(self._args.account, self._args.platform, self._args.previews, self._args.state)
        # From any ref: that of a pull request is its own.
        trust = trust_jobs(provider, [subject(self._args.repository, PREVIEW)], ref="")
        return self._role(f"{name}-{PREVIEW}", trust, rules_document(rules))

    def _role(self, name: str, trust: pulumi.Output[str], policy: pulumi.Output[str]) -> pulumi.Output[str]:
        role = aws.iam.Role(
            f"{name}-role",
            path=f"/{pulumi.get_project()}/",
            max_session_duration=SESSION_SECONDS_MAX,
            assume_role_policy=trust,
            opts=self._child,
        )
        aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=policy, opts=self._child)
        return role.arn
