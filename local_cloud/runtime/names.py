"""Private DNS names on one machine: a stable loopback port per name, forwarded to the tasks behind it."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import Callable

from local_cloud.documents import Document
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime.ports import Ports

CHUNK_BYTES = 65536


class Names:
    """The names of Cloud Map's namespaces, as TCP forwarders."""

    def __init__(self, aws: Aws, ports: Ports, wanted: Callable[[], None]) -> None:
        self._aws = aws
        self._ports = ports
        self._wanted = wanted
        self._namespaces: dict[str, str] = {}
        self._addresses: dict[str, int] = {}
        self._pinned: dict[tuple[str, int], tuple[str, Callable[[], None]]] = {}
        self._servers: dict[str, asyncio.Server] = {}
        self._pending: dict[str, socket.socket] = {}
        self._turn = itertools.count()

    async def refresh(self) -> None:
        """Learn the namespaces, and serve the names that tasks have asked for."""
        namespaces = (await self._aws.call("servicediscovery", "ListNamespaces"))["Namespaces"]
        self._namespaces = {namespace["Name"]: namespace["Id"] for namespace in namespaces}
        while self._pending:
            name, listener = self._pending.popitem()

            async def connected(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = name
            ) -> None:
                await self._forward(name, reader, writer)

            self._servers[name] = await asyncio.start_server(connected, sock=listener)

    def pin(self, name: str, port: int, address: str, asked: Callable[[], None] = lambda: None) -> None:
        """Have a name and port of somebody else's (a cache's endpoint) stand for this address.

        `asked` is called whenever somebody is told it.
        """
        self._pinned[name, port] = address, asked

    def address(self, name: str, port: int) -> str | None:
        """Return the address that stands for a private name here, None when its namespace is unknown.

        Connections wait in the listener's backlog until `refresh`, which is asked for here, serves them.
        """
        if (name, port) in self._pinned:
            address, asked = self._pinned[name, port]
            asked()
            return address
        if name.partition(".")[2] not in self._namespaces:
            return None
        if name not in self._addresses:
            listener = self._ports.listen(f"name:{name}")
            self._addresses[name] = listener.getsockname()[1]
            self._pending[name] = listener
            self._wanted()
        return f"127.0.0.1:{self._addresses[name]}"

    async def _instances(self, name: str) -> list[tuple[str, int]]:
        host, _, namespace = name.partition(".")
        filters: list[Document] = [
            {"Name": "NAMESPACE_ID", "Values": [self._namespaces[namespace]], "Condition": "EQ"}
        ]
        found = await self._aws.call("servicediscovery", "ListServices", {"Filters": filters})
        for service in found["Services"]:
            if service["Name"] == host:
                output = await self._aws.call(
                    "servicediscovery", "ListInstances", {"ServiceId": service["Id"]}
                )
                attributes = [instance["Attributes"] for instance in output["Instances"]]
                return [(item["AWS_INSTANCE_IPV4"], int(item["AWS_INSTANCE_PORT"])) for item in attributes]
        return []

    async def _forward(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client with one of the tasks behind a name; closes the connection when there is none."""
        with contextlib.suppress(OSError, AwsError, KeyError), contextlib.closing(writer):
            instances = await self._instances(name)
            if not instances:
                return
            host, port = instances[next(self._turn) % len(instances)]
            target_reader, target_writer = await asyncio.open_connection(host, port)
            with contextlib.closing(target_writer):
                await asyncio.gather(_copy(reader, target_writer), _copy(target_reader, writer))

    async def close(self) -> None:
        """Stop serving."""
        for server in self._servers.values():
            server.close()
        for listener in self._pending.values():
            listener.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
