"""Functions from images, by boto3 and plain HTTP: environments, failures, signed URLs, proxy integrations."""

import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import botocore.exceptions
import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.local_cloud.running import Running, policy, until

IMAGE = "public.ecr.aws/docker/library/python:3.13-slim-bookworm"
RUNTIME = """
import json, os, sys, time, urllib.request
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
count = 0
def post(path, value, headers={}):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        urllib.request.urlopen(urllib.request.Request(base + path, body, headers))
    except urllib.error.HTTPError as error:
        print("refused", error.code, flush=True)
if os.environ.get("BROKEN"):
    post("init/error", {"errorMessage": "no such module", "errorType": "Runtime.ImportModuleError"})
    sys.exit(1)
while True:
    with urllib.request.urlopen(base + "invocation/next") as answer:
        event, identity = json.load(answer), answer.headers["Lambda-Runtime-Aws-Request-Id"]
        left = int(answer.headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time()
    count += 1
    do = event.get("do", "")
    if do == "exit": os._exit(3)
    if do == "sleep": time.sleep(event["seconds"])
    if do == "fail":
        print("event failed", flush=True)
        post(f"invocation/{identity}/error", {"errorMessage": "no", "errorType": "ValueError"})
    elif do == "large": post(f"invocation/{identity}/response", b'"' + b"x" * 7_000_000 + b'"')
    elif "requestContext" in event:
        told = {"statusCode": 201, "headers": {"X-Told": "yes"}, "body": json.dumps(event)}
        if event.get("queryStringParameters") == {"form": "wrong"}: told = ["no", "status"]
        post(f"invocation/{identity}/response", told)
    else:
        told = {"event": event, "pid": os.getpid(), "count": count, "left": left}
        told["environment"] = dict(os.environ)
        post(f"invocation/{identity}/response", told)
"""
FUNCTION_URL_RIGHTS = (
    (["lambda:InvokeFunctionUrl"], "lambda:FunctionUrlAuthType", "StringEquals", "AWS_IAM"),
    (["lambda:InvokeFunction"], "lambda:InvokedViaFunctionUrl", "Bool", "true"),
)


def make(cloud: Running, name: str, **more: Any) -> str:  # noqa: ANN401 (members of the request)
    role = cloud.role(f"{name}-role", "lambda.amazonaws.com", policy((["sqs:SendMessage"], "*")))
    return cloud.client("lambda").create_function(
        FunctionName=name, Role=role, PackageType="Image", Code={"ImageUri": IMAGE},
        Timeout=more.pop("Timeout", 5),
        ImageConfig={"Command": ["python", "-c", RUNTIME]}, **more,
    )["FunctionArn"]  # fmt: skip


def call(cloud: Running, name: str, event: dict[str, Any]) -> tuple[Any, str]:
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer.get("FunctionError", "")


@pytest.fixture(scope="module")
def echo(cloud: Running) -> Iterator[str]:
    yield make(cloud, "echo", Environment={"Variables": {"COLOUR": "green"}})
    cloud.client("lambda").delete_function(FunctionName="echo")


def test_one_environment_serves_one_event_after_another_as_its_role(cloud: Running, echo: str) -> None:
    first, error = call(cloud, echo, {"number": 1})
    second, _ = call(cloud, echo, {"number": 2})
    assert error == "" and first["event"] == {"number": 1}
    assert (first["pid"], first["count"] + 1) == (second["pid"], second["count"])
    assert 0 < second["left"] <= 5
    environment = second["environment"]
    assert environment["COLOUR"] == "green"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    named = {name: environment[name.upper()] for name in ("aws_access_key_id", "aws_secret_access_key")}
    sts = cloud.client("sts", **named, aws_session_token=environment["AWS_SESSION_TOKEN"])
    assert "assumed-role/echo-role/echo" in sts.get_caller_identity()["Arn"]


def test_events_at_a_time_have_environments_of_their_own(cloud: Running, echo: str) -> None:
    begin = threading.Barrier(3)

    def one(_: int) -> int:
        begin.wait()
        return call(cloud, echo, {"do": "sleep", "seconds": 0.5})[0]["pid"]

    with ThreadPoolExecutor(3) as pool:
        assert len(set(pool.map(one, range(3)))) == 3


