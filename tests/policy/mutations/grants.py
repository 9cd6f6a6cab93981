"""What must not be granted."""

import json
from typing import Any

from nova_policy.rules.grants import POLICIES

from tests.policy.mutation import Mutation, added, altered

POLICY = ("aws:iam/rolePolicy:RolePolicy", "audio-task-policy", "policy")
ROLE = ("aws:iam/role:Role", "audio-task-role", "inlinePolicies")
ACTIONS, WILDCARDS, ESCALATION = "iam-policy-actions", "iam-policy-wildcards", "iam-policy-escalation"
OBJECTS, QUEUE = "arn:aws:s3:::files/*", "arn:aws:sqs:us-east-1:123456789012:queue"
ROLES = "arn:aws:iam::123456789012:role/nova/prod/*"
EVERY_ROLE = "arn:aws:iam::123456789012:role/*"
BOUNDARY = "iam:PermissionsBoundary"
TO_TASKS = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
OTHERS = [kind for kind in POLICIES if kind not in {POLICY[0], ROLE[0]}]


def document(action: Any, resource: Any, **further: Any) -> str:
    """A document with one statement; ``further`` may take its members' place."""
    statement = {"Effect": "Allow", "Action": action, "Resource": resource} | further
    written = {key: value for key, value in statement.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [written]})


def grant(rule: str, what: str, action: Any, resource: Any, *with_rules: str, **further: Any) -> Mutation:
    """A role's policy with one statement."""
    return altered(rule, what, POLICY, document(action, resource, **further), with_rules=with_rules)


def elsewhere(rule: str, kind: str, written: str) -> Mutation:
    """The same in a policy of another type, which no stack has."""
    short = kind.rpartition(":")[2]
    return Mutation(
        rule=rule,
        what=f"by a {short}",
        change=added(kind, "operators", {"policy": written}),
        at=(kind, "operators"),
        unknown=POLICY,
        needs=("policy",),
    )


def inline(rule: str, written: str) -> Mutation:
    """The same within the role."""
    return altered(rule, "within the role", ROLE, [{"name": "more", "policy": written}])


MISSPELT = document("s3:GetObjekt", OBJECTS)
WHOLE_SERVICE = document("s3:*", OBJECTS)
OWN_RIGHTS = document("iam:PutRolePolicy", ROLES)

MUTATIONS = (
    grant(ACTIONS, "a misspelt action", "s3:GetObjekt", OBJECTS),
    grant(ACTIONS, "a misspelt action is denied", "s3:GetObjekt", OBJECTS, Effect="Deny"),
    grant(ACTIONS, "all but a misspelt action is denied", None, "*", Effect="Deny", NotAction="s3:GetObjekt"),
    grant(ACTIONS, "a pattern that no action has", "s3:Gett*", OBJECTS, WILDCARDS),
    grant(ACTIONS, "a service that AWS does not have", "s4:*", OBJECTS, WILDCARDS),
    grant(ACTIONS, "an object's action on a queue", "s3:GetObject", QUEUE),
    grant(ACTIONS, "a queue among objects", "s3:GetObject", [OBJECTS, QUEUE]),
    grant(ACTIONS, "a resource for an action without any", "ecr:GetAuthorizationToken", OBJECTS),
    inline(ACTIONS, MISSPELT),
    *(elsewhere(ACTIONS, kind, MISSPELT) for kind in OTHERS),
    grant(WILDCARDS, "all of a service", "s3:*", OBJECTS),
    grant(WILDCARDS, "all but some actions", None, OBJECTS, ESCALATION, NotAction="s3:DeleteObject"),
    grant(WILDCARDS, "every object there is", "s3:GetObject", "*"),
    grant(WILDCARDS, "every object but some", "s3:GetObject", None, NotResource=OBJECTS),
    inline(WILDCARDS, WHOLE_SERVICE),
    *(elsewhere(WILDCARDS, kind, WHOLE_SERVICE) for kind in OTHERS),
    grant(ESCALATION, "everything", "*", "*", WILDCARDS, "dynamodb-table-append-only"),
    grant(ESCALATION, "writes policies of roles", "iam:PutRolePolicy", ROLES),
    grant(
        ESCALATION, "writes policies of roles without a boundary, too", "iam:PutRolePolicy", ROLES,
        Condition={"StringEqualsIfExists": {BOUNDARY: "arn:aws:iam::123456789012:policy/nova-boundary"}},
    ),
    grant(ESCALATION, "takes boundaries away", "iam:DeleteRolePermissionsBoundary", ROLES),
    grant(ESCALATION, "lets itself take any role", "iam:UpdateAssumeRolePolicy", EVERY_ROLE),
    grant(
        ESCALATION, "changes any policy", "iam:CreatePolicyVersion", "arn:aws:iam::123456789012:policy/*"
    ),
    grant(ESCALATION, "takes any role", "sts:AssumeRole", EVERY_ROLE),
    grant(ESCALATION, "hands roles to any service", "iam:PassRole", ROLES),
    grant(ESCALATION, "hands any role to a service", "iam:PassRole", EVERY_ROLE, Condition=TO_TASKS),
    inline(ESCALATION, OWN_RIGHTS),
    *(elsewhere(ESCALATION, kind, OWN_RIGHTS) for kind in OTHERS),
)  # fmt: skip
