"""Runs in an image's environment: imports its module once, and forks a process for each session.

`python launcher.py SOCKET MODULE` is given a connected socket as a file descriptor. The module is imported
up to what it does as `__main__`; a session does that. As with a snapshot of a machine, whatever was made at
import is the same in every session: `random`, which Python seeds anew in a forked process, is put back to
the state that it had. Environment and working directory are each session's own.

Only the standard library, because the environment is the image's. Lines of JSON go out and come in:
`{"prepared": true}`, or false and a reason; for each `{"session": ..., "file": ...}`, which comes with the
descriptor of its output, `{"session": ..., "pid": ...}`, and at its end `{"ended": pid, "status": ...}`. When
the other side is gone, so are all sessions.
"""

import ast
import contextlib
import importlib
import inspect
import json
import os
import random
import select
import signal
import socket
import sys
import tempfile
import threading
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

LINE_BYTES = 65536
DESCRIPTORS_MAX = 8


class Forks:
    """Forks sessions on demand, in a loop without threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._random = random.getstate()
        self._children: set[int] = set()
        self._lines = b""
        self._outputs: list[int] = []
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _wake)
        self._wake = wake

    def next(self) -> dict[str, Any] | None:
        """Return what a session is told, in its own process; None in the launcher when it has to end."""
        while True:
            ready, _, _ = select.select([self._connection, self._woken], [], [])
            if self._woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 512)
                self._reap()
            if self._connection in ready:
                data, outputs, _, _ = socket.recv_fds(self._connection, LINE_BYTES, DESCRIPTORS_MAX)
                if not data:
                    self._end_all()
                    return None
                self._outputs += outputs
                *lines, self._lines = (self._lines + data).split(b"\n")
                for line in lines:
                    session = self._fork(json.loads(line))
                    if session is not None:
                        return session

    def tell(self, message: dict[str, Any]) -> None:
        """Send a line."""
        with contextlib.suppress(OSError):
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def _fork(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        output = self._outputs.pop(0)
        process = os.fork()
        if process:
            os.close(output)
            self._children.add(process)
            self.tell({"session": asked["session"], "pid": process})
            return None
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._connection.close()
        for descriptor in (self._woken, self._wake, *self._outputs):
            os.close(descriptor)
        for standard in (1, 2):
            os.dup2(output, standard)
        os.close(output)
        random.setstate(self._random)
        file = Path(asked["file"])
        told: dict[str, Any] = json.loads(file.read_text("utf-8"))
        file.unlink()
        return told

    def _reap(self) -> None:
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            self._children.discard(process)
            self.tell({"ended": process, "status": os.waitstatus_to_exitcode(status)})

    def _end_all(self) -> None:
        for process in self._children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Let the signal write to the pipe that the loop waits for: without a handler it is ignored."""


def prepare(name: str) -> tuple[CodeType | None, str]:
    """Import a module; return what it does as the program, or None and why its process is not forked."""
    try:
        module = importlib.import_module(name)
        program = _as_program(inspect.getsource(module), str(module.__file__))
    except Exception as error:  # noqa: BLE001 (whatever it is, whoever calls a session is told)
        return None, f"{name} cannot be imported: {error!r}"
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if others:
        return None, f"{name} starts threads at import: {', '.join(others)}"
    return program, "" if program else f"{name} does nothing as __main__"


def _as_program(source: str, file: str) -> CodeType | None:
    """Return what stands under `if __name__ == "__main__":` in a module, None for nothing.

    It is taken out, because to run the module once more would make anew what the snapshot has made.
    """
    wanted = ast.dump(ast.parse('__name__ == "__main__"', mode="eval").body)
    body: list[ast.stmt] = []
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.If) and ast.dump(statement.test) == wanted:
            body += statement.body
    return compile(ast.Module(body, type_ignores=[]), file, "exec") if body else None


def run(name: str, program: CodeType, told: dict[str, Any]) -> None:
    """Be a session: its environment and directory, and the module as the program."""
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["directory"])
    # A machine has a /tmp of its own; here only the directory's name tells them apart.
    tempfile.tempdir = None
    sys.argv[:] = [name]
    module = sys.modules[name]
    module.__name__, sys.modules["__main__"] = "__main__", module
    exec(program, vars(module))  # noqa: S102 (the image's own program)


def main() -> None:
    """Prepare, then fork until the other side is gone."""
    connection, module = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    program, reason = prepare(module)
    forks = Forks(connection)
    forks.tell({"prepared": not reason, "reason": reason})
    told = forks.next() if program and not reason else None
    if program and told is not None:
        run(module, program, told)


if __name__ == "__main__":
    main()
