"""A replication group is a real redis-server: over TLS, with the declared users, and its data survives."""

import json
import secrets
import ssl
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
import redis
from botocore.exceptions import ClientError
from redis import exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.local_cloud.running import Running, policy, until
from tests.local_cloud.test_cloud_services import IMAGE, ended, processes

ACCESS = "on ~{0}:* -@all +@read +@write +@connection -@dangerous"
WORD, OTHER = secrets.token_hex(20), secrets.token_hex(20)


def users(cloud: Running, group: str) -> None:
    """A user group of three: the closed default user, `writer`, and `other` with a prefix of its own."""
    cache = cloud.client("elasticache")
    cache.create_user(
        UserId=f"{group}-default", UserName="default", Engine="redis", AccessString="off -@all",
        AuthenticationMode={"Type": "no-password-required"},
    )  # fmt: skip
    for name, password in (("writer", WORD), ("other", OTHER)):
        made = cache.create_user(
            UserId=f"{group}-{name}", UserName=name, Engine="redis", AccessString=ACCESS.format(name),
            AuthenticationMode={"Type": "password", "Passwords": [password]},
        )  # fmt: skip
        assert made["Authentication"] == {"Type": "password", "PasswordCount": 1}
    members = [f"{group}-{name}" for name in ("default", "writer", "other")]
    cache.create_user_group(UserGroupId=group, Engine="redis", UserIds=members)


def replication_group(cloud: Running, group: str) -> dict[str, Any]:
    """A group of that name that answers."""
    cache = cloud.client("elasticache")
    made = cache.create_replication_group(
        ReplicationGroupId=group, ReplicationGroupDescription="tests", Engine="redis", NumCacheClusters=1,
        CacheNodeType="cache.t4g.micro", TransitEncryptionEnabled=True, UserGroupIds=[group],
    )["ReplicationGroup"]  # fmt: skip
    assert made["Status"] == "creating"
    return until(lambda: available(cloud, group), 10)


def available(cloud: Running, group: str) -> dict[str, Any]:
    described = cloud.client("elasticache").describe_replication_groups(ReplicationGroupId=group)
    (found,) = described["ReplicationGroups"]
    return found if found["Status"] == "available" else {}


def connect(cloud: Running, group: str, **more: Any) -> Any:  # noqa: ANN401 (an untyped client)
    options: dict[str, Any] = {
        "host": "127.0.0.1", "port": cloud.status()["caches"][group]["port"], "ssl": True,
        "ssl_ca_certs": str(cloud.home / "tls" / "ca.pem"), "username": "writer", "password": WORD,
        "decode_responses": True, "socket_timeout": 5, "retry": Retry(NoBackoff(), 0),
    }  # fmt: skip
    client: Any = redis.Redis
    return client(**(options | more))


@pytest.fixture(scope="module")
def group(cloud: Running) -> str:
    users(cloud, "shared")
    replication_group(cloud, "shared")
    return "shared"


def test_the_endpoint_has_a_name_like_those_of_aws(cloud: Running, group: str) -> None:
    (shard,) = available(cloud, group)["NodeGroups"]
    assert shard["PrimaryEndpoint"]["Address"].startswith("master.shared.")
    assert shard["ReaderEndpoint"]["Address"].startswith("replica.shared.")
    for end in ("PrimaryEndpoint", "ReaderEndpoint"):
        assert shard[end]["Address"].endswith(".us-east-1.cache.amazonaws.com")
        assert shard[end]["Port"] == 6379
    assert cloud.status()["caches"][group]["healthy"] is True


def test_a_declared_user_reads_and_writes_below_its_prefix(cloud: Running, group: str) -> None:
    client = connect(cloud, group)
    assert client.set("writer:1", "value")
    assert client.get("writer:1") == "value"
    for key in ("other:1", "writer", "xwriter:1"):
        with pytest.raises(exceptions.NoPermissionError):
            client.get(key)
    for command in (("FLUSHALL", "ASYNC"), ("CONFIG", "GET", "dir"), ("ACL", "LIST"), ("SHUTDOWN",)):
        with pytest.raises(exceptions.ResponseError):
            client.execute_command(*command)


