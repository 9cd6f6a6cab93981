"""Pauses between attempts: doubling, bounded, jittered, so that callers who failed together come apart."""

import random
from dataclasses import dataclass

DOUBLINGS_MAX = 30
"""Beyond it the last pause has long been reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Pauses from `first` seconds on, up to `last`."""

    first: float
    last: float

    def __post_init__(self) -> None:
        """ValueError for pauses that do not grow."""
        if not 0 < self.first <= self.last:
            message = f"first is {self.first} and last is {self.last}, they must be positive and in order"
            raise ValueError(message)

    def pause_seconds(self, attempt: int) -> float:
        """Return how long to wait after so many failed attempts: the upper half of the pause is random."""
        ceiling = min(self.last, self.first * 2 ** min(attempt - 1, DOUBLINGS_MAX))
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not a secret
