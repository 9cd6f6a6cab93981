"""An independent client: plain boto3 makes a service and gets running, healthy processes."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import psutil
import pytest

from tests.local_cloud.running import Running, policy, until

IMAGE = "public.ecr.aws/docker/library/python:3.13-slim-bookworm"
SERVER = ["python", "-m", "http.server", "8000"]
PROBE = "python -c \"import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/')\""


def definition(cloud: Running, family: str, command: list[str], **more: Any) -> str:  # noqa: ANN401 (members of the request)
    container: dict[str, Any] = {
        "name": "web",
        "image": IMAGE,
        "command": command,
        "portMappings": [{"containerPort": 8000}],
        "stopTimeout": 2,
        "healthCheck": {"command": ["CMD-SHELL", PROBE], "interval": 5, "retries": 2},
        **more.pop("container", {}),
    }
    return cloud.client("ecs").register_task_definition(
        family=family, networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[container], **more,
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip


def stable(cloud: Running, cluster: str, service: str) -> None:
    waiter = cloud.client("ecs").get_waiter("services_stable")
    waiter.wait(cluster=cluster, services=[service], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    # The waiter counts running tasks; health comes a moment later.
    until(lambda: cloud.status()["services"][service]["healthy"])


def tasks(cloud: Running, cluster: str) -> list[dict[str, Any]]:
    ecs = cloud.client("ecs")
    arns = ecs.list_tasks(cluster=cluster)["taskArns"]
    return ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []


def processes(text: str) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if text in " ".join(process.info["cmdline"] or [])
    ]


def test_a_service_runs_rolls_and_stops(cloud: Running) -> None:
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="independent")
    first = definition(cloud, "independent", SERVER)
    ecs.create_service(cluster="independent", serviceName="web", taskDefinition=first, desiredCount=1)
    stable(cloud, "independent", "web")
    (task,) = tasks(cloud, "independent")
    assert (task["lastStatus"], task["healthStatus"]) == ("RUNNING", "HEALTHY")
    port = task["containers"][0]["networkBindings"][0]["hostPort"]
    assert httpx2.get(f"http://127.0.0.1:{port}/").status_code == 200
    assert processes(f"http.server {port}")

    ecs.update_service(cluster="independent", service="web", desiredCount=2)
    stable(cloud, "independent", "web")
    assert len(tasks(cloud, "independent")) == 2

    second = definition(cloud, "independent", ["python", "-u", "-m", "http.server", "8000"])
    ecs.update_service(cluster="independent", service="web", taskDefinition=second)
    stable(cloud, "independent", "web")
    assert {task["taskDefinitionArn"] for task in tasks(cloud, "independent")} == {second}
    assert not processes(f"http.server {port}")

    ecs.update_service(cluster="independent", service="web", desiredCount=0)
    ecs.delete_service(cluster="independent", service="web")
    until(lambda: not tasks(cloud, "independent"))
    ecs.get_waiter("services_inactive").wait(
        cluster="independent", services=["web"], WaiterConfig={"Delay": 1, "MaxAttempts": 10}
    )


def test_a_failing_deployment_is_broken_and_the_old_tasks_stay(cloud: Running) -> None:
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="failing")
    good = definition(cloud, "failing", SERVER)
    ecs.create_service(
        cluster="failing", serviceName="failing", taskDefinition=good, desiredCount=1,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}},
    )  # fmt: skip
    stable(cloud, "failing", "failing")
    bad = definition(cloud, "failing", ["python", "-c", "raise SystemExit(3)"])
    ecs.update_service(cluster="failing", service="failing", taskDefinition=bad)
    state = until(lambda: failed(cloud, "failing"), 30)
    assert "exited with 3" in state["rolloutStateReason"]
    time.sleep(5)  # longer than the pause before a next start would be
    assert failed(cloud, "failing")["failedTasks"] == state["failedTasks"]
    assert [task["taskDefinitionArn"] for task in tasks(cloud, "failing")] == [good]
    status = cloud.status()["services"]["failing"]
    assert (status["healthy"], status["deployment"]) == (False, "FAILED")

    ecs.update_service(cluster="failing", service="failing", taskDefinition=good)
    stable(cloud, "failing", "failing")
    ecs.delete_service(cluster="failing", service="failing", force=True)


def failed(cloud: Running, name: str) -> dict[str, Any]:
    service = cloud.client("ecs").describe_services(cluster=name, services=[name])["services"][0]
    primary = service["deployments"][0]
    return primary if primary["rolloutState"] == "FAILED" else {}


def test_a_killed_process_is_replaced(cloud: Running) -> None:
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="replaced")
    arn = definition(cloud, "replaced", SERVER)
    ecs.create_service(cluster="replaced", serviceName="replaced", taskDefinition=arn, desiredCount=1)
    stable(cloud, "replaced", "replaced")
    (task,) = tasks(cloud, "replaced")
    port = task["containers"][0]["networkBindings"][0]["hostPort"]
    for process in processes(f"http.server {port}"):
        process.kill()
    until(lambda: task["taskArn"] not in [entry["taskArn"] for entry in tasks(cloud, "replaced")])
    stable(cloud, "replaced", "replaced")
    ecs.delete_service(cluster="replaced", service="replaced", force=True)


def test_a_task_finds_only_what_is_declared(cloud: Running) -> None:
    role = cloud.role("declared", "ecs-tasks.amazonaws.com", policy((["secretsmanager:GetSecretValue"], "*")))
    secret = cloud.client("secretsmanager").create_secret(Name="declared", SecretString='{"key": "hidden"}')[
        "ARN"
    ]
    cloud.client("s3").create_bucket(Bucket="declared")
    code = "import json, os; print('ENV' + json.dumps(dict(os.environ)))"
    arn = definition(
        cloud, "declared", ["python", "-c", code], taskRoleArn=role, executionRoleArn=role,
        container={
            "environment": [
                {"name": "PORT", "value": "8000"},
                {"name": "HOST", "value": "0.0.0.0"},  # noqa: S104 (it must be replaced)
            ],
            "secrets": [{"name": "WORD", "valueFrom": f"{secret}:key::"}],
        },
    )  # fmt: skip
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="declared")
    (task,) = ecs.run_task(cluster="declared", taskDefinition=arn)["tasks"]
    log = cloud.home / "logs" / "declared.log"
    line = until(
        lambda: (
            next((row for row in log.read_text().splitlines() if "ENV" in row), "") if log.exists() else ""
        )
    )
    found = json.loads(line.partition("ENV")[2])
    added = {
        "PATH", "HOME", "TMPDIR", "LANG", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "LC_CTYPE",
        "SSL_CERT_FILE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
    }  # fmt: skip
    assert set(found) - added == {"PORT", "HOST", "WORD"}
    assert (found["HOST"], found["WORD"]) == ("127.0.0.1", "hidden")
    assert found["PORT"] != "8000"
    roots = (cloud.home / "tls" / "bundle.pem").read_text()
    names = ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    assert {found[name] for name in names} == {str(cloud.home / "tls" / "bundle.pem")}
    assert roots.endswith((cloud.home / "tls" / "ca.pem").read_text())
    assert roots.count("BEGIN CERTIFICATE") > 50
    stopped = until(lambda: ended(cloud, "declared", task["taskArn"]))
    assert stopped["containers"][0]["exitCode"] == 0
    refused = httpx2.get(found["AWS_CONTAINER_CREDENTIALS_FULL_URI"], headers={"authorization": "guess"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    ("suffix", "text", "reason"),
    [
        (":other::", '{"key": "hidden-word"}', "did not contain json key other"),
        (":key::", "hidden-word", "did not contain json key key"),
        (":::00000000-0000-0000-0000-000000000000", "hidden-word", "ResourceNotFoundException"),
        ("::AWSPENDING:", "hidden-word", "ResourceNotFoundException"),
    ],
    ids=["no such key", "no document", "no such version", "no such stage"],
)
def test_a_secret_that_cannot_be_had_stops_the_task(
    cloud: Running, suffix: str, text: str, reason: str, request: pytest.FixtureRequest
) -> None:
    name = f"unread-{request.node.callspec.indices['suffix']}"
    role = cloud.role(name, "ecs-tasks.amazonaws.com", policy((["secretsmanager:GetSecretValue"], "*")))
    secret = cloud.client("secretsmanager").create_secret(Name=name, SecretString=text)["ARN"]
    container = {"secrets": [{"name": "WORD", "valueFrom": f"{secret}{suffix}"}]}
    arn = definition(cloud, name, SERVER, executionRoleArn=role, container=container)
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName=name)
    ecs.create_service(cluster=name, serviceName=name, taskDefinition=arn, desiredCount=1)
    error = until(lambda: cloud.status()["services"][name]["last_error"])
    assert error.startswith("ResourceInitializationError: unable to pull secrets or registry auth: ")
    assert secret in error
    assert reason in error
    ecs.delete_service(cluster=name, service=name, force=True)
    written = [path.read_text() for path in (cloud.home / "logs").iterdir()]
    assert not [text for text in [error, *written] if "hidden-word" in text]


def test_a_role_that_may_not_read_the_secret_stops_the_task(cloud: Running) -> None:
    role = cloud.role("unallowed", "ecs-tasks.amazonaws.com", policy((["s3:GetObject"], "*")))
    secret = cloud.client("secretsmanager").create_secret(Name="unallowed", SecretString="x")["ARN"]
    container = {"secrets": [{"name": "WORD", "valueFrom": secret}]}
    arn = definition(cloud, "unallowed", SERVER, executionRoleArn=role, container=container)
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="unallowed")
    (task,) = ecs.run_task(cluster="unallowed", taskDefinition=arn)["tasks"]
    stopped = until(lambda: ended(cloud, "unallowed", task["taskArn"]))
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("ResourceInitializationError")
    assert "AccessDenied" in stopped["stoppedReason"]


def test_what_a_task_writes_is_in_its_log_group(cloud: Running) -> None:
    logs, ecs = cloud.client("logs"), cloud.client("ecs")
    logs.create_log_group(logGroupName="/own/written")
    options = {"awslogs-group": "/own/written", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "own"}
    code = "print('first line'); print('ERROR', 'second', ' line'); print('third')"
    arn = definition(
        cloud, "written", ["python", "-c", code],
        container={"logConfiguration": {"logDriver": "awslogs", "options": options}},
    )  # fmt: skip
    ecs.create_cluster(clusterName="written")
    (task,) = ecs.run_task(cluster="written", taskDefinition=arn)["tasks"]
    until(lambda: ended(cloud, "written", task["taskArn"]))
    stream = f"own/web/{task['taskArn'].rpartition('/')[2]}"
    (described,) = logs.describe_log_streams(logGroupName="/own/written")["logStreams"]
    assert described["logStreamName"] == stream
    place = {"logGroupName": "/own/written", "logStreamName": stream, "startFromHead": True}
    page = logs.get_log_events(**place, limit=2)
    assert [event["message"] for event in page["events"]] == ["first line", "ERROR second  line"]
    rest = logs.get_log_events(**place, nextToken=page["nextForwardToken"])
    assert [event["message"] for event in rest["events"]] == ["third"]
    assert abs(page["events"][0]["timestamp"] / 1000 - time.time()) < 60
    found = logs.filter_log_events(logGroupName="/own/written", filterPattern="ERROR")["events"]
    assert [(event["logStreamName"], event["message"]) for event in found] == [(stream, "ERROR second  line")]
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.get_log_events(logGroupName="/own/other", logStreamName=stream)
    time.sleep(1.5)  # what changed is saved by then
    kept = "".join(path.read_text() for path in (cloud.home / "state").glob("*.json"))
    assert "/own/written" in kept
    assert "second  line" not in kept
    logs.delete_log_group(logGroupName="/own/written")
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        logs.describe_log_streams(logGroupName="/own/written")


def ended(cloud: Running, cluster: str, task: str) -> dict[str, Any]:
    found = cloud.client("ecs").describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
    return found if found["lastStatus"] == "STOPPED" else {}


def test_an_image_that_was_never_built_is_refused(cloud: Running) -> None:
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="unknown")
    arn = definition(cloud, "unknown", SERVER, container={"image": "docker.io/library/redis:7"})
    (task,) = ecs.run_task(cluster="unknown", taskDefinition=arn)["tasks"]
    stopped = until(lambda: ended(cloud, "unknown", task["taskArn"]))
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("CannotPullContainerError")


def test_requests_that_aws_refuses(cloud: Running) -> None:
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="refused")
    arn = definition(cloud, "refused", SERVER)
    for code, request in (
        ("ClusterNotFoundException", {"cluster": "nowhere", "serviceName": "x", "taskDefinition": arn}),
        ("ClientException", {"cluster": "refused", "serviceName": "x", "taskDefinition": "missing:7"}),
        ("InvalidParameterException", {"cluster": "refused", "taskDefinition": arn, "serviceName": ""}),
    ):
        assert refusal(ecs.create_service, request) == code
    missing = {"cluster": "refused", "service": "missing", "desiredCount": 1}
    assert refusal(ecs.update_service, missing) == "ServiceNotFoundException"
    assert (
        ecs.describe_services(cluster="refused", services=["missing"])["failures"][0]["reason"] == "MISSING"
    )


def refusal(call: Callable[..., Any], request: dict[str, Any]) -> str:
    try:
        call(**request)
    except Exception as error:  # noqa: BLE001 (botocore makes its classes at run time)
        response: Any = getattr(error, "response", {})
        return response["Error"]["Code"]
    return ""