@pytest.mark.parametrize(
    ("user", "password"),
    [("writer", OTHER), ("other", WORD), ("default", ""), ("default", WORD), ("unknown", WORD)],
    ids=["password of other", "password of writer", "none", "default user", "unknown user"],
)
def test_another_users_password_and_the_default_user_are_refused(
    cloud: Running, group: str, user: str, password: str
) -> None:
    with pytest.raises((exceptions.AuthenticationError, exceptions.ResponseError)):
        connect(cloud, group, username=user, password=password).get("writer:1")


def test_who_names_no_user_is_refused(cloud: Running, group: str) -> None:
    client = connect(cloud, group, username=None, password=None, protocol=2)
    with pytest.raises(exceptions.AuthenticationError, match="Authentication required"):
        client.get("writer:1")


def test_tls_is_needed_and_the_server_is_verified(cloud: Running, group: str) -> None:
    with pytest.raises(exceptions.ConnectionError):
        connect(cloud, group, ssl=False, ssl_ca_certs=None).ping()
    with pytest.raises(exceptions.ConnectionError, match="certificate verify failed"):
        connect(cloud, group, ssl_ca_certs=ssl.get_default_verify_paths().cafile).ping()


def test_the_process_list_and_files_of_others_show_nothing(cloud: Running, group: str) -> None:
    (server,) = servers(cloud, group)
    line = " ".join(server.cmdline())
    assert WORD not in line
    assert str(cloud.home / "redis" / group) in line
    for file in [*(cloud.home / "redis" / group).iterdir(), *(cloud.home / "tls").iterdir()]:
        assert not file.stat().st_mode & 0o077, file
    kept = (cloud.home / "redis" / group / "users.acl").read_text()
    assert sorted(line.split()[1] for line in kept.splitlines()) == [
        "default", "nova-local-cloud", "other", "writer",
    ]  # fmt: skip
    listening = {entry.laddr.ip for entry in server.net_connections() if entry.status == "LISTEN"}
    assert listening == {"127.0.0.1"}


def servers(cloud: Running, group: str) -> list[psutil.Process]:
    return processes(str(cloud.home / "redis" / group))


def test_users_change_while_the_server_runs(cloud: Running, group: str) -> None:
    cache, (before,) = cloud.client("elasticache"), servers(cloud, group)
    fresh = secrets.token_hex(20)
    changed = cache.modify_user(
        UserId="shared-writer", AuthenticationMode={"Type": "password", "Passwords": [WORD, fresh]}
    )
    assert changed["Authentication"]["PasswordCount"] == 2
    for password in (WORD, fresh):
        assert connect(cloud, group, password=password).ping()
    cache.modify_user(UserId="shared-writer", AuthenticationMode={"Type": "password", "Passwords": [WORD]})
    with pytest.raises(exceptions.AuthenticationError):
        connect(cloud, group, password=fresh).ping()

    cache.create_user(
        UserId="shared-late", UserName="late", Engine="redis", AccessString=ACCESS.format("late"),
        Passwords=[fresh],
    )  # fmt: skip
    late: dict[str, Any] = {"username": "late", "password": fresh}
    with pytest.raises(exceptions.AuthenticationError):
        connect(cloud, group, **late).ping()
    cache.modify_user_group(UserGroupId=group, UserIdsToAdd=["shared-late"])
    assert connect(cloud, group, **late).set("late:1", "x")
    cache.modify_user(UserId="shared-late", AccessString="on ~nothing -@all +@read")
    with pytest.raises(exceptions.NoPermissionError):
        connect(cloud, group, **late).get("late:1")
    cache.modify_user_group(UserGroupId=group, UserIdsToRemove=["shared-late"])
    with pytest.raises(exceptions.AuthenticationError):
        connect(cloud, group, **late).ping()
    assert [process.pid for process in servers(cloud, group)] == [before.pid]


