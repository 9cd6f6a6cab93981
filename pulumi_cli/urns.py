"""What the URN of a resource says (pure)."""

from dataclasses import dataclass


def type_of(urn: str) -> str:
    """Return the type in a URN, such as ``aws:sqs/queue:Queue``, without the types of its parents."""
    return urn.split("::")[2].rpartition("$")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """A resource as the engine tells of it: by its URN."""

    urn: str

    @property
    def type(self) -> str:
        """Its type, such as ``aws:sqs/queue:Queue``."""
        return type_of(self.urn)

    @property
    def name(self) -> str:
        """Its name in the program, which may have any characters."""
        return self.urn.split("::", 3)[3]