def test_failures_are_told_as_lambda_tells_them(cloud: Running, echo: str) -> None:
    assert call(cloud, echo, {"do": "fail"}) == (
        {"errorMessage": "no", "errorType": "ValueError"},
        "Unhandled",
    )
    before = call(cloud, echo, {})[0]["pid"]
    ended, error = call(cloud, echo, {"do": "exit"})
    assert (ended["errorType"], error) == ("Runtime.ExitError", "Unhandled")
    assert "exit status 3" in ended["errorMessage"]
    assert call(cloud, echo, {"do": "large"})[0]["errorType"] == "Function.ResponseSizeTooLarge"
    assert call(cloud, echo, {})[0]["pid"] != before


def test_what_takes_too_long_is_killed(cloud: Running) -> None:
    make(cloud, "slow", Timeout=1)
    pid = call(cloud, "slow", {})[0]["pid"]
    told, error = call(cloud, "slow", {"do": "sleep", "seconds": 30})
    assert error == "Unhandled"
    assert "Task timed out after 1.00 seconds" in told["errorMessage"]
    assert call(cloud, "slow", {})[0]["pid"] != pid


def test_a_changed_function_gets_fresh_environments(cloud: Running) -> None:
    make(cloud, "changing")
    first = call(cloud, "changing", {})[0]
    cloud.client("lambda").update_function_configuration(
        FunctionName="changing", Environment={"Variables": {"BROKEN": "1"}}
    )
    broken, error = call(cloud, "changing", {})
    assert (broken["errorType"], error) == ("Runtime.ImportModuleError", "Unhandled")
    cloud.client("lambda").update_function_configuration(
        FunctionName="changing", Environment={"Variables": {}}
    )
    assert call(cloud, "changing", {})[0]["pid"] != first["pid"]


def test_a_reservation_refuses_what_is_above_it(cloud: Running) -> None:
    make(cloud, "reserved")
    cloud.client("lambda").put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=0)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(cloud, "reserved", {})
    assert "TooManyRequestsException" in str(refused.value)


def test_events_that_nobody_waits_for_end_in_the_dead_letters(cloud: Running) -> None:
    url, arn = cloud.queue("given-up")
    make(cloud, "given-up", DeadLetterConfig={"TargetArn": arn})
    aws = cloud.client("lambda")
    aws.put_function_event_invoke_config(FunctionName="given-up", MaximumRetryAttempts=1)
    answer = aws.invoke(
        FunctionName="given-up", InvocationType="Event", Payload=b'{"do": "fail", "number": 7}'
    )
    assert answer["StatusCode"] == 202
    assert cloud.messages(url, 15) == [{"do": "fail", "number": 7}]
    log = (cloud.home / "logs" / "given-up.log").read_text()
    assert log.count("event failed") == 2


def url_of(cloud: Running, name: str) -> str:
    return cloud.client("lambda").create_function_url_config(FunctionName=name, AuthType="AWS_IAM")[
        "FunctionUrl"
    ]


def signed(cloud: Running, url: str, role: str, *, service: str = "lambda", method: str = "POST",
           body: bytes = b"", headers: Mapping[str, str] | None = None) -> httpx2.Response:  # fmt: skip
    session = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="caller")["Credentials"]
    request = AWSRequest(method, url, data=body, headers={"content-type": "application/json"})
    credentials = Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    SigV4Auth(credentials, service, "us-east-1").add_auth(request)
    return httpx2.request(
        method, url, content=body, headers={**request.headers, **(headers or {})}, timeout=20
    )


def _headers(**headers: str) -> dict[str, str]:
    return {f"x-amz-{name.replace('_', '-')}": text for name, text in headers.items()}


