"""AgentCore Runtime by boto3 as it is: versions, endpoints, sessions, and how they end."""

# ruff: noqa: ANN401 - clients that boto3 makes at run time

import json
import os
import signal
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError, ResponseStreamingError

from tests.local_cloud.agents import CUSTOM, Runtime, make_image, session_id
from tests.local_cloud.running import Running, policy, until

DATA, CONTROL = "bedrock-agentcore", "bedrock-agentcore-control"


@pytest.fixture(scope="module")
def image(cloud: Running, cloud_python: Path) -> str:
    return make_image(cloud.home, cloud_python)


@pytest.fixture(scope="module")
def runtime(cloud: Running, image: str) -> Generator[Runtime]:
    made = Runtime.create(cloud, image)
    yield made
    made.control.delete_agent_runtime(agentRuntimeId=made.id)
    assert not [one for one in cloud.status()["agent_sessions"] if one["runtime"] == made.id]


@pytest.fixture(scope="module")
def agents(cloud: Running) -> Any:
    return cloud.client(DATA)


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer: Any = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def test_a_session_is_one_process_of_its_own(runtime: Runtime, agents: Any) -> None:
    first, second = session_id(), session_id()
    one = runtime.told(agents, {"keep": "mine"}, first)
    other = runtime.told(agents, {}, second)
    again = runtime.told(agents, {}, first)
    assert one["pid"] == again["pid"] != other["pid"]
    assert (again["kept"], other["kept"]) == ("mine", None)
    assert one["directory"] != other["directory"]
    assert one["environment"]["TMPDIR"] == one["directory"]
    assert other["files"] == []
    assert one["environment"]["OF_IMAGE"] == "yes"


def test_sessions_are_forks_of_one_prepared_process(runtime: Runtime, agents: Any) -> None:
    """What was made at import is the same in all, `random` included; what the system draws is not."""
    told = [runtime.told(agents, {}, session_id()) for _ in range(3)]
    assert len({json.dumps(one["at_import"]) for one in told}) == 1
    assert told[0]["at_import"]["pid"] not in {one["pid"] for one in told}
    assert len({one["random"] for one in told}) == 1
    assert len({one["uuid"] for one in told}) == 3
    assert len({tuple(one["credentials"]) for one in told}) == 3

    def fetched(credentials: list[str]) -> httpx2.Response:
        address, token = credentials
        return httpx2.get(address, headers={"Authorization": token}, trust_env=False)

    answer = fetched(told[0]["credentials"])
    assert answer.json()["RoleArn"] == runtime.settings["roleArn"]
    assert fetched(told[0]["at_import"]["credentials"]).status_code == 403, "it ended with the preparation"


def test_what_reaches_the_container(runtime: Runtime) -> None:
    def add(request: Any, **_: object) -> None:
        request.headers[CUSTOM] = "Bearer person"
        request.headers["X-Amzn-Bedrock-AgentCore-Runtime-Custom-Other"] = "not allowed"

    client = runtime.cloud.client(DATA)
    client.meta.events.register("before-sign.bedrock-agentcore.InvokeAgentRuntime", add)
    name = session_id()
    answer = runtime.call(
        client, {}, name, contentType="application/json", accept="application/json",
        traceParent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", runtimeUserId="somebody",
    )  # fmt: skip
    headers = json.loads(answer["response"].read())["headers"]
    assert headers["x-amzn-bedrock-agentcore-runtime-session-id"] == name
    assert headers["x-amzn-bedrock-agentcore-runtime-user-id"] == "somebody"
    assert headers[CUSTOM.lower()] == "Bearer person"
    assert headers["traceparent"].startswith("00-0af7")
    assert headers["x-amzn-trace-id"] == answer["traceId"]
    assert not {name for name in headers if "authorization" in name} - {CUSTOM.lower()}
    assert not [name for name in headers if name.endswith("custom-other") or name.startswith("x-amz-")]
    assert (answer["runtimeSessionId"], answer["statusCode"]) == (name, 200)
    assert answer["contentType"] == "application/json"
    assert "x-private" not in answer["ResponseMetadata"]["HTTPHeaders"]


