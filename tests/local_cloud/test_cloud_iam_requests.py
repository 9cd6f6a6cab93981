"""Authorization where a request's form decides: signatures, smuggled operations, trust, deliveries."""

import json
import time
from typing import Any

import boto3
import httpx2
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.local_cloud.iam_matrix import Caller, World, document
from tests.local_cloud.running import until
from tests.rights import without_action

JSON = "application/x-amz-json-1.0"


def client(world: World, service: str, caller: Caller, **config: Any) -> Any:  # noqa: ANN401 (a boto3 client)
    made: Any = boto3.Session()
    place = {"endpoint_url": world.cloud.url, "region_name": "us-east-1"}
    return made.client(service, **place, config=Config(**config), **caller.identity)


def reader(world: World, *actions: str, resource: str = "*") -> Caller:
    return world.principal({"allow": {"Action": list(actions), "Resource": resource}} if actions else {})


def refused(world: World, action: str) -> dict[str, Any]:
    """The newest refusal, which is of this action."""
    found: dict[str, Any] = world.cloud.status()["refused"]["recent"][-1]
    assert found["action"] == action
    return found


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("method", ["get_object", "put_object"])
def test_a_presigned_request_has_the_rights_of_who_signed(world: World, version: str, method: str) -> None:
    place = {"Bucket": "matrix-plain", "Key": "home/ann/a"}
    for actions, status in ((("s3:GetObject", "s3:PutObject"), 200), ((), 403)):
        caller = reader(world, *actions, resource="arn:aws:s3:::matrix-plain/home/ann/*")
        signer: Any = client(world, "s3", caller, signature_version=version)
        url = signer.generate_presigned_url(method, Params=place)
        assert ("X-Amz-Algorithm" in url) == (version == "s3v4")
        answer = httpx2.get(url) if method == "get_object" else httpx2.put(url, content=b"body")
        assert answer.status_code == status, answer.text
        if status == 403:
            name = "GetObject" if method == "get_object" else "PutObject"
            assert f"is not authorized to perform: s3:{name}" in answer.text
            assert refused(world, f"s3:{name}")["role"] == caller.names["role"].rsplit("/", 1)[-1]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_request_needs_its_own_signature_and_time(world: World, version: str) -> None:
    caller = reader(world, "s3:GetObject")
    signer: Any = client(world, "s3", caller, signature_version=version)
    place = {"Bucket": "matrix-plain", "Key": "home/ann/a"}
    url = signer.generate_presigned_url("get_object", Params=place)
    before = world.cloud.status()["refused"]["total"]
    assert httpx2.get(url.replace("home/ann/a", "home/bob/b")).status_code == 403
    late = signer.generate_presigned_url("get_object", Params=place, ExpiresIn=1)
    time.sleep(2.1)
    assert httpx2.get(late).status_code == 403
    assert world.cloud.status()["refused"]["total"] == before + 2


def test_a_presigned_read_of_a_sealed_object_takes_the_key(world: World) -> None:
    caller = reader(world, "s3:GetObject")
    signer: Any = client(world, "s3", caller, signature_version="s3v4")
    url = signer.generate_presigned_url("get_object", Params={"Bucket": "matrix-sealed", "Key": "home/ann/a"})
    answer = httpx2.get(url)
    assert answer.status_code == 403
    assert "kms:Decrypt" in answer.text


def test_a_form_upload_has_the_rights_of_who_signed(world: World) -> None:
    for actions, status in ((("s3:PutObject",), 204), (("s3:GetObject",), 403)):
        signer: Any = client(world, "s3", reader(world, *actions), signature_version="s3v4")
        form = signer.generate_presigned_post("matrix-plain", "form")
        answer = httpx2.post(form["url"], data=form["fields"], files={"file": b"body"})
        assert answer.status_code == status, answer.text


def test_credentials_end(world: World) -> None:
    caller = reader(world, "s3:ListAllMyBuckets")
    sts: Any = world.cloud.client("sts", config=Config(parameter_validation=False))  # pyright: ignore[reportArgumentType]
    given = sts.assume_role(RoleArn=caller.names["role"], RoleSessionName="short", DurationSeconds=1)
    credentials = given["Credentials"]
    short = Caller(
        {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        },
        {},
    )
    world.client("s3", short).list_buckets()
    time.sleep(1.2)
    with pytest.raises(ClientError, match="ExpiredToken"):
        world.client("s3", short).list_buckets()
    assert "ExpiredToken" in refused(world, "s3:ListAllMyBuckets")["reason"]


