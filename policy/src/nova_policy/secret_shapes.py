"""Tells what looks like a secret by its name and its form (pure)."""

import re
from typing import Any

_NAMES = re.compile(
    r"(^|_)(password|passwd|pwd|secret|token|api_?key|access_?key|private_?key|credentials?)(_|$)",
    re.IGNORECASE,
)
_FORMS = re.compile(
    r"""
    \b(AKIA|ASIA)[A-Z0-9]{16}\b          # access keys of AWS
    | -----BEGIN\ [A-Z ]*PRIVATE\ KEY    # PEM
    | \bgh[pousr]_[A-Za-z0-9]{30,}       # GitHub
    | \bxox[abprs]-[A-Za-z0-9-]{10,}     # Slack
    | \bsk-[A-Za-z0-9_-]{20,}            # models' providers
    | ^eyJ[A-Za-z0-9_-]+\.eyJ            # a JSON web token
    | ://[^/\s:@]*:[^/\s:@]+@            # a password in an address
    """,
    re.VERBOSE,
)
_NO_SECRETS = re.compile(r"arn:|https?://[^@]*$|/|\d{1,6}$|(true|false)$", re.IGNORECASE)
"""What a variable with a telling name may hold: where the secret is, how long it is, whether there is one."""


def looks_secret(name: str, value: Any) -> bool:
    """Whether a variable holds a secret, rather than the place of one; what is unknown does not."""
    if not isinstance(value, str) or not value:
        return False
    return bool(_FORMS.search(value)) or bool(_NAMES.search(name) and not _NO_SECRETS.match(value))
