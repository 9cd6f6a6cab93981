"""Roles.

Creates: one IAM role, and one inline policy when the role is sealed.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from ..account import Account
from .statements import Conditions, Statement, document, trust


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRoleArgs:
    """Who assumes the role."""

    service: str
    """Service principal, such as ``ecs-tasks.amazonaws.com``."""
    account: Account
    source_arn: pulumi.Input[str] | None = None
    """ARN pattern of the resources on whose behalf it may be assumed; anything of the account by default."""
    names_source: bool = True
    """Whether the service says on whose behalf it assumes the role.

    One that does not would be locked out by a condition. Other accounts are kept from the role by
    ``iam:PassRole``: such a service takes a role from callers of the role's own account, who may pass it.
    """


class ServiceRole(pulumi.ComponentResource):
    """A role for one AWS service, with the rights that components granted before it was sealed.

    Components add statements through verbs (``events.grant_append(role)``); ``seal`` turns them into one
    inline policy, which whatever uses the role depends on. A grant after sealing raises ``RuntimeError``: it
    would not reach AWS.
    """

    arn: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("nova:access:ServiceRole", name, None, opts)
        self._label = name
        self._statements: list[Statement] = []
        self._sealed = False
        role = aws.iam.Role(
            f"{name}-role",
            # What may deploy this stack may touch the roles below this path and no others (bootstrap/).
            path=role_path(pulumi.get_project(), pulumi.get_stack()),
            permissions_boundary=args.account.boundary_arn(),
            assume_role_policy=trust(args.service, _confused_deputy_conditions(args)),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.arn = role.arn
        self.name = role.name
        self.register_outputs({"arn": self.arn, "name": self.name})

    def add(self, *statements: Statement) -> None:
        """Add rights; raises ``RuntimeError`` after sealing, ``ValueError`` for a statement id used twice."""
        if self._sealed:
            raise RuntimeError(f"role {self._label} is sealed: grant before what uses the role is declared")
        taken = {statement.sid for statement in self._statements}
        for statement in statements:
            if statement.sid in taken:
                raise ValueError(f"role {self._label}: statement {statement.sid} is granted twice")
            taken.add(statement.sid)
            self._statements.append(statement)

    @property
    def statements(self) -> tuple[Statement, ...]:
        """What was granted; raises ``RuntimeError`` before sealing, when more may come."""
        if not self._sealed:
            raise RuntimeError(f"role {self._label} is not sealed: what it may do is not complete yet")
        return tuple(self._statements)

    def add_shared(self, statement: Statement) -> None:
        """Add a right that several grants bring along, as the use of a key, once; raises as ``add`` does."""
        if self._sealed or statement.sid not in {known.sid for known in self._statements}:
            self.add(statement)

    def seal(self) -> aws.iam.RolePolicy:
        """Write what was granted as the role's one policy; raises ``RuntimeError`` without any, or twice."""
        if self._sealed or not self._statements:
            raise RuntimeError(f"role {self._label}: seal it once, after at least one grant")
        self._sealed = True
        return aws.iam.RolePolicy(
            f"{self._label}-policy",
            role=self.name,
            policy=document(self._statements),
            opts=pulumi.ResourceOptions(parent=self),
        )


def role_path(project: str, stack: str) -> str:
    """Return the IAM path of a stack's roles: who deploys it is limited to it."""
    return f"/{project}/{stack}/"


def _confused_deputy_conditions(args: ServiceRoleArgs) -> Conditions:
    if not args.names_source:
        return {}
    # The service acts for many customers: only our account's resources may make it take this role.
    account: Conditions = {"StringEquals": {"aws:SourceAccount": args.account.account_id}}
    if args.source_arn is None:
        return account
    return {**account, "ArnLike": {"aws:SourceArn": args.source_arn}}
