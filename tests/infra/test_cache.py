"""The cache, its users and their passwords; and the vector store."""

import dataclasses
import shutil
import subprocess
import time
from collections.abc import Generator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.rpc import is_rpc_secret
from redis import Redis
from redis.exceptions import ResponseError

from components.data.cache import access_string
from components.data.cache_plan import (
    CacheEngine,
    CachePlan,
    check_node_type,
)
from components.data.keys import DataKey
from components.data.vectors import VectorStoreArgs
from components.rotation import Slot, current_slot, slot_generations
from tests.infra.deployment import Deployment, deployed, key_name
from tests.infra.test_hardening import containers

PASSWORD_KIND = "random:index/randomPassword:RandomPassword"
USER_KIND = "aws:elasticache/user:User"
CLIENTS = ("agent-core", "frontend")
"""Who has a user of the cache."""
PLAN = CachePlan(engine=CacheEngine.REDIS, node_type="cache.t4g.micro", replicas=0, password_generation=1)


def user(deployment: Deployment, name: str) -> dict[str, Any]:
    """The inputs of the user of the cache with the name ``name``."""
    (found,) = [made for made in deployment.of_type(USER_KIND) if made.inputs["userName"] == name]
    return found.inputs


def generations(deployment: Deployment) -> dict[str, str]:
    """Which generation the password in each slot is of."""
    return {
        found.name.rpartition("-")[2]: found.inputs["keepers"]["generation"]
        for found in deployment.of_type(PASSWORD_KIND)
        if found.name.startswith("nova-cache-agent-core-")
    }


def plain(secret: dict[str, Any]) -> Any:  # noqa: ANN401 (a recorded value has any type)
    """The value in a secret's wrapper; fails for what is no secret."""
    assert is_rpc_secret(secret)
    return secret["value"]


def passwords(deployment: Deployment) -> list[str]:
    """The passwords of the coordinator's user, which have to be secret."""
    mode = user(deployment, "agent-core")["authenticationMode"]
    return plain(mode)["passwords"] if is_rpc_secret(mode) else [plain(one) for one in mode["passwords"]]


def stored(deployment: Deployment) -> str:
    """The password that the coordinator's tasks are told."""
    kind = "aws:secretsmanager/secretVersion:SecretVersion"
    version = deployment.one(kind, "nova-cache-agent-core-password-version")
    return plain(version.inputs["secretString"])


class TestReplicationGroup:
    def test_it_is_encrypted_and_stands_apart(self, deployment: Deployment) -> None:
        (group,) = deployment.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
        inputs = group.inputs
        assert inputs["transitEncryptionEnabled"] is inputs["atRestEncryptionEnabled"] is True
        assert inputs["transitEncryptionMode"] == "required"
        assert inputs["kmsKeyId"].endswith(f"key/{key_name(deployment, 'cache')}")
        assert "authToken" not in inputs
        assert "numNodeGroups" not in inputs
        assert inputs["securityGroupIds"] == ["nova-cache-security-group-0000000"]
        assert inputs["userGroupIds"] == [f"nova-{stack_of(deployment)}-cache"]
        assert inputs["applyImmediately"] is True
        (subnets,) = deployment.of_type("aws:elasticache/subnetGroup:SubnetGroup")
        assert all("-isolated-" in subnet for subnet in subnets.inputs["subnetIds"])
        egress = deployment.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        assert "nova-cache-security-group-0000000" not in {rule.inputs["securityGroupId"] for rule in egress}

    def test_what_people_said_does_not_get_into_its_logs(self, deployment: Deployment) -> None:
        (group,) = deployment.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
        (delivery,) = group.inputs["logDeliveryConfigurations"]
        assert (delivery["logType"], delivery["logFormat"]) == ("engine-log", "json")
        assert delivery["destination"] == "nova-cache-engine-logs-0000000"

    def test_production_fails_over_and_keeps_snapshots(
        self, production: Deployment, development: Deployment
    ) -> None:
        prod, dev = (
            made.of_type("aws:elasticache/replicationGroup:ReplicationGroup")[0].inputs
            for made in (production, development)
        )
        assert (prod["numCacheClusters"], dev["numCacheClusters"]) == (2, 1)
        for switch in ("automaticFailoverEnabled", "multiAzEnabled"):
            assert (prod[switch], dev[switch]) == (True, False)
        assert (prod["snapshotRetentionLimit"], dev["snapshotRetentionLimit"]) == (30, 0)
        assert prod["finalSnapshotIdentifier"] == "nova-prod-cache-final"
        assert "finalSnapshotIdentifier" not in dev
        assert (prod["nodeType"], dev["nodeType"]) == ("cache.t4g.medium", "cache.t4g.micro")

    @pytest.mark.parametrize(
        ("engine", "version", "family"), [("redis", "7.1", "redis7"), ("valkey", "8.0", "valkey8")]
    )
    def test_the_engine_is_a_setting(self, engine: str, version: str, family: str) -> None:
        other = deployed("dev", overrides={"cacheEngine": engine})
        (group,) = other.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
        (parameters,) = other.of_type("aws:elasticache/parameterGroup:ParameterGroup")
        assert (group.inputs["engine"], group.inputs["engineVersion"]) == (engine, version)
        assert parameters.inputs["family"] == family
        assert parameters.inputs["parameters"] == [{"name": "maxmemory-policy", "value": "volatile-lru"}]
        engines = {found.inputs["engine"] for found in other.of_type(USER_KIND)}
        (users,) = other.of_type("aws:elasticache/userGroup:UserGroup")
        assert engines == {users.inputs["engine"]} == {engine}
        default = user(other, "default")
        assert default["accessString"] == "off -@all"
        # Groups for Valkey take no user without a password.
        mode = default["authenticationMode"]
        mode = plain(mode) if is_rpc_secret(mode) else mode
        assert mode["type"] == ("no-password-required" if engine == "redis" else "password")


