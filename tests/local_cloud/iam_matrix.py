"""Plays the cases of iam_cases/ against a daemon, as real signed requests."""

import contextlib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local_cloud.running import Running

CASES = Path(__file__).parent / "iam_cases"
ACCOUNT = "123456789012"
REFUSED = frozenset((
    "AccessDenied", "AccessDeniedException", "AuthorizationError", "AuthorizationErrorException",
    "UnauthorizedOperation", "403", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException",
))  # fmt: skip
RESOURCE_POLICIES = ("bucket", "queue", "key", "secret", "topic")
ONCE = Config(retries={"total_max_attempts": 1})

type Case = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks in a case."""

    identity: dict[str, str]
    names: dict[str, str]


def cases(*names: str) -> Iterator[tuple[str, Case]]:
    """Every case of the files (all files without a name), with what its group says."""
    for path in sorted(CASES.glob("*.yaml")):
        if names and path.stem not in names:
            continue
        for group in yaml.safe_load(path.read_text()):
            shared = {name: value for name, value in group.items() if name != "cases"}
            for case in group["cases"]:
                whole = shared | case
                yield f"{path.stem}: {whole['title']}", whole


def document(statements: object, version: str = "2012-10-17") -> str:
    """A policy of these statements."""
    return json.dumps({"Version": version, "Statement": statements})


def statements_of(case: Case) -> list[Any]:
    """The identity policy of a case."""
    found: list[Any] = list(case.get("statements", []))
    if "allow" in case:
        condition = {"Condition": case["if"]} if "if" in case else {}
        found.append({"Effect": "Allow", **case["allow"], **condition})
    return found


class World:
    """The resources that cases use, and fresh principals."""

    def __init__(self, cloud: Running) -> None:
        self.cloud = cloud
        self._count = 0
        self._administrator: dict[str, Any] = {}
        # One client for each service, whose credentials change from case to case: making one takes long.
        session: Any = botocore.session.get_session()
        session.set_credentials("none", "none")
        self._credentials: Any = session.get_credentials()
        self._session: Any = boto3.Session(botocore_session=session)
        self._clients: dict[str, Any] = {}
        self.names = {"key": self._key(), "sealed": self._key()}
        self._buckets()
        self._messages()
        self._tables()
        secret = self.administrator("secretsmanager").create_secret(
            Name="matrix/secret", SecretString="s", KmsKeyId=self.names["sealed"]
        )
        self.names["secret"] = secret["ARN"]
        self.administrator("secretsmanager").create_secret(Name="matrix/secret-two", SecretString="s")
        for name in ("/matrix/plain", "/matrix/deep/one", "/matrixother"):
            self.administrator("ssm").put_parameter(Name=name, Value="v", Type="String")
        for name in ("/matrix/group", "/matrix/group-two"):
            self.administrator("logs").create_log_group(logGroupName=name)
            self.administrator("logs").create_log_stream(logGroupName=name, logStreamName="stream")

    def administrator(self, service: str) -> Any:  # noqa: ANN401 (a boto3 client)
        """The administrator's client of a service."""
        if service not in self._administrator:
            self._administrator[service] = self.cloud.client(service)
        return self._administrator[service]

    def client(self, service: str, caller: Caller) -> Any:  # noqa: ANN401 (a boto3 client)
        """A client of a caller; it is the caller's until the next one is asked for."""
        identity = caller.identity
        self._credentials.access_key = identity["aws_access_key_id"]
        self._credentials.secret_key = identity["aws_secret_access_key"]
        self._credentials.token = identity.get("aws_session_token")
        if service not in self._clients:
            self._clients[service] = self._session.client(
                service, endpoint_url=self.cloud.url, region_name="us-east-1", config=ONCE
            )
        return self._clients[service]

    def _key(self) -> str:
        return self.administrator("kms").create_key()["KeyMetadata"]["Arn"]

    def _buckets(self) -> None:
        s3 = self.administrator("s3")
        for name in ("matrix-plain", "matrix-sealed", "matrix-plain-two"):
            s3.create_bucket(Bucket=name)
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.names["sealed"]}
        s3.put_bucket_encryption(
            Bucket="matrix-sealed",
            ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
        )
        for bucket in ("matrix-plain", "matrix-sealed", "matrix-plain-two"):
            for key in ("home/ann/a", "home/bob/b", "secret/c"):
                s3.put_object(Bucket=bucket, Key=key, Body=b"body")

    def _messages(self) -> None:
        sqs = self.administrator("sqs")
        for name in ("matrix-plain", "matrix-plain-two"):
            sqs.create_queue(QueueName=name)
        sqs.create_queue(QueueName="matrix-sealed", Attributes={"KmsMasterKeyId": self.names["sealed"]})
        for name in ("matrix-plain", "matrix-plain-two"):
            self.administrator("sns").create_topic(Name=name)
        for name in ("matrix-plain", "matrix-two"):
            self.administrator("events").create_event_bus(Name=name)

    def _tables(self) -> None:
        dynamodb = self.administrator("dynamodb")
        sealed = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": self.names["sealed"]}
        for name, more in (
            ("matrix", {}), ("matrix-two", {}), ("matrix-sealed", {"SSESpecification": sealed}),
        ):  # fmt: skip
            dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "gsi", "AttributeType": "S"},
                ],
                GlobalSecondaryIndexes=[
                    {"IndexName": "gsi1", "KeySchema": [{"AttributeName": "gsi", "KeyType": "HASH"}],
                     "Projection": {"ProjectionType": "ALL"}}
                ],
                BillingMode="PAY_PER_REQUEST", **more,
            )  # fmt: skip

    def filled(self, value: object, names: dict[str, str]) -> Any:  # noqa: ANN401 (as the case wrote it)
        """A part of a case with the ARNs that it stands for."""
        text = json.dumps(value)
        for name, arn in {**self.names, **names}.items():
            text = text.replace(f"@{name}@", arn)
        return json.loads(text)

    def principal(self, case: Case) -> Caller:
        """Who asks in a case, with its policies."""
        self._count += 1
        name = case.get("name", f"Matrix-{self._count}")
        return self._user(case, name) if case.get("as") == "user" else self._role(case, name)

    def _role(self, case: Case, name: str) -> Caller:
        iam = self.administrator("iam")
        names = {
            "role": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "session": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/case",
            "user": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        }
        everybody = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
        trust = [{"Effect": "Allow", "Principal": everybody, "Action": ["sts:AssumeRole", "sts:TagSession"]}]
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=document(trust),
            Tags=[{"Key": key, "Value": value} for key, value in case.get("tags", {}).items()],
            **self._boundary(case, name, names),
        )  # fmt: skip
        statements = statements_of(self.filled(case, names))
        if statements:
            iam.put_role_policy(
                RoleName=name, PolicyName="own",
                PolicyDocument=document(statements, case.get("version", "2012-10-17")),
            )  # fmt: skip
        more: dict[str, Any] = {}
        if "session" in case:
            more["Policy"] = document(self.filled(case["session"], names))
        if "session_tags" in case:
            more["Tags"] = [{"Key": key, "Value": value} for key, value in case["session_tags"].items()]
        given = self.administrator("sts").assume_role(RoleArn=names["role"], RoleSessionName="case", **more)
        credentials = given["Credentials"]
        return Caller(
            {
                "aws_access_key_id": credentials["AccessKeyId"],
                "aws_secret_access_key": credentials["SecretAccessKey"],
                "aws_session_token": credentials["SessionToken"],
            },
            names,
        )

    def _user(self, case: Case, name: str) -> Caller:
        iam = self.administrator("iam")
        names = {"user": f"arn:aws:iam::{ACCOUNT}:user/{name}", "role": "-", "session": "-"}
        tags = [{"Key": key, "Value": value} for key, value in case.get("tags", {}).items()]
        iam.create_user(UserName=name, Tags=tags, **self._boundary(case, name, names))
        statements = statements_of(self.filled(case, names))
        if statements:
            iam.put_user_policy(
                UserName=name, PolicyName="own",
                PolicyDocument=document(statements, case.get("version", "2012-10-17")),
            )  # fmt: skip
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Caller(
            {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}, names
        )

    def _boundary(self, case: Case, name: str, names: dict[str, str]) -> dict[str, str]:
        if "boundary" not in case:
            return {}
        made = self.administrator("iam").create_policy(
            PolicyName=f"{name}-boundary", PolicyDocument=document(self.filled(case["boundary"], names))
        )
        return {"PermissionsBoundary": made["Policy"]["Arn"]}

    @contextlib.contextmanager
    def resource_policies(self, case: Case, caller: Caller) -> Generator[None]:
        """Put the policies of the resources that a case names, and take them away after it."""
        wanted = {kind: case[kind] for kind in RESOURCE_POLICIES if kind in case}
        for kind, statements in wanted.items():
            self._put(kind, document(self.filled(statements, caller.names)))
        try:
            yield
        finally:
            for kind in wanted:
                self._put(kind, None)

    def _put(self, kind: str, policy: str | None) -> None:
        own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Resource": "*"}
        if kind == "bucket":
            s3 = self.administrator("s3")
            place = {"Bucket": "matrix-plain"}
            _ = s3.put_bucket_policy(**place, Policy=policy) if policy else s3.delete_bucket_policy(**place)
        elif kind == "queue":
            url = self.administrator("sqs").get_queue_url(QueueName="matrix-plain")["QueueUrl"]
            self.administrator("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy or ""})
        elif kind == "topic":
            everything = document([{**own, "Action": "sns:Publish"}])
            self.administrator("sns").set_topic_attributes(
                TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT}:matrix-plain", AttributeName="Policy",
                AttributeValue=policy or everything,
            )  # fmt: skip
        elif kind == "secret":
            place = {"SecretId": self.names["secret"]}
            secrets = self.administrator("secretsmanager")
            _ = (
                secrets.put_resource_policy(**place, ResourcePolicy=policy)
                if policy
                else secrets.delete_resource_policy(**place)
            )
        else:
            self._put_key_policy(policy or document([{**own, "Action": "kms:*"}]))

    def _put_key_policy(self, policy: str) -> None:
        """Key policies under test lack the administrator, who changes them all the same in these tests."""
        keeper = {
            "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:user/nova-administrator"},
            "Action": "kms:*", "Resource": "*",
        }  # fmt: skip
        statements = [*json.loads(policy)["Statement"], keeper]
        self.administrator("kms").put_key_policy(
            KeyId=self.names["key"], PolicyName="default", Policy=document(statements)
        )

    def ask(self, case: Case, caller: Caller) -> str:
        """Make the call of a case; "" when it was allowed, else the message of the refusal."""
        call: Any = self.filled(case["call"], caller.names)
        name: str = call if isinstance(call, str) else call[0]
        arguments: dict[str, Any] = {} if isinstance(call, str) else call[1]
        service, method = name.split(".")
        client = self.client(service, caller)
        try:
            getattr(client, method)(**arguments)
        except ClientError as error:
            answer: Any = error.response
            if answer["Error"]["Code"] in REFUSED:
                return answer["Error"]["Message"] or "refused"
        return ""

    def play(self, case: Case) -> str:
        """Set a case up and make its call."""
        caller = self.principal(case)
        with self.resource_policies(case, caller):
            return self.ask(case, caller)
