"""The Lambda component: what it makes, whom it lets in, what it refuses."""

from collections.abc import Callable
from typing import Any, cast

import pulumi
import pytest

from components.compute.function import Function, FunctionArgs, function_role
from components.data.keys import Keys, KeysArgs
from components.observe.logs import LogPolicy
from tests.infra.deployment import Deployment, run
from tests.infra.policies import granted, statements
from tests.infra.test_components import account, platform, role

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:pay-function-0000000"
STRANGER = "arn:aws:iam::999999999999:role/caller"


def function(**changes: object) -> Function:
    """A function called ``pay``, with some arguments replaced; it has to be made inside a run."""
    shared = platform()
    keys = Keys("own", KeysArgs(account=account(), recovery_days=7, protect=False))
    arguments = {
        "account": account(),
        "image": shared.image("pay", "services/projector", parent=shared),
        "command": ("nova_projector.function.handle",),
        "environment": {"LEDGER": "table"},
        "key": keys.secrets,
        "role": function_role("pay-function", account(), pulumi.ResourceOptions()),
        "logs": LogPolicy(retention_days=30, key_arn=keys.logs.arn),
        "queues": shared.queues,
        "memory": 512,
        "timeout_seconds": 30,
    }
    return Function("pay", FunctionArgs(**cast("dict[str, Any]", {**arguments, **changes})))


def deployed(use: Callable[[Function], object] = lambda _made: None, **changes: object) -> Deployment:
    """What a function with these arguments registers."""

    def program() -> None:
        use(function(**changes))

    return run(program)


@pytest.fixture(scope="module")
def plain() -> Deployment:
    return deployed()


class TestFunction:
    def test_runs_an_image_by_digest_on_arm(self, plain: Deployment) -> None:
        inputs = plain.one("aws:lambda/function:Function", "pay-function").inputs
        assert inputs["packageType"] == "Image"
        assert "@sha256:" in inputs["imageUri"]
        assert inputs["architectures"] == ["arm64"]
        assert inputs["imageConfig"] == {"commands": ["nova_projector.function.handle"]}
        assert (inputs["memorySize"], inputs["timeout"], inputs["ephemeralStorage"]) == (
            512,
            30,
            {"size": 512},
        )
        # Lambda refuses these with an image.
        assert not {"runtime", "handler", "layers", "reservedConcurrentExecutions"} & set(inputs)

    def test_its_environment_and_logs_are_under_our_keys(self, plain: Deployment) -> None:
        inputs = plain.one("aws:lambda/function:Function", "pay-function").inputs
        assert inputs["environment"] == {"variables": {"LEDGER": "table"}}
        assert inputs["kmsKeyArn"].endswith("key/own-secrets")
        logging = inputs["loggingConfig"]
        assert logging["logFormat"] == "JSON"
        group = plain.one("aws:cloudwatch/logGroup:LogGroup", "pay-logs")
        assert logging["logGroup"] == f"{group.name}-0000000"
        assert group.inputs["kmsKeyId"].endswith("key/own-logs")

    def test_it_is_traced_and_may_do_no_more_than_it_needs(self, plain: Deployment) -> None:
        inputs = plain.one("aws:lambda/function:Function", "pay-function").inputs
        assert inputs["tracingConfig"] == {"mode": "Active"}
        found = {statement.sid: statement for statement in granted(plain, "pay-function-policy")}
        assert {sid: set(statement.actions) for sid, statement in found.items()} == {
            "DecryptSecrets": {"kms:Decrypt", "kms:DescribeKey"},
            "EncryptMessages": {"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"},
            "SetAside": {"sqs:SendMessage"},
            "Trace": {"xray:PutTelemetryRecords", "xray:PutTraceSegments"},
            "WriteLogs": {"logs:CreateLogStream", "logs:PutLogEvents"},
        }
        assert found["DecryptSecrets"].conditions == {
            "StringEquals": {"kms:ViaService": "lambda.us-east-1.amazonaws.com"}
        }

    def test_only_lambda_takes_its_role(self, plain: Deployment) -> None:
        trust = plain.one("aws:iam/role:Role", "pay-function-role").inputs["assumeRolePolicy"]
        (statement,) = statements(trust)
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        # Lambda says on whose behalf it takes a role as little as ECS does when it shifts requests.
        assert "Condition" not in statement

    def test_lambda_may_pull_its_image_and_it_waits_for_that(self, plain: Deployment) -> None:
        policy = plain.one("aws:ecr/repositoryPolicy:RepositoryPolicy", "pay-repository-policy")
        (statement,) = statements(policy.inputs["policy"])
        assert statement == {
            "Sid": "FunctionsPull",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:lambda:us-east-1:123456789012:function:*"}},
        }
        needed = plain.one("aws:lambda/function:Function", "pay-function").depends_on
        assert {policy.urn, plain.one("aws:iam/rolePolicy:RolePolicy", "pay-function-policy").urn} <= needed

    def test_what_it_gives_up_is_set_aside(self, plain: Deployment) -> None:
        inputs = plain.one("aws:lambda/function:Function", "pay-function").inputs
        assert inputs["deadLetterConfig"]["targetArn"].endswith(":pay-dead-letters-queue-0000000")
        retries = plain.one(
            "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig", "pay-events"
        ).inputs
        assert (retries["maximumRetryAttempts"], retries["maximumEventAgeInSeconds"]) == (2, 3600)

    @pytest.mark.parametrize(
        ("name", "metric", "threshold"),
        [
            ("pay-errors-alarm", "Errors", 0),
            ("pay-throttles-alarm", "Throttles", 0),
            ("pay-duration-alarm", "Duration", 24_000),
            ("pay-dead-letters-depth-alarm", "ApproximateNumberOfMessagesVisible", 0),
        ],
    )
    def test_it_is_watched(self, plain: Deployment, name: str, metric: str, threshold: int) -> None:
        alarm = plain.one("aws:cloudwatch/metricAlarm:MetricAlarm", name).inputs
        assert (alarm["metricName"], alarm["threshold"]) == (metric, threshold)
        assert alarm["alarmActions"]

    def test_a_reservation_is_passed_on(self) -> None:
        found = deployed(reserved_concurrency=5).one("aws:lambda/function:Function", "pay-function")
        assert found.inputs["reservedConcurrentExecutions"] == 5


