"""What the account stack registers: encrypted, closed, in order, and the same in a preview."""

import json
from typing import Any

import pytest

from evaluation.answers import ACCOUNT_ID
from evaluation.program import Deployment
from tests.bootstrap.account import REPOSITORY, STACK, STATE_KEY, account_stack, usual
from tests.infra.policies import statements

KEY = "aws:kms/key:Key"
ROLE = "aws:iam/role:Role"
LOGGING = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"
ONCE_PER_ACCOUNT = {
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/policy:Policy",
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock",
    "aws:s3/bucket:Bucket",
    "aws:ssm/parameter:Parameter",
}


@pytest.fixture(scope="module")
def further() -> Deployment:
    """The stack of an account's second region."""
    return account_stack(repository=REPOSITORY, home=False, region="eu-west-1")


def inputs(kind: str, name: str, deployment: Deployment | None = None) -> dict[str, Any]:
    return (deployment or usual()).one(kind, name).inputs


def dependencies(kind: str, name: str) -> set[str]:
    """The names of what a resource waits for."""
    return {urn.rpartition("::")[2] for urn in usual().one(kind, name).depends_on}


def test_a_preview_registers_the_same() -> None:
    assert set(account_stack(preview=True, repository=REPOSITORY).resources) == set(usual().resources)


def test_everything_uses_the_one_provider() -> None:
    for found in usual().resources.values():
        if found.custom and not found.type.startswith("pulumi:providers"):
            assert "::pulumi:providers:aws::aws::aws" in found.provider, found.urn


def test_everything_is_tagged_with_its_owner() -> None:
    (provider,) = usual().of_type("pulumi:providers:aws")
    tags = json.loads(provider.inputs["defaultTags"])["tags"]
    assert tags == {
        "project": "nova-account",
        "stack": STACK,
        "owner": "platform",
        "cost-center": "shared",
        "managed-by": "pulumi",
    }


class TestState:
    def test_the_bucket_is_private_and_encrypted_under_its_key(self) -> None:
        block = inputs("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "state-public-access-block")
        flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
        assert all(block[flag] for flag in flags)
        kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
        (rule,) = inputs(kind, "state-encryption")["rules"]
        assert rule["applyServerSideEncryptionByDefault"] == {
            "sseAlgorithm": "aws:kms",
            "kmsMasterKeyId": STATE_KEY,
        }
        (statement,) = statements(inputs("aws:s3/bucketPolicy:BucketPolicy", "state-policy")["policy"])
        assert (statement["Effect"], statement["Action"]) == ("Deny", ["s3:*"])
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_every_version_is_kept_for_a_year(self) -> None:
        versioning = inputs("aws:s3/bucketVersioning:BucketVersioning", "state-versioning")
        assert versioning["versioningConfiguration"] == {"status": "Enabled"}
        kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
        (rule,) = inputs(kind, "state-lifecycle")["rules"]
        assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 365}
        assert "expiration" not in rule
        assert dependencies(kind, "state-lifecycle") >= {"state-versioning"}

    def test_requests_for_state_are_logged_elsewhere(self) -> None:
        logging = inputs("aws:s3/bucketLogging:BucketLogging", "state-log-of-state")
        assert (logging["bucket"], logging["targetBucket"]) == (
            "state-bucket-0000000",
            "state-log-bucket-0000000",
        )

    def test_what_holds_state_refuses_deletion_unless_told(self) -> None:
        protected = {found.name for found in usual().resources.values() if found.protect}
        state = {found.name for found in usual().resources.values() if found.name.startswith("state")}
        assert protected == state | {"region-model-logs-key", "releases-repository"}
        assert state > {"state-bucket", "state-key", "state-policy", "state-versioning", "state-log-bucket"}
        assert inputs("aws:s3/bucket:Bucket", "state-bucket")["forceDestroy"] is False
        loose = account_stack(protect=False)
        assert not any(found.protect for found in loose.resources.values())
        assert inputs("aws:s3/bucket:Bucket", "state-bucket", loose)["forceDestroy"] is True

    def test_keys_rotate_and_wait_before_they_are_destroyed(self) -> None:
        for key in usual().of_type(KEY):
            assert key.inputs["enableKeyRotation"] is True
            assert key.inputs["deletionWindowInDays"] == 30

    def test_a_parameter_says_where_it_is(self) -> None:
        address = inputs("aws:ssm/parameter:Parameter", "state-address")
        assert (address["name"], address["insecureValue"]) == (
            "/nova-account/state",
            "s3://state-bucket-0000000?region=us-east-1",
        )
        assert usual().outputs["state_url"] == address["insecureValue"]
        assert usual().outputs["own_secrets_provider"].endswith(f"&context_stack={STACK}")


