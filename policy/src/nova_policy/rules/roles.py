"""Rules about IAM: who may take roles."""

from collections.abc import Iterable

from nova_policy.documents import names_source, statements
from nova_policy.graph import Resource
from nova_policy.rule import Options, Severity, resource_rule

ROLE = "aws:iam/role:Role"


@resource_rule(
    "iam-role-trust",
    severity=Severity.MEDIUM,
    types=(ROLE,),
    controls=(63,),
    description="A service takes a role on behalf of the account's own resources alone.",
    remediation="Narrow the trust policy by aws:SourceAccount or aws:SourceArn.",
    options={
        "services": {
            "type": "array",
            "items": {"type": "string"},
            "default": [
                "backup.amazonaws.com", "bedrock.amazonaws.com", "bedrock-agentcore.amazonaws.com",
                "ecs-tasks.amazonaws.com", "events.amazonaws.com", "pipes.amazonaws.com",
                "scheduler.amazonaws.com", "sns.amazonaws.com", "states.amazonaws.com",
                "vpc-flow-logs.amazonaws.com",
            ],
            "description": "Services that say for whose resource they take a role",
        }
    },
)  # fmt: skip
def trust(role: Resource, options: Options) -> Iterable[str]:
    """Refuse anybody, too, where no condition narrows it."""
    for statement in statements(role.at("assumeRolePolicy")):
        if not statement.allows:
            continue
        services = set(statement.principals.get("Service", ())) & set(options["services"])
        if services and not names_source(statement):
            yield f"{', '.join(sorted(services))} may take it for other accounts"
        if statement.for_anybody and not statement.conditions:
            yield "anybody may take it"