def test_what_no_key_signed_is_recorded(world: World) -> None:
    stranger = Caller({"aws_access_key_id": "AKIAINVENTED", "aws_secret_access_key": "x"}, {})
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        world.client("dynamodb", stranger).list_tables()
    assert refused(world, "dynamodb:ListTables")["principal"] == "AKIAINVENTED"
    caller = reader(world, "dynamodb:*")
    forged = Caller(caller.identity | {"aws_secret_access_key": "guessed"}, {})
    with pytest.raises(ClientError, match="InvalidSignature"):
        world.client("dynamodb", forged).list_tables()
    found = refused(world, "dynamodb:ListTables")
    assert found["principal"] == caller.names["session"]
    assert "SignatureDoesNotMatch" in found["reason"]
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        world.client("s3", forged).get_object(Bucket="matrix-plain", Key="home/ann/a")
    found = world.cloud.status()["refused"]["recent"][-1]
    assert (found["principal"], found["service"]) == (caller.names["session"], "s3")
    without = Caller({name: value for name, value in caller.identity.items() if "token" not in name}, {})
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        world.client("dynamodb", without).list_tables()


def signed(world: World, caller: Caller, service: str, path: str, headers: dict[str, str], body: str) -> Any:  # noqa: ANN401 (a response)
    """Send a request of any form, rightly signed."""
    request: Any = AWSRequest("POST", f"{world.cloud.url}{path}", headers=headers, data=body)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    SigV4Auth(Credentials(*(caller.identity[name] for name in names)), service, "us-east-1").add_auth(request)
    return httpx2.post(f"{world.cloud.url}{path}", headers=dict(request.headers), content=body)


@pytest.mark.parametrize(
    ("service", "path", "target", "body"),
    [
        ("dynamodb", "/?Action=ListTables", "DynamoDB_20120810.DeleteTable", '{"TableName": "matrix"}'),
        ("dynamodb", "/?Action=GetCallerIdentity", "DynamoDB_20120810.DeleteTable", "{}"),
        ("s3vectors", "/DeleteVectorBucket?Action=GetCallerIdentity", "", '{"vectorBucketName": "a-bucket"}'),
        ("sqs", "/?Action=ListQueues", "AmazonSQS.PurgeQueue", '{"QueueUrl": "/123456789012/matrix-plain"}'),
        ("monitoring", "/service/GraniteServiceVersion20100801/operation/DeleteAlarms", "", "{}"),
        ("bedrock", "/model/amazon.nova-lite-v1:0/converse?Action=ListTables", "", "{}"),
        ("xray", "/TraceSegments", "", "{}"),
    ],
)  # fmt: skip
def test_an_operation_is_read_where_its_protocol_has_it(
    world: World, service: str, path: str, target: str, body: str
) -> None:
    caller = reader(world, "dynamodb:List*", "sqs:List*", "sts:*", "cloudwatch:Put*")
    headers = {"content-type": JSON} | ({"x-amz-target": target} if target else {})
    answer = signed(world, caller, service, path, headers, body)
    assert answer.status_code in (400, 403)
    assert "is not authorized to perform" in answer.text or "AccessDenied" in answer.text
    world.administrator("dynamodb").describe_table(TableName="matrix")


def test_a_key_is_authorized_with_all_its_slashes(world: World) -> None:
    caller = reader(world, "s3:PutObject", resource="arn:aws:s3:::matrix-plain/home/*")
    s3 = world.client("s3", caller)
    s3.put_object(Bucket="matrix-plain", Key="home//x", Body=b"")
    with pytest.raises(ClientError, match='resource: "arn:aws:s3:::matrix-plain//home/x"'):
        s3.put_object(Bucket="matrix-plain", Key="/home/x", Body=b"")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="matrix-plain", Key="/", Body=b"")


def test_a_form_counts_once(world: World) -> None:
    """What the query string says is not what the body does."""
    caller = reader(world, "iam:GetRole", resource="arn:aws:iam::123456789012:role/mine")
    for path, body in (
        ("/?Action=GetRole&RoleName=mine&Version=2010-05-08", "RoleName=nova"),
        ("/?Action=GetRole&RoleName=mine&RoleName=nova", ""),
        ("/?Action=GetRole&RoleName=mine", "Action=ListUsers"),
    ):
        for content_type in ("application/x-www-form-urlencoded", "text/plain"):
            answer = signed(world, caller, "iam", path, {"content-type": content_type}, body)
            assert answer.status_code == 403
            assert "no mapping" in answer.text


def test_a_service_that_only_authenticates_is_refused(world: World) -> None:
    path = "/memories/create"
    answer = signed(world, reader(world, "bedrock-agentcore:*"), "bedrock-agentcore", path, {}, "{}")
    assert answer.status_code == 403
    assert "no mapping" in answer.text


def trusting(world: World, name: str, statement: dict[str, Any], allowed: str = "*") -> str:
    iam = world.administrator("iam")
    whole = {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document([whole]))["Role"]["Arn"]
    own = document([{"Effect": "Allow", "Action": allowed, "Resource": "*"}])
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=own)
    return arn