class TestRegion:
    def test_api_gateway_gets_the_role_that_it_demands(self) -> None:
        trust = statements(inputs(ROLE, "region-api-gateway-role")["assumeRolePolicy"])
        assert [statement["Principal"] for statement in trust] == [{"Service": "apigateway.amazonaws.com"}]
        # It names no account when it takes on the role: a condition on one would shut it out.
        assert "Condition" not in trust[0]
        attached = inputs("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "region-api-gateway-policy")
        assert attached["policyArn"].endswith(":policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs")
        kind = "aws:apigateway/account:Account"
        assert inputs(kind, "region-api-gateway")["cloudwatchRoleArn"].endswith(
            "region-api-gateway-role-0000000"
        )
        assert dependencies(kind, "region-api-gateway") >= {"region-api-gateway-policy"}

    def test_spans_go_to_cloudwatch_logs_once_x_ray_may_write_them(self) -> None:
        policy = inputs("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "region-traces-to-logs")
        (statement,) = statements(policy["policyDocument"])
        assert statement["Principal"] == {"Service": "xray.amazonaws.com"}
        assert statement["Action"] == ["logs:PutLogEvents"]
        group = f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:"
        assert statement["Resource"] == [f"{group}aws/spans:*", f"{group}/aws/application-signals/data:*"]
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": f"arn:aws:xray:us-east-1:{ACCOUNT_ID}:*"},
        }
        kind = "aws:xray/traceSegmentDestination:TraceSegmentDestination"
        assert inputs(kind, "region-traces") == {"destination": "CloudWatchLogs"}
        assert dependencies(kind, "region-traces") == {"region-traces-to-logs"}
        rule = "aws:xray/indexingRule:IndexingRule"
        assert inputs(rule, "region-trace-index") == {
            "name": "Default",
            "rule": {"probabilistic": {"desiredSamplingPercentage": 1.0}},
        }
        assert dependencies(rule, "region-trace-index") == {"region-traces"}

    def test_a_runtimes_traces_are_delivered(self) -> None:
        policy = inputs("aws:xray/resourcePolicy:ResourcePolicy", "region-deliveries-to-traces")
        (statement,) = statements(policy["policyDocument"])
        assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert statement["Action"] == ["xray:PutTraceSegments"]
        assert statement["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
            "ForAllValues:ArnLike": {
                "logs:LogGeneratingResourceArns": [f"arn:aws:bedrock-agentcore:us-east-1:{ACCOUNT_ID}:*"]
            },
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:delivery-source:*"},
        }

    def test_calls_to_models_are_logged_without_their_texts(self) -> None:
        config = inputs(LOGGING, "region-model-logging")["loggingConfig"]
        delivered = {key: value for key, value in config.items() if key.endswith("DeliveryEnabled")}
        assert delivered == {
            "textDataDeliveryEnabled": False,
            "embeddingDataDeliveryEnabled": False,
            "imageDataDeliveryEnabled": False,
            "videoDataDeliveryEnabled": False,
        }
        group = inputs("aws:cloudwatch/logGroup:LogGroup", "region-model-logs")
        assert group["retentionInDays"] == 365
        assert group["kmsKeyId"].endswith("key/region-model-logs-key")
        services = {
            str(statement["Principal"])
            for statement in statements(inputs(KEY, "region-model-logs-key")["policy"])
        }
        assert "{'Service': 'logs.us-east-1.amazonaws.com'}" in services
        (trust,) = statements(inputs(ROLE, "region-model-logs-role")["assumeRolePolicy"])
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:us-east-1:{ACCOUNT_ID}:*"},
        }
        (granted,) = statements(inputs("aws:iam/rolePolicy:RolePolicy", "region-model-logs-policy")["policy"])
        (resource,) = granted["Resource"]
        assert resource.endswith(":log-stream:aws/bedrock/modelinvocations")
        assert "region-model-logs-policy" in dependencies(LOGGING, "region-model-logging")

    def test_texts_are_logged_only_where_that_is_asked_for(self) -> None:
        texts = account_stack(logModelTexts=True)
        config = inputs(LOGGING, "region-model-logging", texts)["loggingConfig"]
        assert config["textDataDeliveryEnabled"] is True
        silent = account_stack(logModelCalls=False)
        assert silent.of_type(LOGGING) == []
        assert [key.name for key in silent.of_type(KEY)] == ["state-key"]

    @pytest.mark.parametrize(
        ("inspect", "kind", "frequency"),
        [(False, "BASIC", "SCAN_ON_PUSH"), (True, "ENHANCED", "CONTINUOUS_SCAN")],
    )
    def test_every_image_is_scanned(self, inspect: bool, kind: str, frequency: str) -> None:
        (scanning,) = account_stack(inspectImages=inspect).of_type(
            "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
        )
        assert scanning.inputs["scanType"] == kind
        (rule,) = scanning.inputs["rules"]
        assert rule["scanFrequency"] == frequency
        assert rule["repositoryFilters"] == [{"filter": "*", "filterType": "WILDCARD"}]