def stack_of(deployment: Deployment) -> str:
    """The stack's name, from a resource that bears it."""
    return user(deployment, "default")["userId"].split("-")[1]


class TestUsers:
    def test_the_default_user_is_off_and_the_group_is_open_to_members(self, deployment: Deployment) -> None:
        default = user(deployment, "default")
        assert default["accessString"] == "off -@all"
        (group,) = deployment.of_type("aws:elasticache/userGroup:UserGroup")
        assert group.inputs["userIds"] == [default["userId"]]
        # Otherwise each update would throw the associated members out.
        assert group.ignore_changes == ("userIds",)

    def test_a_client_has_a_user_of_its_own(self, deployment: Deployment) -> None:
        client = user(deployment, "agent-core")
        assert client["userId"] == f"nova-{stack_of(deployment)}-agent-core"
        assert client["accessString"] == access_string("agent-core")
        memberships = deployment.of_type("aws:elasticache/userGroupAssociation:UserGroupAssociation")
        members = {user(deployment, name)["userId"] for name in CLIENTS}
        assert {found.inputs["userId"] for found in memberships} == members
        assert len({user(deployment, name)["accessString"] for name in CLIENTS}) == len(CLIENTS)
        for membership in memberships:
            assert any(":ReplicationGroup::" in urn for urn in membership.depends_on)

    def test_tasks_start_once_their_user_is_known(self, deployment: Deployment) -> None:
        service = deployment.one("aws:ecs/service:Service", "agent-core-service")
        for kind in ("elasticache/user:User::", "UserGroupAssociation::"):
            assert any(kind in urn for urn in service.depends_on), kind

    def test_the_task_is_told_the_version_of_its_password(self, deployment: Deployment) -> None:
        found = containers(deployment)
        told = [name for name, container in found.items() if "secrets" in container]
        assert sorted(told) == ["agent-core", "agent-core-erase", "frontend"]
        assert found["frontend"]["secrets"] != found["agent-core"]["secrets"]
        assert found["agent-core-erase"]["secrets"] == found["agent-core"]["secrets"]
        (secret,) = found["agent-core"]["secrets"]
        assert secret["name"] == "REDIS_PASSWORD"
        arn, _, version = secret["valueFrom"].partition(":::")
        assert arn.endswith(":secret:nova-cache-agent-core-password-secret-0000000-AbCdEf")
        assert len(version) == 36
        names = {entry["name"]: entry["value"] for entry in found["agent-core"]["environment"]}
        assert names["REDIS_URL"].startswith("rediss://master.")
        assert names["REDIS_URL"].endswith(":6379")
        assert names["REDIS_USERNAME"] == "agent-core"

    def test_secrets_are_encrypted_and_can_be_restored_where_protected(
        self, production: Deployment, development: Deployment
    ) -> None:
        for made, days in ((production, 30), (development, 0)):
            for secret in made.of_type("aws:secretsmanager/secret:Secret"):
                assert secret.inputs["recoveryWindowInDays"] == days
                assert secret.inputs["kmsKeyId"].endswith(f"key/{key_name(made, 'secrets')}")

    def test_no_password_is_readable_in_the_inputs(self, deployment: Deployment) -> None:
        for resource in deployment.resources.values():
            for password in passwords(deployment):
                assert password not in str(unsecret(resource.inputs)), resource.urn