def test_a_task_connects_by_the_declared_name(cloud: Running, group: str) -> None:
    (shard,) = available(cloud, group)["NodeGroups"]
    role = cloud.role("redis", "ecs-tasks.amazonaws.com", policy((["secretsmanager:GetSecretValue"], "*")))
    vault = cloud.client("secretsmanager")
    secret = vault.create_secret(Name="redis-writer", SecretString="0" * 20)["ARN"]
    version = vault.put_secret_value(SecretId=secret, SecretString=WORD)["VersionId"]
    vault.put_secret_value(SecretId=secret, SecretString="1" * 20)  # a later one is current by now
    code = (
        "import os, socket, ssl, urllib.parse as u\n"
        "url = u.urlsplit(os.environ['REDIS_URL'])\n"
        "plain = socket.create_connection((url.hostname, url.port))\n"
        "with ssl.create_default_context().wrap_socket(plain, server_hostname=url.hostname) as s:\n"
        "    s.sendall(f\"AUTH writer {os.environ['WORD']}\\r\\nSET writer:task ok\\r\\n\".encode())\n"
        "    lines = s.makefile('rb')\n"
        "    print('GOT', lines.readline(), lines.readline())\n"
    )
    ecs = cloud.client("ecs")
    url = f"rediss://{shard['PrimaryEndpoint']['Address']}:6379"
    definition = ecs.register_task_definition(
        family="redis-client", executionRoleArn=role, containerDefinitions=[{
        "name": "client", "image": IMAGE, "command": ["python", "-c", code],
        "environment": [{"name": "REDIS_URL", "value": url}],
        "secrets": [{"name": "WORD", "valueFrom": f"{secret}:::{version}"}],
    }])["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    ecs.create_cluster(clusterName="redis-client")
    (task,) = ecs.run_task(cluster="redis-client", taskDefinition=definition)["tasks"]
    stopped = until(lambda: ended(cloud, "redis-client", task["taskArn"]))
    log = (cloud.home / "logs" / "redis-client.log").read_text()
    assert stopped["containers"][0]["exitCode"] == 0, log
    assert connect(cloud, group).get("writer:task") == "ok"


def test_what_cannot_be_served_is_refused(cloud: Running) -> None:
    cache = cloud.client("elasticache")
    group: dict[str, Any] = {"ReplicationGroupId": "no", "ReplicationGroupDescription": "no"}
    for more in ({}, {"TransitEncryptionEnabled": True, "NumNodeGroups": 3}):
        with pytest.raises(ClientError, match="does not serve"):
            cache.create_replication_group(**group, **more)
    user: dict[str, Any] = {"UserId": "no", "UserName": "no", "Engine": "redis"}
    good = {"AccessString": "on ~* +@all", "Passwords": ["x" * 16]}
    for wrong in (
        {"Passwords": ["short"]},
        {"AccessString": "on nopass ~* +@all"},
        {"AccessString": "on >injected ~* +@all"},
        {"AccessString": "~* +@all"},
        {"AuthenticationMode": {"Type": "iam"}},
        {"UserName": "two words"},
    ):
        with pytest.raises(ClientError):
            cache.create_user(**(user | good | wrong))
    assert "no" not in [found["UserId"] for found in cache.describe_users()["Users"]]


def test_a_server_that_dies_is_started_again_with_its_data(cloud: Running, group: str) -> None:
    connect(cloud, group).set("writer:kept", "1")
    time.sleep(1.2)  # appended to the file at least every second
    (server,) = servers(cloud, group)
    server.kill()
    until(lambda: server.pid not in [process.pid for process in servers(cloud, group)])
    until(lambda: available(cloud, group))
    assert connect(cloud, group).get("writer:kept") == "1"


def test_data_survives_a_stop_and_a_kill(new_cloud: Callable[[str], Running]) -> None:
    cloud = new_cloud("durable").start()
    users(cloud, "durable")
    replication_group(cloud, "durable")
    port = cloud.status()["caches"]["durable"]["port"]
    connect(cloud, "durable").set("writer:stop", "1")
    assert cloud.stop() == 0
    assert not servers(cloud, "durable")

    cloud.start()
    until(lambda: available(cloud, "durable"))
    assert cloud.status()["caches"]["durable"]["port"] == port
    assert connect(cloud, "durable").get("writer:stop") == "1"
    connect(cloud, "durable").set("writer:kill", "1")
    time.sleep(1.2)
    (left,) = servers(cloud, "durable")
    cloud.kill()
    assert left.is_running()

    cloud.start()
    assert not left.is_running()
    until(lambda: available(cloud, "durable"))
    assert connect(cloud, "durable").mget("writer:stop", "writer:kill") == ["1", "1"]
    for file in (cloud.home / "state").iterdir():
        assert WORD not in file.read_text(), file
        assert not file.stat().st_mode & 0o077, file

    cloud.client("elasticache").delete_replication_group(ReplicationGroupId="durable")
    assert json.dumps(cloud.status()["caches"]) == "{}"
    assert not (cloud.home / "redis" / "durable").exists()