class TestAccount:
    def test_no_bucket_of_the_account_is_public_unless_told(self) -> None:
        kind = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
        block = inputs(kind, "account-public-access-block")
        assert block == dict.fromkeys(
            ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
        )
        assert account_stack(blockPublicBuckets=False).of_type(kind) == []

    def test_bills_are_broken_down_by_the_tags_that_are_named(self) -> None:
        kind = "aws:costexplorer/costAllocationTag:CostAllocationTag"
        assert usual().of_type(kind) == []
        named = account_stack(costTags=["project", "stack"]).of_type(kind)
        assert [found.inputs for found in named] == [
            {"tagKey": "project", "status": "Active"},
            {"tagKey": "stack", "status": "Active"},
        ]

    def test_a_further_region_has_its_own_settings_and_nothing_that_an_account_has_once(
        self, further: Deployment
    ) -> None:
        kinds = {found.type for found in further.resources.values()}
        assert not kinds & ONCE_PER_ACCOUNT
        assert "aws:apigateway/account:Account" in kinds
        assert LOGGING in kinds
        assert further.outputs == {"region": "eu-west-1", "releases": "nova-releases"}
        (provider,) = further.of_type("pulumi:providers:aws")
        assert provider.inputs["region"] == "eu-west-1"


def test_the_outputs_say_what_stacks_and_pipelines_need() -> None:
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/nova-account/pipelines-"
    assert usual().outputs["permissions_boundary"] == "nova-boundary"
    assert usual().outputs["deploy_role_arns"] == {
        "dev": f"{role}deploy-dev-role-0000000",
        "prod": f"{role}deploy-prod-role-0000000",
    }
    assert usual().outputs["preview_role_arn"] == f"{role}preview-role-0000000"


REPLICATION = "aws:ecr/replicationConfiguration:ReplicationConfiguration"
TEMPLATE = "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate"


@pytest.fixture(scope="module")
def replicating() -> Deployment:
    """A stack whose images are kept in two further regions."""
    return account_stack(imageReplicas=["us-west-2", "eu-west-1"])


def test_images_go_nowhere_else_by_default() -> None:
    assert usual().of_type(REPLICATION) + usual().of_type(TEMPLATE) == []


def test_every_image_is_copied_into_the_regions_that_are_named(replicating: Deployment) -> None:
    (replication,) = replicating.of_type(REPLICATION)
    (rule,) = replication.inputs["replicationConfiguration"]["rules"]
    regions = [(each["region"], each["registryId"]) for each in rule["destinations"]]
    assert regions == [("us-west-2", ACCOUNT_ID), ("eu-west-1", ACCOUNT_ID)]
    assert "repositoryFilters" not in rule


def test_copies_are_immutable_and_few(replicating: Deployment) -> None:
    templates = replicating.of_type(TEMPLATE)
    assert [template.inputs["region"] for template in templates] == ["eu-west-1", "us-west-2"]
    for template in templates:
        made = template.inputs
        assert (made["prefix"], made["appliedFors"]) == ("ROOT", ["REPLICATION"])
        assert made["imageTagMutability"] == "IMMUTABLE"
        (rule,) = json.loads(made["lifecyclePolicy"])["rules"]
        assert rule["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10}


def test_repositories_are_made_by_their_template(replicating: Deployment) -> None:
    (replication,) = replicating.of_type(REPLICATION)
    needed = {urn.rpartition("::")[2] for urn in replication.depends_on}
    assert {template.name for template in replicating.of_type(TEMPLATE)} <= needed


class TestReleases:
    def test_images_are_kept_for_longer_than_anybody_goes_back(self) -> None:
        repository = inputs("aws:ecr/repository:Repository", "releases-repository")
        assert (repository["name"], repository["imageTagMutability"]) == ("nova-releases", "IMMUTABLE")
        assert repository["forceDelete"] is False
        assert usual().outputs["releases"] == "nova-releases"
        policy = inputs("aws:ecr/lifecyclePolicy:LifecyclePolicy", "releases-lifecycle")["policy"]
        (rule,) = json.loads(policy)["rules"]
        assert rule["selection"]["countNumber"] == 5_000

    def test_functions_of_the_account_pull_from_it_and_nobody_else_by_its_policy(self) -> None:
        made = inputs("aws:ecr/repositoryPolicy:RepositoryPolicy", "releases-repository-policy")
        (statement,) = statements(made["policy"])
        assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert statement["Condition"] == {
            "ArnLike": {"aws:SourceArn": f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:*"}
        }

    def test_every_region_has_its_own(self, further: Deployment) -> None:
        assert further.one("aws:ecr/repository:Repository", "releases-repository").protect