def test_an_answer_comes_as_it_is_made(runtime: Runtime, agents: Any) -> None:
    answer = runtime.call(agents, {"stream": 3, "pause": 0.3}, session_id(), accept="text/event-stream")
    assert answer["contentType"] == "text/event-stream"
    begun, times = time.monotonic(), list[float]()
    for line in answer["response"].iter_lines(chunk_size=1):
        if line:
            times.append(time.monotonic() - begun)
    assert len(times) == 3
    assert times[-1] - times[0] > 0.5


def test_who_leaves_is_gone_for_the_process(runtime: Runtime, agents: Any) -> None:
    name = session_id()
    answer = runtime.call(agents, {"stream": 100, "pause": 0.05}, name)
    answer["response"].read(4)
    answer["response"].close()
    until(lambda: "left" in runtime.told(agents, {}, name)["files"], 5)


def test_a_process_that_dies_in_an_answer_breaks_it_off(runtime: Runtime, agents: Any) -> None:
    name = session_id()
    before = runtime.told(agents, {}, name)
    answer = runtime.call(agents, {"stream": 9, "die_after": 1}, name)
    with pytest.raises((ResponseStreamingError, HTTPClientError)):
        answer["response"].read()
    after = runtime.told(agents, {}, name)
    assert after["pid"] != before["pid"]
    assert after["directory"] != before["directory"]


def test_a_process_that_was_killed_is_replaced(runtime: Runtime, agents: Any) -> None:
    name = session_id()
    before = runtime.told(agents, {}, name)
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: not [one for one in runtime.cloud.status()["agent_sessions"] if one["session"] == name], 5)
    assert runtime.told(agents, {}, name)["pid"] != before["pid"]


def test_a_container_that_fails_is_the_clients_error(runtime: Runtime, agents: Any) -> None:
    name = session_id()
    for payload, words in (
        ({"status": 500}, r"Received error \(500\)"),
        ({"die": True}, "ended with status 7"),
    ):
        with pytest.raises(ClientError, match=words) as error:
            runtime.call(agents, payload, name)
        assert refused(error) == ("RuntimeClientError", 424)
        assert "private" not in str(error.value)


def test_session_ids_have_their_length(runtime: Runtime, cloud: Running) -> None:
    lax = cloud.client(DATA, config=Config(parameter_validation=False))
    for name in ("x" * 32, "x" * 257):
        with pytest.raises(ClientError) as error:
            runtime.call(lax, {}, name)
        assert refused(error) == ("ValidationException", 400)
    made = lax.invoke_agent_runtime(agentRuntimeArn=runtime.arn, payload=b"{}")
    assert 33 <= len(made["runtimeSessionId"]) <= 256


def test_what_is_not_there_is_not_found(runtime: Runtime, agents: Any) -> None:
    with pytest.raises(ClientError) as error:
        runtime.call(agents, {}, session_id(), qualifier="nowhere")
    assert refused(error) == ("ResourceNotFoundException", 404)
    with pytest.raises(ClientError) as error:
        agents.invoke_agent_runtime(agentRuntimeArn=runtime.arn + "x", payload=b"{}")
    assert refused(error) == ("ResourceNotFoundException", 404)
    with pytest.raises(ClientError) as error:
        agents.stop_runtime_session(agentRuntimeArn=runtime.arn, runtimeSessionId=session_id())
    assert refused(error) == ("ResourceNotFoundException", 404)


def test_a_runtime_is_named_by_its_id_too(runtime: Runtime, agents: Any) -> None:
    answer = agents.invoke_agent_runtime(
        agentRuntimeArn=runtime.id, accountId="123456789012", runtimeSessionId=session_id(), payload=b"{}"
    )
    assert answer["statusCode"] == 200


def test_a_session_is_stopped(runtime: Runtime, agents: Any) -> None:
    name = session_id()
    process = runtime.told(agents, {}, name)
    agents.stop_runtime_session(agentRuntimeArn=runtime.arn, runtimeSessionId=name)
    assert not Path(process["directory"]).exists() or until(
        lambda: not Path(process["directory"]).exists(), 5
    )
    with pytest.raises(ProcessLookupError):
        os.kill(process["pid"], 0)
    assert runtime.told(agents, {}, name)["pid"] != process["pid"]


