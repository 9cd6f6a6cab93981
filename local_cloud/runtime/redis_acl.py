"""Pure: the users of a cache as the lines of Redis's access control file."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

CONTROL_USER = "nova-local-cloud"
"""The one user that no program declares: it may PING, have users read again and data written anew."""
FORBIDDEN_RULES = frozenset(("nopass", "reset", "resetpass"))
FORBIDDEN_PREFIXES = (">", "<", "#", "!")
"""What an access string must not hold: passwords are given apart (ElastiCache guide, "Specifying permissions
using an access string")."""
RESTRICTED = (
    "acl|deluser", "acl|load", "acl|log", "acl|save", "acl|setuser", "bgrewriteaof", "bgsave", "config",
    "debug", "failover", "migrate", "module", "psync", "replicaof", "save", "shutdown", "slaveof", "sync",
)  # fmt: skip
"""Commands that ElastiCache lets nobody run (ElastiCache guide, "Supported and restricted commands")."""


@dataclass(frozen=True, slots=True)
class CacheUser:
    """A user: its name, its access string as declared, digests of its passwords; `open`: none is needed."""

    name: str
    access: str
    passwords: tuple[str, ...] = ()
    open: bool = False


EVERYBODY = CacheUser("default", "on ~* &* +@all", open=True)
"""Who may connect to a group without user groups (ElastiCache guide, "Role-Based Access Control")."""


def digest(password: str) -> str:
    """Return the form in which Redis keeps a password: SHA-256, hexadecimal."""
    return hashlib.sha256(password.encode()).hexdigest()


def access_error(access: str) -> str | None:
    """Return what is wrong with an access string, None when it is good."""
    rules = access.split()
    if not rules or rules[0] not in ("on", "off"):
        return "it must begin with on or off"
    for rule in rules:
        if rule.lower() in FORBIDDEN_RULES or rule.startswith(FORBIDDEN_PREFIXES):
            return f"{rule[:1] if rule.startswith(FORBIDDEN_PREFIXES) else rule} is not allowed in it"
    return None


def _line(user: CacheUser) -> str:
    secrets = ["nopass"] if user.open else [f"#{password}" for password in user.passwords]
    denied = [f"-{command}" for command in RESTRICTED]
    return " ".join(["user", user.name, *secrets, *user.access.split(), *denied])


def access_control(users: Iterable[CacheUser], control_password: str) -> str:
    """Return the file for exactly these users; `default` is closed unless it is one of them.

    `control_password` is the daemon's own, as a digest.
    """
    by_name = {user.name: user for user in users}
    # Redis itself adds an open user of this name to a file that has none.
    by_name.setdefault("default", CacheUser("default", "off -@all"))
    control = f"user {CONTROL_USER} on #{control_password} -@all +ping +acl|load +bgrewriteaof"
    return "\n".join([*(_line(user) for _, user in sorted(by_name.items())), control, ""])