def caller(cloud: Running, name: str, arn: str, rights: Any) -> str:  # noqa: ANN401 (rows of rights)
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": arn, "Condition": {operator: {key: value}}}
        for actions, key, operator, value in rights
    ]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam = cloud.client("iam")
    trusted = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": "sts:AssumeRole",
    }
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusted]})
    )["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    return role


def test_a_url_lets_in_who_has_both_rights_and_signed(cloud: Running, echo: str) -> None:
    url = url_of(cloud, "echo")
    assert cloud.client("lambda").get_function_url_config(FunctionName="echo")["FunctionUrl"] == url
    allowed = caller(cloud, "url-caller", echo, FUNCTION_URL_RIGHTS)
    answer = signed(cloud, url + "a%20b?x=1&x=2", allowed, body=b'{"q": 1}')
    assert (answer.status_code, answer.headers["x-told"]) == (201, "yes")
    event = answer.json()
    assert (event["version"], event["rawPath"], event["body"]) == ("2.0", "/a b", '{"q": 1}')
    assert event["queryStringParameters"] == {"x": "1,2"}
    assert event["headers"]["host"] == event["requestContext"]["domainName"]
    assert "url-caller" in event["requestContext"]["authorizer"]["iam"]["userArn"]
    assert "authorization" not in event["headers"]

    for number, rights in enumerate((FUNCTION_URL_RIGHTS[:1], FUNCTION_URL_RIGHTS[1:], ())):
        other = caller(
            cloud,
            f"url-other-{number}",
            echo,
            rights or ((["s3:ListAllMyBuckets"], "aws:x", "Null", "true"),),
        )
        assert signed(cloud, url, other).status_code == 403
    assert httpx2.post(url).status_code == 403
    assert signed(cloud, url, allowed, service="execute-api").status_code == 403
    assert signed(cloud, url, allowed, headers=_headers(date="20200101T000000Z")).status_code == 403
    altered = signed(cloud, url, allowed, body=b"{}", headers=_headers(content_sha256="0" * 64))
    assert altered.status_code == 403


def test_a_url_survives_a_restart(new_cloud: Any) -> None:  # noqa: ANN401 (a factory)
    cloud: Running = new_cloud("restart").start()
    arn = make(cloud, "lasting")
    url, allowed = url_of(cloud, "lasting"), caller(cloud, "lasting-caller", arn, FUNCTION_URL_RIGHTS)
    assert cloud.stop() == 0
    cloud.start()
    assert signed(cloud, url, allowed).status_code == 201
    cloud.client("lambda").delete_function_url_config(FunctionName="lasting")
    with pytest.raises(httpx2.ConnectError):
        until(lambda: signed(cloud, url, allowed).status_code == 0, 5)


def api_of(cloud: Running, arn: str) -> str:
    api = cloud.client("apigateway")
    rest = api.create_rest_api(name="functions")
    item = api.create_resource(restApiId=rest["id"], parentId=rest["rootResourceId"], pathPart="{item}")["id"]
    named = {"restApiId": rest["id"], "resourceId": item, "httpMethod": "GET"}
    api.put_method(**named, authorizationType="NONE")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    api.put_integration(**named, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    api.create_deployment(restApiId=rest["id"], stageName="api")
    return rest["id"]


def test_a_rest_api_calls_a_function_that_admits_it(cloud: Running, echo: str) -> None:
    api = api_of(cloud, echo)
    until(lambda: api in cloud.status()["rest_apis"])
    url = cloud.status()["rest_apis"][api]["stages"]["api"]
    assert httpx2.get(f"{url}/one").status_code == 500
    cloud.client("lambda").add_permission(
        FunctionName="echo", StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{api}/api/GET/{{item}}",
    )  # fmt: skip
    answer = httpx2.get(f"{url}/one%2Ftwo", params={"q": "1"})
    assert answer.status_code == 201
    event = answer.json()
    assert (event["resource"], event["path"], event["pathParameters"]) == (
        "/{item}",
        "/one/two",
        {"item": "one/two"},
    )
    assert (event["httpMethod"], event["queryStringParameters"]) == ("GET", {"q": "1"})
    assert event["requestContext"]["stage"] == "api"
    assert httpx2.get(f"{url}/one", params={"form": "wrong"}).status_code == 502
