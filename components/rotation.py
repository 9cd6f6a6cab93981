"""Secrets that change without a moment in which one is refused (pure, no resources).

Two values are valid at the same time, each in a slot of its own. A generation, which a stack counts up by
hand, says which of them is in use; a step of one renews the older.
"""

from enum import StrEnum


class Slot(StrEnum):
    """One of the two values that are valid at the same time."""

    EVEN = "even"
    ODD = "odd"


def current_slot(generation: int) -> Slot:
    """Return the slot of the newest value; raises ``ValueError`` for a generation below 1."""
    if generation < 1:
        raise ValueError(f"generation: {generation} is not allowed; it is 1 or more")
    return Slot.ODD if generation % 2 else Slot.EVEN


def slot_generations(generation: int) -> dict[Slot, int]:
    """Return which generation the value in each slot is of.

    The current slot holds ``generation``, the other the one before: a step of one renews the older value and
    leaves the newer as it is, so that whoever still uses that is let in.
    """
    current = current_slot(generation)
    return {slot: generation if slot is current else generation - 1 for slot in Slot}
