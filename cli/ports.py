"""The port of a platform: chosen once, kept in the home, so that URLs survive restarts."""

import hashlib
import os
import socket

from cli.errors import NovaError
from cli.home import Home, read_json, write_private

PORT_VARIABLE = "NOVA_PORT"
# The runtime opens listeners on the ports after the daemon's, up to the end of the block.
BLOCK_SIZE = 100
# Below Linux's ephemeral range (32768 and up), above what common servers use.
FIRST_PORT = 20_000
BLOCKS = 120
# Ports below belong to root.
PORT_MIN = 1024
PORT_MAX = 65_535 - BLOCK_SIZE


def choose_port(home: Home, *, running_port: int | None = None) -> int:
    """Return the daemon's port: NOVA_PORT, else the one kept in the home, else the first free block.

    `running_port` is the port that this home's own daemon holds. Raises NovaError when the port is taken by
    another process.
    """
    forced = os.environ.get(PORT_VARIABLE)
    if forced is not None:
        port = _parse(forced)
        if port != running_port and not is_free(port):
            raise NovaError(
                f"port {port} ({PORT_VARIABLE}) is taken by another process: "
                f"stop that process, or set {PORT_VARIABLE} to a free port"
            )
        return port
    if running_port is not None:
        return running_port
    kept = read_json(home.ports_file).get("port")
    if kept is not None:
        if not is_free(int(kept)):
            raise NovaError(
                f"port {kept} of this platform is taken by another process: stop that process, or set "
                f"{PORT_VARIABLE} to a free port (the platform's URLs change with it)"
            )
        return int(kept)
    return _first_free(home)


def keep_port(home: Home, port: int) -> None:
    """Remember the port for the next start."""
    if read_json(home.ports_file).get("port") != port:
        write_private(home.ports_file, {"port": port})


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a connection that is still winding down does not keep the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    # macOS lets a specific address be bound beside a wildcard listener, which would still answer.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _first_free(home: Home) -> int:
    start = int.from_bytes(hashlib.sha256(str(home.path).encode()).digest()[:4])
    for offset in range(BLOCKS):
        port = FIRST_PORT + (start + offset) % BLOCKS * BLOCK_SIZE
        if is_free(port):
            return port
    last = FIRST_PORT + BLOCKS * BLOCK_SIZE
    raise NovaError(f"no free port from {FIRST_PORT} to {last}: set {PORT_VARIABLE} to a free one")


def _parse(text: str) -> int:
    if not text.isdigit() or not PORT_MIN <= int(text) <= PORT_MAX:
        raise NovaError(f"{PORT_VARIABLE} is {text!r}; it is a port from {PORT_MIN} to {PORT_MAX}")
    return int(text)
