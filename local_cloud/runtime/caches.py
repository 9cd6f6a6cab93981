"""ElastiCache replication groups, each with a real redis-server behind its endpoint."""

import asyncio
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

from local_cloud.documents import Document
from local_cloud.gateway.ministack import ACCOUNT, MiniStack
from local_cloud.runtime.logs import Logs
from local_cloud.runtime.names import Names
from local_cloud.runtime.orphans import Orphans
from local_cloud.runtime.ports import Ports
from local_cloud.runtime.redis_acl import EVERYBODY, CacheUser
from local_cloud.runtime.redis_server import RedisServer
from local_cloud.runtime.tls import Authority

DECLARED_PORT = 6379
"""The port of a group's endpoints unless it is declared (CreateReplicationGroup, Port)."""


def endpoint(role: str, group: str, region: str) -> str:
    """Return the name of an endpoint, `role` being `master` or `replica`, in the form that AWS gives it.

    The part after the group is the same for all groups of an account in a region.
    """
    mark = hashlib.sha256(f"{ACCOUNT}/{region}".encode()).hexdigest()[:6]
    return f"{role}.{group}.{mark}.{region}.cache.amazonaws.com"


class Caches:
    """The servers of all groups; `passwords` holds digests by user (see `gateway/elasticache.py`)."""

    def __init__(
        self,
        home: Path,
        ministack: MiniStack,
        ports: Ports,
        names: Names,
        orphans: Orphans,
        logs: Logs,
        passwords: Mapping[str, Document],
    ) -> None:
        self.authority = Authority(home / "tls")
        self._home = home / "redis"
        self._ministack = ministack
        self._ports = ports
        self._names = names
        self._orphans = orphans
        self._logs = logs
        self._passwords = passwords
        self._servers: dict[str, RedisServer] = {}
        self._lock = asyncio.Lock()

    async def follow(self) -> None:
        """Bring servers and their users in line with what ElastiCache calls have declared."""
        async with self._lock:
            await self._follow()

    async def _follow(self) -> None:
        declared = {group["ReplicationGroupId"]: group for group in self._ministack.cache_groups()}
        for group in self._servers.keys() - declared.keys():
            await self._remove(group)
        for group, record in declared.items():
            known = group in self._servers
            server = self._servers[group] if known else self._add(group, record["ARN"].split(":")[3])
            await server.set_users(self._users(record))
            if not known:
                server.start()

    def _add(self, group: str, region: str) -> RedisServer:
        names = [endpoint(role, group, region) for role in ("master", "replica")]
        port = self._ports.reserve(f"redis:{group}")
        log = self._logs.of(f"cache-{group}")
        server = RedisServer(self._home / group, port, names, self.authority, self._orphans, log)
        for name in names:
            self._names.pin(name, DECLARED_PORT, f"127.0.0.1:{port}")
        self._servers[group] = server
        return server

    async def _remove(self, group: str) -> None:
        await self._servers.pop(group).stop()
        self._ports.forget(f"redis:{group}")
        shutil.rmtree(self._home / group, ignore_errors=True)

    def _users(self, record: Document) -> list[CacheUser]:
        groups: list[str] = record["UserGroupIds"]
        return [self._user(user) for user in self._ministack.cache_users(groups)] if groups else [EVERYBODY]

    def _user(self, user: Document) -> CacheUser:
        known = self._passwords.get(user["UserId"], {})
        digests = tuple(known.get("digests", ()))
        return CacheUser(user["UserName"], user["AccessString"], digests, open=known.get("open", False))

    async def state(self, group: str) -> str:
        """Return a group's status as DescribeReplicationGroups shows it."""
        server = self._servers.get(group)
        if server is not None and await server.answers():
            return "available"
        return "creating" if server is None or server.error is None else "create-failed"

    async def status(self) -> Document:
        """Return what `GET /_nova/status` tells of the caches."""
        return {
            group: {"healthy": await server.answers(), "port": server.port, "last_error": server.error}
            for group, server in self._servers.items()
        }

    async def stop(self) -> None:
        """End all servers; their data stays."""
        for server in self._servers.values():
            await server.stop()
