"""The daemon itself: what survives, what is swept, who gets in."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import boto3
import botocore
import botocore.config
import httpx2
import psutil
import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.running import CHECKOUT, Running, until
from tests.local_cloud.test_cloud_events import jobs_queue, pipe, put, start_job, table
from tests.local_cloud.test_cloud_services import SERVER, definition, processes, stable, tasks

type NewCloud = Callable[[str], Running]


def task_port(cloud: Running, cluster: str) -> int:
    return tasks(cloud, cluster)[0]["containers"][0]["networkBindings"][0]["hostPort"]


def test_a_killed_daemon_loses_a_second_at_most(new_cloud: NewCloud) -> None:
    cloud = new_cloud("killed").start()
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="kept")
    arn = definition(cloud, "kept", SERVER)
    ecs.create_service(cluster="kept", serviceName="kept", taskDefinition=arn, desiredCount=1)
    stable(cloud, "kept", "kept")
    left = task_port(cloud, "kept")
    cloud.client("s3").create_bucket(Bucket="kept")
    cloud.client("s3").put_object(Bucket="kept", Key="object", Body=b"body")
    queue, _ = pipe(cloud, "kept", table(cloud, "kept"))
    put(cloud, "kept", "before")
    assert [event["detail"]["aggregate"] for event in cloud.messages(queue)] == ["before"]
    cloud.client("pipes").stop_pipe(Name="kept")
    put(cloud, "kept", "between")
    jobs = jobs_queue(cloud, "kept-")
    administrator = cloud.administrator
    start_job(cloud, "kept-1", (CHECKOUT / "samples" / "meeting.wav").read_bytes(), LanguageCode="en-US")
    time.sleep(1.3)
    put(cloud, "kept", "last second")  # may be lost
    cloud.kill()
    assert processes(f"http.server {left}")

    cloud.start()
    assert not processes(f"http.server {left}")
    assert cloud.administrator == administrator
    assert cloud.client("s3").get_object(Bucket="kept", Key="object")["Body"].read() == b"body"
    stable(cloud, "kept", "kept")
    assert httpx2.get(f"http://127.0.0.1:{task_port(cloud, 'kept')}/").status_code == 200
    cloud.client("pipes").start_pipe(Name="kept")
    assert cloud.messages(queue)[0]["detail"]["aggregate"] == "between"
    put(cloud, "kept", "after")
    assert until(lambda: [event["detail"]["aggregate"] for event in cloud.messages(queue)])[-1] == "after"
    found = until(lambda: cloud.messages(jobs))
    assert found[0]["detail"]["TranscriptionJobStatus"] == "COMPLETED"
    assert cloud.stop() == 0
    assert not (cloud.home / "daemon.json").exists()


def test_a_clean_stop_keeps_all_and_leaves_no_process(new_cloud: NewCloud) -> None:
    cloud = new_cloud("stopped").start()
    cloud.client("ecs").create_cluster(clusterName="stopped")
    arn = definition(cloud, "stopped", SERVER)
    request: dict[str, Any] = {"cluster": "stopped", "serviceName": "stopped", "taskDefinition": arn}
    cloud.client("ecs").create_service(**request, desiredCount=1)
    stable(cloud, "stopped", "stopped")
    port = task_port(cloud, "stopped")
    cloud.client("sqs").create_queue(QueueName="stopped")
    children = [
        child.pid
        for child in psutil.Process(cloud.process.pid if cloud.process else 0).children(recursive=True)
    ]
    assert cloud.stop() == 0
    assert not [child for child in children if psutil.pid_exists(child)]
    cloud.start()
    assert cloud.client("sqs").get_queue_url(QueueName="stopped")["QueueUrl"]
    stable(cloud, "stopped", "stopped")
    assert task_port(cloud, "stopped") != port or processes(f"http.server {port}")


def test_the_sweep_command_ends_what_a_killed_daemon_left(new_cloud: NewCloud) -> None:
    cloud = new_cloud("swept").start()
    cloud.client("ecs").create_cluster(clusterName="swept")
    arn = definition(cloud, "swept", SERVER)
    cloud.client("ecs").create_service(
        cluster="swept", serviceName="swept", taskDefinition=arn, desiredCount=1
    )
    stable(cloud, "swept", "swept")
    port = task_port(cloud, "swept")
    cloud.kill()
    assert processes(f"http.server {port}")
    subprocess.run(cloud.command("--sweep"), cwd=CHECKOUT, check=True)
    assert not processes(f"http.server {port}")


def test_two_daemons_run_side_by_side(new_cloud: NewCloud) -> None:
    first, second = new_cloud("first").start(), new_cloud("second").start()
    first.client("sqs").create_queue(QueueName="only-here")
    assert not second.client("sqs").list_queues().get("QueueUrls")
    assert first.administrator != second.administrator
    assert first.client("sqs").list_queues()["QueueUrls"]


def test_a_port_that_is_taken_is_named(cloud: Running, new_cloud: NewCloud) -> None:
    late = new_cloud("late")
    command = late.command("--port", str(cloud.port))
    finished = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert finished.returncode == 3
    assert f"port {cloud.port} is taken" in finished.stderr
    assert not (late.home / "daemon.json").exists()


@pytest.mark.parametrize(
    "identity",
    [
        {"aws_access_key_id": "test", "aws_secret_access_key": "test"},
        {"aws_access_key_id": "123456789012", "aws_secret_access_key": "test"},
        {"aws_secret_access_key": "wrong"},
        {"aws_session_token": "invented"},
    ],
)
def test_keys_that_everybody_knows_or_that_are_wrong_are_refused(
    cloud: Running, identity: dict[str, str]
) -> None:
    with pytest.raises(ClientError, match=r"invalid|signature|credentials|token"):
        cloud.client("dynamodb", **identity).list_tables()
    with pytest.raises(ClientError):
        cloud.client("ecs", **identity).list_services(cluster="any")


def test_unsigned_requests_reach_nothing(cloud: Running) -> None:
    unsigned = botocore.config.Config(signature_version=botocore.UNSIGNED)
    cloud.client("s3").create_bucket(Bucket="closed")
    session: Any = boto3.Session()
    anonymous = session.client("s3", endpoint_url=cloud.url, region_name="us-east-1", config=unsigned)
    with pytest.raises(ClientError, match="AccessDenied"):
        anonymous.list_objects_v2(Bucket="closed")
    for path in ("/_ministack/reset", "/_ministack/config", "/_localstack/health", "/_nova/unknown"):
        assert httpx2.post(cloud.url + path).status_code == 404
    assert httpx2.post(f"{cloud.url}/_nova/stop").status_code == 403
    assert httpx2.post(f"{cloud.url}/_nova/stop", headers={"x-nova-admin": "guess"}).status_code == 403


def test_the_description_is_private_and_the_status_complete(cloud: Running) -> None:
    assert (cloud.home / "daemon.json").stat().st_mode & 0o777 == 0o600
    description = json.loads((cloud.home / "daemon.json").read_text())
    assert set(description) == {"pid", "port", "started_at", "admin"}
    assert set(cloud.status()) == {
        "agent_sessions",
        "caches",
        "distributions",
        "function_urls",
        "functions",
        "load_balancers",
        "models",
        "payments",
        "pipes",
        "rest_apis",
        "services",
        "refused",
        "unsupported",
    }


def test_the_daemon_listens_on_loopback_only(cloud: Running) -> None:
    assert cloud.process is not None
    listening = [
        entry for entry in psutil.Process(cloud.process.pid).net_connections() if entry.status == "LISTEN"
    ]
    assert {entry.laddr.ip for entry in listening} == {"127.0.0.1"}


def test_a_stop_request_of_the_administrator_stops_it(new_cloud: NewCloud) -> None:
    cloud = new_cloud("asked").start()
    secret = cloud.administrator["secret_access_key"]
    assert httpx2.post(f"{cloud.url}/_nova/stop", headers={"x-nova-admin": secret}).status_code == 202
    assert cloud.process is not None
    assert cloud.process.wait(20) == 0
