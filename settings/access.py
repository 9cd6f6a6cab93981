"""What limits the roles of the platform."""

from dataclasses import dataclass

from settings.values import Values

KEYS = ("permissionsBoundary",)

# AWS limit of a policy's name; the characters are IAM's.
_POLICY_NAME = r"[A-Za-z0-9_+=,.@/-]{0,128}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """How far any role of the platform can reach at most."""

    permissions_boundary: str
    """Name of an IAM policy of the account; empty for none."""


def read_access(values: Values) -> AccessSettings:
    """Read the limits of roles; raises ``SettingsError`` for what cannot be a policy's name."""
    return AccessSettings(
        permissions_boundary=values.matching(
            "permissionsBoundary", _POLICY_NAME, "it is the name of an IAM policy, or empty"
        )
    )