def assume(world: World, caller: Caller, role: str, **more: str) -> str:
    """ "" when the role may be assumed, else the message."""
    try:
        world.client("sts", caller).assume_role(RoleArn=role, RoleSessionName="case", **more)
    except ClientError as error:
        answer: Any = error.response
        return answer["Error"]["Message"]
    return ""


def test_trust_policies_decide_who_assumes(world: World) -> None:
    nobody, able = reader(world), reader(world, "sts:AssumeRole")
    service = trusting(world, "trusts-ecs", {"Principal": {"Service": "ecs-tasks.amazonaws.com"}})
    account = trusting(world, "trusts-account", {"Principal": {"AWS": "arn:aws:iam::123456789012:root"}})
    named = trusting(world, "trusts-one", {"Principal": {"AWS": nobody.names["role"]}})
    with_id = trusting(world, "trusts-external", {
        "Principal": {"AWS": "123456789012"}, "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}},
    })  # fmt: skip
    assert "sts:AssumeRole" in assume(world, able, service)
    assert assume(world, able, account) == ""
    assert "sts:AssumeRole" in assume(world, nobody, account)
    assert assume(world, nobody, named) == ""
    assert "sts:AssumeRole" in assume(world, able, named)
    assert "sts:AssumeRole" in assume(world, able, with_id)
    assert "sts:AssumeRole" in assume(world, able, with_id, ExternalId="other")
    assert assume(world, able, with_id, ExternalId="agreed") == ""
    refused(world, "sts:AssumeRole")
    administrator = world.cloud.client("sts")
    with pytest.raises(ClientError, match="AccessDenied"):
        administrator.assume_role(RoleArn=service, RoleSessionName="root")


@pytest.mark.parametrize(
    ("name", "condition", "trusted"),
    [
        ("any", {}, True),
        ("account", {"StringEquals": {"aws:SourceAccount": "123456789012"}}, True),
        ("stranger", {"StringEquals": {"aws:SourceAccount": "210987654321"}}, False),
        ("jobs", {"ArnLike": {"aws:SourceArn": "arn:aws:transcribe:*:*:transcription-job/*"}}, True),
        ("other", {"ArnLike": {"aws:SourceArn": "arn:aws:transcribe:*:*:vocabulary/*"}}, False),
    ],
)  # fmt: skip
def test_a_service_assumes_a_role_only_for_what_the_role_names(
    world: World, name: str, condition: dict[str, Any], trusted: bool
) -> None:
    more = {"Condition": condition} if condition else {}
    role = trusting(world, f"deputy-{name}", {"Principal": {"Service": "transcribe.amazonaws.com"}, **more})
    try:
        world.administrator("transcribe").start_transcription_job(
            TranscriptionJobName=f"deputy-{name}", Media={"MediaFileUri": "s3://matrix-plain/missing"},
            LanguageCode="en-US", OutputBucketName="matrix-plain",
            JobExecutionSettings={"DataAccessRoleArn": role, "AllowDeferredExecution": False},
        )  # fmt: skip
    except ClientError as error:
        assert not trusted
        assert "does not trust transcribe.amazonaws.com" in str(error)
    else:
        assert trusted


