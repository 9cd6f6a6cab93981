"""What the URN of a resource says (pure)."""


def type_of(urn: str) -> str:
    """Return the type in a URN, such as ``aws:sqs/queue:Queue``, without the types of its parents."""
    return urn.split("::")[2].rpartition("$")[2]


def name_of(urn: str) -> str:
    """Return the name in a URN, which may have any characters."""
    return urn.split("::", 3)[3]
