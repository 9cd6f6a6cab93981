"""Physical names for the few resources that the engine cannot name by itself. Creates nothing."""

import hashlib
import re

import pulumi

_HASH_LENGTH = 8


def stack_name(label: str, length_max: int) -> str:
    """Return the name of ``label`` in the running stack; see ``scoped_name``."""
    return scoped_name(pulumi.get_project(), pulumi.get_stack(), label, length_max)


def scoped_name(project: str, stack: str, label: str, length_max: int) -> str:
    """Return ``<project>-<stack>-<label>``, unique in an account and region; see ``fitting_name``."""
    return fitting_name(f"{project}-{stack}-{label}", length_max)


def fitting_name(plain: str, length_max: int) -> str:
    """Return ``plain`` in lower-case letters, digits and hyphens only, with at most ``length_max`` of them.

    Where that changes anything, a hash of the whole keeps names apart that would become the same.
    """
    name = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if name == plain and len(name) <= length_max:
        return name
    digest = hashlib.sha256(plain.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: length_max - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def stack_identifier(label: str, length_max: int) -> str:
    """Return ``stack_name`` for services whose names are identifiers: letters, digits and underscores only.

    It starts with a letter, whatever the project is called.
    """
    name = stack_name(label, length_max - 1).replace("-", "_")
    return name if name[0].isalpha() else f"n{name}"