def unsecret(value: Any) -> Any:  # noqa: ANN401 (a recorded value has any type)
    """A value without what is secret in it."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if is_rpc_secret(members):
            return "(secret)"
        return {key: unsecret(member) for key, member in members.items()}
    if isinstance(value, list):
        return [unsecret(item) for item in cast("list[Any]", value)]
    return value


def in_generation(generation: int) -> Deployment:
    """Stack prod with so many passwords made."""
    return deployed("prod", overrides={"cachePasswordGeneration": str(generation)})


class TestRotation:
    def test_a_step_renews_the_older_password_and_keeps_the_newer(self) -> None:
        before, after, later = (in_generation(generation) for generation in (1, 2, 3))
        assert [generations(found) for found in (before, after, later)] == [
            {"even": "0", "odd": "1"},
            {"even": "2", "odd": "1"},
            {"even": "2", "odd": "3"},
        ]
        for earlier, next_ in ((before, after), (after, later)):
            kept = set(passwords(earlier)) & set(passwords(next_))
            assert kept == {stored(earlier)}
            assert stored(next_) in set(passwords(next_)) - kept

    def test_a_step_replaces_the_tasks_that_use_the_password_and_no_others(self) -> None:
        before, after = (containers(in_generation(generation)) for generation in (1, 2))
        assert {name for name in before if before[name] != after[name]} == {
            "agent-core",
            "agent-core-erase",
            "frontend",
        }
        assert before["agent-core"]["environment"] == after["agent-core"]["environment"]

    def test_the_old_version_stays_readable(self, deployment: Deployment) -> None:
        kept = {found.type for found in deployment.resources.values() if found.retain_on_delete}
        assert kept == {"aws:secretsmanager/secretVersion:SecretVersion"}

    @given(generation=st.integers(1, 10_000))
    def test_two_successive_generations_share_the_newer_password(self, generation: int) -> None:
        now, then = slot_generations(generation), slot_generations(generation + 1)
        assert now[current_slot(generation)] == generation
        assert [slot for slot in Slot if now[slot] != then[slot]] == [current_slot(generation + 1)]
        assert set(now.values()) == {generation - 1, generation}


class TestPlan:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"replicas": 6}, "replicas: 6 is not allowed; a cache has 0 to 5"),
            ({"replicas": -1}, "replicas: -1"),
            ({"password_generation": 0}, "password_generation: 0 is not allowed; it is 1 or more"),
            ({"node_type": "t4g.micro"}, "node type such as cache.t4g.micro"),
        ],
    )
    def test_an_impossible_plan_is_refused(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(PLAN, **changes)

    @pytest.mark.parametrize(
        "node_type", ["cache.t4g.micro", "cache.m7g.large", "cache.r7g.16xlarge", "cache.c7gn.xlarge"]
    )
    def test_node_types_pass(self, node_type: str) -> None:
        check_node_type(node_type)

    def test_a_node_type_that_tiers_data_is_refused(self) -> None:
        with pytest.raises(ValueError, match="keeps all data in memory"):
            check_node_type("cache.r6gd.xlarge")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Generator[Any]:
    """A connection to a Redis that has the coordinator's user, over a socket in a folder of its own."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not on PATH")
    folder = tmp_path_factory.mktemp("redis")
    rules = f"user default off -@all\nuser agent-core {access_string('agent-core')} >{'p' * 64}\n"
    (folder / "users.acl").write_text(rules, encoding="utf-8")
    command = [binary, "--port", "0", "--unixsocket", "server.sock", "--aclfile", "users.acl", "--save", ""]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        until = time.monotonic() + 10
        while not (folder / "server.sock").exists() and time.monotonic() < until:
            time.sleep(0.02)
        with Redis(
            unix_socket_path=str(folder / "server.sock"), username="agent-core", password="p" * 64
        ) as connection:
            yield connection
        server.terminate()