def test_a_caller_needs_rights_on_runtime_and_endpoint(runtime: Runtime, cloud: Running) -> None:
    endpoint = f"{runtime.arn}/runtime-endpoint/DEFAULT"
    for number, (actions, resources, allowed) in enumerate(
        (
            (["bedrock-agentcore:InvokeAgentRuntime"], [runtime.arn, endpoint], True),
            (["bedrock-agentcore:InvokeAgentRuntime"], [runtime.arn], False),
            (["bedrock-agentcore:InvokeAgentRuntime"], [endpoint], False),
            (["bedrock-agentcore:StopRuntimeSession"], "*", False),
        )
    ):
        role = cloud.role(f"{runtime.name}-{number}", "ecs-tasks.amazonaws.com", policy((actions, resources)))
        client = signed_in(cloud, role)
        if allowed:
            assert runtime.told(client, {}, session_id())["pid"]
            with pytest.raises(ClientError, match="InvokeAgentRuntimeForUser"):
                runtime.call(client, {}, session_id(), runtimeUserId="somebody")
        else:
            with pytest.raises(ClientError) as error:
                runtime.call(client, {}, session_id())
            assert refused(error) == ("AccessDeniedException", 403)


def test_to_end_a_session_takes_a_right_on_both_too(runtime: Runtime, cloud: Running, agents: Any) -> None:
    endpoint, stop = f"{runtime.arn}/runtime-endpoint/DEFAULT", ["bedrock-agentcore:StopRuntimeSession"]
    for name, resources in (
        ("runtime", [runtime.arn]),
        ("endpoint", [endpoint]),
        ("both", [runtime.arn, endpoint]),
    ):
        role = cloud.role(f"{runtime.name}-{name}", "ecs-tasks.amazonaws.com", policy((stop, resources)))
        session = session_id()
        runtime.told(agents, {}, session)
        ending = {"agentRuntimeArn": runtime.arn, "runtimeSessionId": session}
        client = signed_in(cloud, role)
        if name == "both":
            client.stop_runtime_session(**ending)
            continue
        with pytest.raises(ClientError) as error:
            client.stop_runtime_session(**ending)
        assert refused(error) == ("AccessDeniedException", 403)


def signed_in(cloud: Running, role: str) -> Any:
    """A client with credentials of a role, which trusts the account for this."""
    iam, name = cloud.client("iam"), role.rpartition("/")[2]
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "sts:AssumeRole",
    }
    iam.update_assume_role_policy(
        RoleName=name, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    made = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="caller")["Credentials"]
    return cloud.client(
        DATA, aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=made["SecretAccessKey"],
        aws_session_token=made["SessionToken"],
    )  # fmt: skip


def test_each_update_is_a_version_and_endpoints_stay_with_theirs(
    cloud: Running, image: str, agents: Any
) -> None:
    runtime = Runtime.create(cloud, image, platformVersion="V1", description="one")
    control, name = runtime.control, session_id()
    assert control.get_agent_runtime(agentRuntimeId=runtime.id)["lifecycleConfiguration"] == {
        "idleRuntimeSessionTimeout": 900, "maxLifetime": 28800,
    }  # fmt: skip
    made = control.create_agent_runtime_endpoint(agentRuntimeId=runtime.id, name="live")
    assert (made["targetVersion"], made["ResponseMetadata"]["HTTPStatusCode"]) == ("1", 202)
    begun = runtime.told(agents, {}, name, qualifier="live")
    variables = {**runtime.settings["environmentVariables"], "BEHAVIOUR": "2"}
    settings = runtime.settings | {"environmentVariables": variables}
    del settings["description"]
    updated = control.update_agent_runtime(agentRuntimeId=runtime.id, **settings)
    assert updated["agentRuntimeVersion"] == "2"

    def behaviour(session: str, **more: Any) -> str | None:
        return runtime.told(agents, {}, session, **more)["environment"].get("BEHAVIOUR")

    assert behaviour(session_id()) == "2"
    assert behaviour(session_id(), qualifier="live") is None
    control.update_agent_runtime_endpoint(
        agentRuntimeId=runtime.id, endpointName="live", agentRuntimeVersion="2"
    )
    answers = control.get_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="live")
    assert (answers["liveVersion"], answers["targetVersion"], answers["status"]) == ("2", "2", "READY")
    assert behaviour(session_id(), qualifier="live") == "2"
    assert runtime.told(agents, {}, name, qualifier="live")["pid"] == begun["pid"], (
        "a session keeps its version"
    )
    versions = control.list_agent_runtime_versions(agentRuntimeId=runtime.id)["agentRuntimes"]
    assert sorted(one["agentRuntimeVersion"] for one in versions) == ["1", "2"]
    first = control.get_agent_runtime(agentRuntimeId=runtime.id, agentRuntimeVersion="1")
    assert (first["description"], first["platformVersion"]) == ("one", "V1")
    assert "description" not in control.get_agent_runtime(agentRuntimeId=runtime.id)
    for change in (control.delete_agent_runtime_endpoint, control.update_agent_runtime_endpoint):
        with pytest.raises(ClientError) as error:
            change(agentRuntimeId=runtime.id, endpointName="DEFAULT")
        assert refused(error) == ("ConflictException", 409)
    control.delete_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="live")
    with pytest.raises(ProcessLookupError):
        os.kill(begun["pid"], 0)
    control.delete_agent_runtime(agentRuntimeId=runtime.id)