def target(world: World, name: str, policy: str | None, letters: str | None = None) -> str:
    """A queue behind a rule of the bus matrix-plain; its URL."""
    attributes = {"Policy": policy} if policy else {}
    url: str = world.administrator("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    events = world.administrator("events")
    pattern = json.dumps({"source": [name]})
    events.put_rule(Name=name, EventBusName="matrix-plain", EventPattern=pattern)
    more = {"DeadLetterConfig": {"Arn": letters}} if letters else {}
    entry = {"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}", **more}
    events.put_targets(Rule=name, EventBusName="matrix-plain", Targets=[entry])
    entry = {"EventBusName": "matrix-plain", "Source": name, "DetailType": "T", "Detail": "{}"}
    events.put_events(Entries=[entry])
    return url


def admitting(name: str, rule: str) -> str:
    source = f"arn:aws:events:us-east-1:123456789012:rule/matrix-plain/{rule}"
    return document([{
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": f"arn:aws:sqs:us-east-1:123456789012:{name}",
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }])  # fmt: skip


def test_a_bus_delivers_where_the_queue_lets_it(world: World) -> None:
    url = target(world, "matrix-delivered", admitting("matrix-delivered", "matrix-delivered"))
    assert len(world.cloud.messages(url)) == 1
    assert world.cloud.messages(target(world, "matrix-closed", None), seconds=1) == []
    found = refused(world, "sqs:SendMessage")
    assert (found["principal"], found["service"]) == ("events.amazonaws.com", "events")
    assert found["resource"] == "arn:aws:sqs:us-east-1:123456789012:matrix-closed"
    letters: str = world.administrator("sqs").create_queue(
        QueueName="matrix-letters", Attributes={"Policy": admitting("matrix-letters", "matrix-other-rule")}
    )["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:matrix-letters"
    assert world.cloud.messages(target(world, "matrix-other-rule", admitting("x", "x"), arn), seconds=1) == []
    assert len(world.cloud.messages(letters)) == 1


def test_refusals_are_shown_and_logged(world: World) -> None:
    caller = reader(world, "s3vectors:ListVectorBuckets")
    before = world.cloud.status()["refused"]["total"]
    messages: list[str] = []
    for _ in range(3):
        with pytest.raises(ClientError, match="AccessDeniedException") as error:
            world.client("s3vectors", caller).get_vector_bucket(vectorBucketName="matrix-vectors")
        answer: Any = error.value.response
        messages.append(answer["Error"]["Message"])
    name, arn = (
        caller.names["role"].rsplit("/", 1)[-1],
        "arn:aws:s3vectors:us-east-1:123456789012:bucket/matrix-vectors",
    )
    sentence = (
        f"User: {caller.names['session']} is not authorized to perform: s3vectors:GetVectorBucket "
        f"on resource: {arn} because no identity-based policy allows the s3vectors:GetVectorBucket action"
    )
    assert messages == [sentence] * 3
    shown = world.cloud.status()["refused"]
    assert shown["total"] == before + 3
    assert len(shown["recent"]) == min(100, before + 3)
    newest = shown["recent"][-1]
    assert newest.pop("time").endswith("Z")
    assert newest == {
        "principal": caller.names["session"], "role": name, "service": "s3vectors",
        "action": "s3vectors:GetVectorBucket", "resource": arn,
        "reason": "because no identity-based policy allows the s3vectors:GetVectorBucket action",
    }  # fmt: skip
    log = (world.cloud.home / "logs" / "daemon.log").read_text()
    assert f"refused: {caller.names['session']} may not s3vectors:GetVectorBucket on {arn}" in log


@pytest.mark.parametrize(
    ("service", "method", "code", "status"),
    [
        ("dynamodb", "list_tables", "AccessDeniedException", 400),
        ("kms", "list_keys", "AccessDeniedException", 400),
        ("logs", "describe_log_groups", "AccessDeniedException", 400),
        ("sqs", "list_queues", "AccessDenied", 403),
        ("sns", "list_topics", "AuthorizationError", 403),
        ("iam", "list_users", "AccessDenied", 403),
        ("s3", "list_buckets", "AccessDenied", 403),
        ("ec2", "describe_vpcs", "UnauthorizedOperation", 403),
        ("pipes", "list_pipes", "AccessDeniedException", 403),
        ("s3vectors", "list_vector_buckets", "AccessDeniedException", 403),
        ("elasticache", "describe_users", "AccessDenied", 403),
    ],
)
def test_each_protocol_has_its_own_shape_of_a_refusal(
    world: World, service: str, method: str, code: str, status: int
) -> None:
    caller = reader(world)
    with pytest.raises(ClientError) as error:
        getattr(world.client(service, caller), method)()
    response: Any = error.value.response
    assert code in (response["Error"]["Code"], response["Error"].get("QueryErrorCode"))
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert f"User: {caller.names['session']} is not authorized to perform" in response["Error"]["Message"]


def test_policies_change_at_run_time(world: World) -> None:
    statements = [
        {"Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"},
        {"Sid": "List", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"},
    ]
    caller = world.principal({"statements": statements})
    role = caller.names["role"].rsplit("/", 1)[-1]

    def read() -> None:
        world.client("s3", caller).get_object(Bucket="matrix-plain", Key="home/ann/a")

    read()
    with without_action(world.administrator("iam"), role, "s3:GetObject"):
        with pytest.raises(ClientError, match="s3:GetObject"):
            read()
        world.client("s3", caller).list_objects_v2(Bucket="matrix-plain")
    read()
    with (
        pytest.raises(LookupError, match="never granted s3:PutObject"),
        without_action(world.administrator("iam"), role, "s3:PutObject"),
    ):
        pass


def test_authorization_takes_little_time(world: World) -> None:
    """A refused call is decided and answered in a few milliseconds, its HTTP and its signature included."""
    caller = world.principal({
        "statements": [
            {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": f"arn:aws:dynamodb:*:*:table/t{n}",
             "Condition": {"StringEquals": {"aws:PrincipalTag/a": f"{n}"}}} for n in range(40)
        ],
    })  # fmt: skip
    dynamodb = world.client("dynamodb", caller)

    def ask() -> float:
        begin = time.perf_counter()
        with pytest.raises(ClientError):
            dynamodb.get_item(TableName="matrix", Key={"pk": {"S": "a"}})
        return time.perf_counter() - begin

    assert until(lambda: min(ask() for _ in range(20)) < 0.05)