class TestAccess:
    def test_sessions_and_locks_work(self, client: Any) -> None:  # noqa: ANN401 (typed for two clients)
        assert client.ping()
        assert client.set("agent-core:session:1", "[]", ex=60)
        assert client.get("agent-core:session:1") == b"[]"
        lock = client.lock("agent-core:lock:1", timeout=5)
        assert lock.acquire()
        lock.extend(5)
        lock.release()
        assert client.eval("return redis.call('get', KEYS[1])", 1, "agent-core:session:1") == b"[]"
        with client.pipeline(transaction=True) as pipeline:
            assert pipeline.get("agent-core:session:1").delete("agent-core:session:1").execute() == [b"[]", 1]

    @pytest.mark.parametrize(
        "command",
        [
            "GET other:session:1",
            "SET other:session:1 x",
            "EVAL return(redis.call('get','other:x')) 0",
            "ACL LIST",
            "CLIENT LIST",
            "CONFIG GET *",
            "FLUSHALL",
            "FUNCTION FLUSH",
            "INFO",
            "KEYS *",
            "MONITOR",
            "PUBLISH other x",
            "RANDOMKEY",
            "SCAN 0",
            "SHUTDOWN",
            "SLOWLOG GET",
        ],
    )
    def test_everything_else_is_refused(self, client: Any, command: str) -> None:  # noqa: ANN401 (as above)
        with pytest.raises(ResponseError, match=r"permission|can't access"):
            client.execute_command(*command.split())


INDEX = "aws:s3/vectorsIndex:VectorsIndex"


class TestVectors:
    def test_bucket_and_index(self, production: Deployment) -> None:
        (bucket,) = production.of_type("aws:s3/vectorsVectorBucket:VectorsVectorBucket")
        (encryption,) = bucket.inputs["encryptionConfigurations"]
        assert encryption["sseType"] == "aws:kms"
        assert encryption["kmsKeyArn"].endswith("key/nova-keys-vectors")
        assert (bucket.inputs["vectorBucketName"], bucket.inputs["forceDestroy"]) == (
            "nova-prod-vectors",
            False,
        )
        index = {
            "vectorBucketName": "nova-prod-vectors",
            "indexName": "amazon-nova-2-multimodal-embeddings-v1-0-1024-81a9e83d",
            "dataType": "float32",
            "dimension": 1024,
            "distanceMetric": "cosine",
            "metadataConfiguration": {"nonFilterableMetadataKeys": ["text"]},
        }
        indexes = {found.name: found.inputs for found in production.of_type(INDEX)}
        assert indexes["nova-vectors-index"] == index
        memory = dict(indexes["nova-vectors-memory-index"])
        assert memory.pop("indexName").startswith("memory-amazon-nova-2-multimodal-embeddings")
        assert memory == {
            name: value for name, value in index.items() if name not in {"indexName", "metadataConfiguration"}
        }

    def test_the_services_and_the_index_agree_on_the_dimension(self, deployment: Deployment) -> None:
        for name, label in {"search": "", "search-indexer": "", "agent-core": "-memory"}.items():
            index = deployment.one(INDEX, f"nova-vectors{label}-index")
            entries = containers(deployment)[name]["environment"]
            found = {entry["name"]: entry["value"] for entry in entries}
            assert found["EMBEDDING_DIMENSION"] == str(int(index.inputs["dimension"]))
            assert found["VECTOR_INDEX"] == index.inputs["indexName"]
            assert found["VECTOR_BUCKET"] == index.inputs["vectorBucketName"]

    @pytest.mark.parametrize(
        ("dimension", "keys", "message"),
        [
            (0, ("text",), "dimension: 0 is not allowed; it is 1 to 4096"),
            (4097, ("text",), "dimension: 4097"),
            (8, tuple("abcdefghijk"), "at most 10"),
        ],
    )
    def test_an_impossible_index_is_refused(
        self, dimension: int, keys: tuple[str, ...], message: str
    ) -> None:
        # The key is not looked at.
        key = DataKey.__new__(DataKey)
        with pytest.raises(ValueError, match=message):
            VectorStoreArgs(key=key, dimension=dimension, model="m", unfiltered_keys=keys, protect=False)