def test_what_sessions_write_is_in_the_endpoints_log_group(runtime: Runtime, agents: Any) -> None:
    runtime.told(agents, {}, session_id())
    logs, group = runtime.cloud.client("logs"), f"/aws/bedrock-agentcore/runtimes/{runtime.id}-DEFAULT"
    logs.create_log_group(logGroupName=group)
    found = until(lambda: logs.filter_log_events(logGroupName=group)["events"], 5)
    assert {event["message"] for event in found} == {"the agent listens"}
    assert all(event["logStreamName"].startswith("[runtime-logs]") for event in found)


def test_runtimes_and_endpoints_have_tags(cloud: Running, image: str) -> None:
    runtime = Runtime.create(cloud, image, tags={"stack": "nova"})
    control = runtime.control
    made = control.create_agent_runtime_endpoint(
        agentRuntimeId=runtime.id, name="live", tags={"stack": "live"}
    )
    endpoint = made["agentRuntimeEndpointArn"]
    assert control.list_tags_for_resource(resourceArn=endpoint)["tags"] == {"stack": "live"}
    control.tag_resource(resourceArn=runtime.arn, tags={"more": "1"})
    control.untag_resource(resourceArn=runtime.arn, tagKeys=["stack"])
    assert control.list_tags_for_resource(resourceArn=runtime.arn)["tags"] == {"more": "1"}
    with pytest.raises(ClientError) as error:
        control.list_tags_for_resource(resourceArn=runtime.arn + "x")
    assert refused(error) == ("ResourceNotFoundException", 404)
    control.delete_agent_runtime(agentRuntimeId=runtime.id)


def test_a_runtime_needs_an_image_and_a_role_that_trusts_it(cloud: Running, image: str) -> None:
    nobody = cloud.role("agents-nobody", "ecs-tasks.amazonaws.com", policy((["sqs:ListQueues"], "*")))
    for changed, words in (
        ({"roleArn": nobody}, "Role validation failed"),
        (
            {"agentRuntimeArtifact": {"containerConfiguration": {"containerUri": image[:-4] + "0000"}}},
            "image",
        ),
        (
            {"lifecycleConfiguration": {"idleRuntimeSessionTimeout": 900, "maxLifetime": 600}},
            "less than or equal",
        ),
    ):
        with pytest.raises(ClientError, match=words) as error:
            Runtime.create(cloud, image, **changed)
        assert refused(error) == ("ValidationException", 400)


def test_sessions_are_ended_with_the_cloud(new_cloud: Any, cloud_python: Path) -> None:
    """Also those that a killed daemon left, by the next one."""
    running: Running = new_cloud("agents")
    running.start()
    runtime = Runtime.create(running, make_image(running.home, cloud_python))
    first = runtime.told(running.client(DATA), {}, session_id())
    assert running.stop() == 0
    with pytest.raises(ProcessLookupError):
        os.kill(first["pid"], 0)
    running.start()
    second = runtime.told(running.client(DATA), {}, session_id())
    running.kill()
    until(lambda: not alive(second["pid"]), 10)
    running.start()
    assert runtime.told(running.client(DATA), {}, session_id())["pid"]


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
