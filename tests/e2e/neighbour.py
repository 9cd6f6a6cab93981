"""A second platform beside the one of all tests: of a checkout of its own, with the other speech engine."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tests.e2e.running import Running, copy_checkout


class Neighbour:
    """Starts and stops while tests go on: neither is waited for before it has to be."""

    def __init__(self, directory: Path) -> None:
        self._running = Running(directory / "home", directory / "checkout")
        self._pool = ThreadPoolExecutor(1)
        self._started = self._pool.submit(self._start)
        self._left: Future[None] | None = None

    @property
    def is_starting(self) -> bool:
        """Whether its start goes on."""
        return not self._started.done()

    def running(self) -> Running:
        """Return it once it runs; raises what its start does."""
        assert self._left is None, "the second platform was stopped already"
        self._started.result()
        return self._running

    def leave(self) -> None:
        """Have it stopped, and all of it removed."""
        if self._left is None:
            self._left = self._pool.submit(self._running.remove)

    def end(self) -> None:
        """Wait until nothing of it is left."""
        self.leave()
        assert self._left is not None
        try:
            self._left.result()
        finally:
            self._pool.shutdown()

    def _start(self) -> None:
        self._running.home.mkdir()
        copy_checkout(self._running.checkout)
        with (self._running.checkout / "Pulumi.local.yaml").open("a") as stack:
            stack.write("  nova:transcriptionEngine: sonic\n")
        self._running.up()
