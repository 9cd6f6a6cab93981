"""Rules about KMS."""

from collections.abc import Iterable

from nova_policy.documents import Statement, statements
from nova_policy.graph import Resource
from nova_policy.rule import Options, Severity, resource_rule
from nova_policy.values import at_least, is_set, may_be

KEY = "aws:kms/key:Key"
_DAYS_UNLESS_SET = 30
"""Of AWS, where deletionWindowInDays is left out."""


@resource_rule(
    "kms-key-rotation",
    severity=Severity.MEDIUM,
    types=(KEY,),
    controls=(26,),
    references=("KMS.4",),
    description="A symmetric key is rotated every year.",
    remediation="Set enableKeyRotation.",
)
def rotation(key: Resource, _options: Options) -> Iterable[str]:
    """Leave out keys that sign, and those whose material is brought along: AWS rotates neither."""
    spec = key.at("customerMasterKeySpec")
    symmetric = not is_set(spec) or may_be(spec, "SYMMETRIC_DEFAULT")
    if symmetric and not may_be(key.at("enableKeyRotation"), True):
        yield "it is never rotated"


@resource_rule(
    "kms-key-policy",
    severity=Severity.HIGH,
    types=(KEY,),
    controls=(26,),
    references=("KMS.5",),
    description="The policy of a key lets nobody use it whom it does not name.",
    remediation="Name principals in the key's policy, or narrow it by a condition on the caller.",
)
def policy(key: Resource, _options: Options) -> Iterable[str]:
    """Refuse what admits anybody; a key without a policy gets AWS's, which asks the account's own."""
    if any(map(_admits_anybody, statements(key.at("policy")))):
        yield "its policy admits anybody"


def _admits_anybody(statement: Statement) -> bool:
    return statement.allows and statement.for_anybody and not statement.conditions


@resource_rule(
    "kms-key-deletion-window",
    severity=Severity.MEDIUM,
    types=(KEY,),
    controls=(26,),
    references=("KMS.3",),
    description="A production key that is deleted by mistake can be brought back for a month.",
    remediation="Set deletionWindowInDays.",
    production=True,
    options={
        "days": {
            "type": "integer",
            "minimum": 7,
            "maximum": 30,
            "default": 30,
            "description": "Days at least",
        }
    },
)
def deletion_window(key: Resource, options: Options) -> Iterable[str]:
    """Whatever is encrypted under it is gone with it."""
    window = key.at("deletionWindowInDays")
    if not at_least(_DAYS_UNLESS_SET if window is None else window, options["days"]):
        yield f"it can be brought back for less than {options['days']} days"
