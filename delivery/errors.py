"""What stops a delivery, said so that somebody can act on it."""

import sys
from collections.abc import Callable


class DeliveryError(Exception):
    """A delivery cannot go on; the text says why, and what to do."""


def run(main: Callable[[list[str]], None]) -> None:
    """Run a command; an error that people can act on is printed without a traceback."""
    try:
        main(sys.argv[1:])
    except DeliveryError as error:
        sys.exit(f"delivery: {error}")
