"""The local cloud's daemon: gateway and runtime in one process.

`python -m local_cloud.daemon --home HOME --port PORT [--models offline|aws] [--region REGION]` serves until
SIGTERM, SIGINT or a stop request. `python -m local_cloud.daemon --sweep --home HOME` ends what a killed
daemon left behind.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path

from local_cloud.cloud import LocalCloud
from local_cloud.gateway import asgi
from local_cloud.gateway.ministack import Credentials
from local_cloud.runtime.orphans import Orphans

EXIT_PORT_TAKEN = 3
"""Exit code when the port belongs to somebody else; the message names it."""


def arguments(argv: list[str]) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="local_cloud.daemon", description="Nova's local cloud")
    parser.add_argument("--home", type=Path, required=True, help="state directory")
    parser.add_argument("--port", type=int, default=0, help="loopback port of the gateway")
    parser.add_argument(
        "--models", choices=("offline", "aws"), default="offline", help="who answers Transcribe and Bedrock"
    )
    parser.add_argument("--region", default="us-east-1", help="region of calls that name none")
    parser.add_argument(
        "--sweep", action="store_true", help="end processes that a killed daemon left, then exit"
    )
    return parser.parse_args(argv)


def write_description(home: Path, port: int, administrator: Credentials) -> Path:
    """Write daemon.json, readable by its owner only, and return its path."""
    path = home / "daemon.json"
    description = {
        "pid": os.getpid(),
        "port": port,
        "started_at": time.time(),
        "admin": {
            "access_key_id": administrator.access_key_id,
            "secret_access_key": administrator.secret_access_key,
        },
    }
    temporary = path.with_suffix(".json.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(description, file)
    temporary.replace(path)
    return path


async def run(home: Path, listener: socket.socket, models: str, region: str) -> None:
    """Serve until a signal or a stop request."""
    port: int = listener.getsockname()[1]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    cloud = LocalCloud(home, port, models, region, stop)
    server_stop = asyncio.Event()
    server = asyncio.create_task(asgi.serve(cloud.gateway, listener, server_stop))
    description: Path | None = None
    try:
        administrator = await cloud.start()
        # What is loaded by now lives to the end; a collection that looked at it would hold up every answer.
        gc.freeze()
        description = write_description(home, port, administrator)
        await asyncio.wait({asyncio.create_task(stop.wait()), server}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if description is not None:
            description.unlink(missing_ok=True)
        await cloud.stop()
        server_stop.set()
        await server
        cloud.persistence.save(everything=True)


def main() -> int:
    """Run the command line; 0 after a clean stop."""
    options = arguments(sys.argv[1:])
    home: Path = options.home.resolve()
    os.umask(0o077)  # everything in the home is its owner's alone: the state holds secrets and passwords
    for part in ("logs", "run", "state", "s3", "images"):
        (home / part).mkdir(parents=True, exist_ok=True, mode=0o700)
    if options.sweep:
        Orphans(home / "run" / "processes.json").sweep()
        return 0
    logging.basicConfig(
        filename=home / "logs" / "daemon.log",
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    try:
        listener = asgi.bind(options.port)
    except OSError as error:
        message = (
            f"port {options.port} is taken: stop its listener or choose another one (NOVA_PORT): {error}"
        )
        logging.getLogger(__name__).error(message)
        sys.stderr.write(message + "\n")
        return EXIT_PORT_TAKEN
    asyncio.run(run(home, listener, options.models, options.region))
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Whoever typed `nova down` would wait for modules to be taken apart.
    os._exit(code)