class TestUrl:
    @pytest.mark.parametrize(("streams", "mode"), [(False, "BUFFERED"), (True, "RESPONSE_STREAM")])
    def test_asks_for_signed_requests(self, streams: bool, mode: str) -> None:
        found = deployed(url=True, streams=streams).one("aws:lambda/functionUrl:FunctionUrl", "pay-url")
        assert (found.inputs["authorizationType"], found.inputs["invokeMode"]) == ("AWS_IAM", mode)
        assert "cors" not in found.inputs

    def test_without_one_there_is_none(self, plain: Deployment) -> None:
        assert plain.of_type("aws:lambda/functionUrl:FunctionUrl") == []

        def use(made: Function) -> None:
            with pytest.raises(ValueError, match="pay has no URL"):
                _ = made.url

        deployed(use)

    def test_a_caller_of_this_account_gets_both_rights_and_no_other_way_in(self) -> None:
        def use(made: Function) -> None:
            caller = role()
            made.grant_call(caller)
            caller.seal()
            pulumi.export("url", made.url)

        found = deployed(use, url=True)
        assert found.outputs["url"] == "https://pay-url.lambda-url.us-east-1.on.aws/"
        call, invoke = granted(found, "work-policy")
        assert (call.actions, call.conditions) == (
            ("lambda:InvokeFunctionUrl",),
            {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}},
        )
        assert (invoke.actions, invoke.conditions) == (
            ("lambda:InvokeFunction",),
            {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}},
        )
        assert call.resources == invoke.resources == (FUNCTION_ARN,)

    def test_a_stranger_gets_both_permissions(self) -> None:
        found = deployed(lambda made: made.admit("partner", STRANGER), url=True)
        permissions = {
            permission.inputs["action"]: permission.inputs
            for permission in found.of_type("aws:lambda/permission:Permission")
        }
        assert set(permissions) == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
        assert all(permission["principal"] == STRANGER for permission in permissions.values())
        assert permissions["lambda:InvokeFunctionUrl"]["functionUrlAuthType"] == "AWS_IAM"
        assert permissions["lambda:InvokeFunction"]["invokedViaFunctionUrl"] is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"memory": 127}, "memory: 127 is not allowed; Lambda takes 128 to 10240"),
        ({"memory": 10_241}, "memory: 10241"),
        ({"timeout_seconds": 0}, "timeout_seconds: 0"),
        ({"timeout_seconds": 901}, "timeout_seconds: 901 .* 1 to 900"),
        ({"storage_mib": 511}, "storage_mib: 511 .* 512 to 10240"),
        ({"reserved_concurrency": -1}, "reserved_concurrency: -1 .* leaves 100"),
        ({"streams": True}, "without a url"),
    ],
)
def test_what_lambda_does_not_take_is_refused(changes: dict[str, Any], message: str) -> None:
    def program() -> None:
        with pytest.raises(ValueError, match=message):
            function(**changes)

    run(program)
