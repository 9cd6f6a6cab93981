"""The model's answers on their way: which connections a turn has open, and how they are closed at once.

The library reads a stream in a thread, which looks for a cancellation between two pieces. A model that is
silent would keep that thread, and the connection that is paid for, until it says something.
"""

import contextlib
import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Self

logger = logging.getLogger(__name__)


class Transfers:
    """The streams of one turn. Its context is known to the threads that the turn's task starts."""

    _of_task: ContextVar["Transfers | None"] = ContextVar("transfers", default=None)

    def __init__(self) -> None:
        self._streams: list[Any] = []
        self._is_closed = False

    @classmethod
    def begin(cls) -> Self:
        """Return the transfers of the task that runs, from now on."""
        transfers = cls()
        cls._of_task.set(transfers)
        return transfers

    @classmethod
    def current(cls) -> "Transfers | None":
        """Return those of the task, or of the task that started this thread."""
        return cls._of_task.get()

    def add(self, stream: Any) -> None:  # noqa: ANN401 - botocore's, untyped
        """Note a stream; one that comes after the end is closed at once."""
        self._streams.append(stream)
        if self._is_closed:
            _shut(stream)

    def close(self) -> None:
        """End all transfers: whoever reads one finds its end. Without effect on those that ended."""
        self._is_closed = True
        for stream in self._streams:
            _shut(stream)


def noted[**P](call: Callable[P, dict[str, Any]]) -> Callable[P, dict[str, Any]]:
    """Return a client's operation whose streams are noted for the turn that asks."""

    def ask(*args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        answer = call(*args, **kwargs)
        transfers = Transfers.current()
        if transfers is not None:
            transfers.add(answer["stream"])
        return answer

    return ask


def _shut(stream: Any) -> None:  # noqa: ANN401 - botocore's, untyped
    """Shut the socket for reading: safe while another thread reads, which closing is not."""
    with contextlib.suppress(OSError, ValueError, RuntimeError):
        stream._raw_stream.shutdown()
