"""Who may do what: least privilege, read from the documents that reach AWS."""

import re
from typing import Any

import pytest
from pulumi.runtime.rpc import is_rpc_secret

from components.access.unrestricted import UNRESTRICTED_ACTIONS
from components.names import fitting_name
from evaluation.answers import ACCOUNT_ID, resource_arn
from tests.infra.deployment import Deployment, deployed
from tests.infra.policies import actions_on, granted, statements

EVENTS = f"arn:aws:dynamodb:us-east-1:{ACCOUNT_ID}:table/nova-events-table-0000000"
DATA_KEYS = resource_arn("dynamodb", "table/nova-data-keys-table-0000000")
LEASES = resource_arn("dynamodb", "table/nova-leases-table-0000000")
PERSONAL_KEY = resource_arn("kms", "key/nova-keys-personal")
READ_MODEL = f"arn:aws:dynamodb:us-east-1:{ACCOUNT_ID}:table/nova-read-model-table-0000000"
USAGE = resource_arn("dynamodb", "table/nova-usage-table-0000000")
CONTENT = "arn:aws:s3:::nova-content-bucket-0000000"
INDEX = fitting_name("amazon.nova-2-multimodal-embeddings-v1:0-1024", 63)
VECTORS = f"arn:aws:s3vectors:us-east-1:{ACCOUNT_ID}:bucket/nova-prod-vectors/index/{INDEX}"
PASSWORD = resource_arn("secretsmanager", "secret:nova-cache-agent-core-password-secret-0000000-AbCdEf")
SITE_PASSWORD = resource_arn("secretsmanager", "secret:nova-cache-frontend-password-secret-0000000-AbCdEf")
EMBEDDING = "amazon.nova-2-multimodal-embeddings-v1:0"
PIPES = {"nova-pipe-policy", "nova-tampering-policy"}
BACKUPS = "nova-backups-policy"
PLAYED_OBJECTS = {
    "s3:PutObject",
    "s3:GetObject",
    "s3:GetObjectVersion",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
}
ERASE_OBJECTS = {"s3:DeleteObject", "s3:DeleteObjectVersion"}
CONSUME = {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}


UNENCRYPTED = {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucketVersions"}
"""What is done with content that is not read: a role that only does that needs no key."""


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT_ID}:{name}-queue-0000000"


def test_no_statement_is_wider_than_its_reason(deployment: Deployment) -> None:
    for statement in granted(deployment):
        assert statement.effect == "Allow"
        for action in statement.actions:
            assert "*" not in action, statement
            if "*" in statement.resources:
                assert action in UNRESTRICTED_ACTIONS, statement


def test_every_exception_says_why_and_is_used(production: Deployment) -> None:
    assert all(len(reason) > 40 for reason in UNRESTRICTED_ACTIONS.values())
    used = {action for found in granted(production) if "*" in found.resources for action in found.actions}
    # Only services that are not rolled have ECS look at the load balancer.
    assert set(UNRESTRICTED_ACTIONS) - used == {
        "elasticloadbalancing:DescribeListeners",
        "elasticloadbalancing:DescribeRules",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
    }
    assert used <= set(UNRESTRICTED_ACTIONS)


def test_statement_ids_are_unique_and_valid(deployment: Deployment) -> None:
    for policy in deployment.of_type("aws:iam/rolePolicy:RolePolicy"):
        ids = [statement.sid for statement in granted(deployment, policy.name)]
        assert len(ids) == len(set(ids))
        assert all(re.fullmatch("[A-Za-z0-9]+", sid) for sid in ids)


def test_nobody_can_change_or_delete_an_event(deployment: Deployment) -> None:
    seen = {
        action
        for statement in granted(deployment)
        if statement.role != BACKUPS
        for action in actions_on(deployment, statement.role, EVENTS)
    }
    assert seen == {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"}
    assert set(actions_on(deployment, BACKUPS, EVENTS)) <= {
        "dynamodb:CreateBackup",
        "dynamodb:DescribeTable",
        "dynamodb:ListTagsOfResource",
        "dynamodb:StartAwsBackupJob",
    }
    for statement in granted(deployment):
        for resource in statement.resources:
            # Neither a pattern nor an index of the table lets anything else in.
            if resource.startswith(f"{EVENTS}/index"):
                assert set(statement.actions) == {"dynamodb:Query"}
                assert statement.role.endswith("-erase-task-policy")
            assert not re.search(r":table/[^/]*\*", resource), statement


@pytest.mark.parametrize(
    ("policy", "resource", "actions"),
    [
        ("audio-task-policy", EVENTS, {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"}),
        ("audio-task-policy", READ_MODEL, set[str]()),
        ("audio-task-policy", DATA_KEYS, {"dynamodb:GetItem", "dynamodb:PutItem"}),
        ("audio-task-policy", PERSONAL_KEY, {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("audio-task-policy", LEASES, {"dynamodb:PutItem"}),
        (
            "audio-live-task-policy",
            LEASES,
            {"dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        ),
        ("audio-live-task-policy", EVENTS, {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"}),
        ("audio-live-task-policy", DATA_KEYS, {"dynamodb:GetItem", "dynamodb:PutItem"}),
        ("audio-live-task-policy", PERSONAL_KEY, {"kms:Decrypt", "kms:GenerateDataKey"}),
        ("audio-live-task-policy", READ_MODEL, set[str]()),
        ("audio-live-task-policy", f"{CONTENT}/uploads/audio/*", set[str]()),
        (
            "audio-live-task-policy",
            "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-sonic-v1:0",
            {"bedrock:InvokeModel"},
        ),
        ("audio-worker-task-policy", LEASES, set[str]()),
        ("audio-worker-task-policy", DATA_KEYS, set[str]()),
        ("audio-worker-task-policy", PERSONAL_KEY, set[str]()),
        ("projector-worker-task-policy", DATA_KEYS, {"dynamodb:GetItem"}),
        ("projector-worker-task-policy", PERSONAL_KEY, {"kms:Decrypt"}),
        ("projector-task-policy", PERSONAL_KEY, set[str]()),
        ("search-indexer-task-policy", DATA_KEYS, set[str]()),
        ("agent-core-task-policy", PERSONAL_KEY, set[str]()),
        (
            "audio-task-policy",
            f"{CONTENT}/uploads/audio/*",
            PLAYED_OBJECTS,
        ),
        (
            "audio-task-policy",
            f"{CONTENT}/transcripts/*",
            {"s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"},
        ),
        ("audio-task-policy", CONTENT, {"s3:ListBucket", "s3:ListBucketVersions"}),
        ("audio-task-policy", queue_arn("audio-worker"), set[str]()),
        ("audio-worker-task-policy", EVENTS, {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"}),
        (
            "audio-worker-task-policy",
            f"{CONTENT}/uploads/audio/*",
            {"s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"},
        ),
        (
            "audio-worker-task-policy",
            f"{CONTENT}/transcribe/*",
            {
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
            },
        ),
        (
            "audio-worker-task-policy",
            f"{CONTENT}/transcripts/*",
            {
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
            },
        ),
        (
            "audio-worker-task-policy",
            queue_arn("audio-worker"),
            {
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            },
        ),
        ("projector-task-policy", EVENTS, set[str]()),
        (
            "projector-rebuild-task-policy",
            EVENTS,
            {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"},
        ),
        (
            "projector-rebuild-task-policy",
            READ_MODEL,
            {"dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Scan"},
        ),
        ("projector-rebuild-task-policy", DATA_KEYS, {"dynamodb:GetItem"}),
        ("projector-task-policy", READ_MODEL, set[str]()),
        ("projector-task-policy", DATA_KEYS, {"dynamodb:GetItem"}),
        ("agent-core-task-policy", DATA_KEYS, {"dynamodb:GetItem"}),
        ("agent-core-erase-task-policy", USAGE, {"dynamodb:DeleteItem", "dynamodb:Query"}),
        ("agent-core-erase-task-policy", f"{CONTENT}/sessions/*", ERASE_OBJECTS),
        ("audio-erase-task-policy", f"{CONTENT}/transcripts/*", ERASE_OBJECTS),
        ("audio-erase-task-policy", f"{CONTENT}/uploads/audio/*", ERASE_OBJECTS),
        ("audio-erase-task-policy", f"{CONTENT}/uploads/video/*", set[str]()),
        ("projector-erase-task-policy", READ_MODEL, {"dynamodb:GetItem", "dynamodb:PutItem"}),
        ("search-erase-task-policy", VECTORS, {"s3vectors:DeleteVectors", "s3vectors:GetVectors"}),
        ("search-erase-task-policy", f"{CONTENT}/documents/*", ERASE_OBJECTS),
        ("search-erase-task-policy", f"{CONTENT}/transcripts/*", set[str]()),
        ("video-erase-task-policy", f"{CONTENT}/analyses/*", ERASE_OBJECTS),
        ("projector-task-policy", f"{READ_MODEL}/index/gsi1", {"dynamodb:Query"}),
        ("projector-worker-task-policy", EVENTS, {"dynamodb:GetItem", "dynamodb:Query"}),
        ("projector-worker-task-policy", READ_MODEL, {"dynamodb:GetItem", "dynamodb:PutItem"}),
        ("projector-worker-task-policy", f"{READ_MODEL}/index/gsi1", set[str]()),
        (
            "search-task-policy",
            VECTORS,
            {"s3vectors:GetIndex", "s3vectors:GetVectors", "s3vectors:QueryVectors"},
        ),
        ("search-task-policy", EVENTS, {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"}),
        ("search-task-policy", READ_MODEL, set[str]()),
        ("search-task-policy", DATA_KEYS, {"dynamodb:GetItem", "dynamodb:PutItem"}),
        ("search-task-policy", CONTENT, {"s3:ListBucket", "s3:ListBucketVersions"}),
        ("search-task-policy", f"{CONTENT}/transcripts/*", set[str]()),
        (
            "search-task-policy",
            f"{CONTENT}/documents/*",
            {
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
            },
        ),
        (
            "search-indexer-task-policy",
            f"{CONTENT}/documents/*",
            {"s3:GetObject", "s3:GetObjectVersion"},
        ),
        ("search-task-policy", queue_arn("search-indexer"), set[str]()),
        (
            "search-indexer-task-policy",
            VECTORS,
            {
                "s3vectors:DeleteVectors",
                "s3vectors:GetIndex",
                "s3vectors:GetVectors",
                "s3vectors:PutVectors",
            },
        ),
        ("search-indexer-task-policy", EVENTS, {"dynamodb:GetItem", "dynamodb:Query"}),
        (
            "search-reindex-task-policy",
            EVENTS,
            {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"},
        ),
        ("search-reindex-task-policy", queue_arn("search-indexer"), set[str]()),
        (
            "search-indexer-task-policy",
            f"{CONTENT}/transcripts/*",
            {"s3:GetObject", "s3:GetObjectVersion"},
        ),
        (
            "search-indexer-task-policy",
            f"{CONTENT}/analyses/*",
            {"s3:GetObject", "s3:GetObjectVersion"},
        ),
        ("search-indexer-task-policy", f"{CONTENT}/uploads/audio/*", set[str]()),
        ("audio-worker-task-policy", f"{CONTENT}/uploads/video/*", set[str]()),
        (
            "video-task-policy",
            f"{CONTENT}/uploads/video/*",
            PLAYED_OBJECTS,
        ),
        (
            "video-task-policy",
            f"{CONTENT}/analyses/*",
            {"s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"},
        ),
        (
            "video-worker-task-policy",
            f"{CONTENT}/uploads/video/*",
            {"s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObject", "s3:DeleteObjectVersion"},
        ),
        (
            "video-worker-task-policy",
            f"{CONTENT}/analyses/*",
            {"s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"},
        ),
        ("video-worker-task-policy", f"{CONTENT}/uploads/audio/*", set[str]()),
        ("search-indexer-task-policy", queue_arn("search-indexer"), CONSUME),
        ("agent-core-task-policy", EVENTS, {"dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Query"}),
        (
            "agent-core-task-policy",
            f"{CONTENT}/sessions/*",
            {
                "s3:GetObject",
                "s3:GetObjectVersion",
                "s3:PutObject",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
            },
        ),
        ("agent-core-task-policy", f"{CONTENT}/transcripts/*", set[str]()),
        ("agent-core-task-policy", VECTORS, set[str]()),
        ("agent-core-task-policy", READ_MODEL, set[str]()),
        ("agent-core-task-policy", PASSWORD, set[str]()),
        ("agent-core-execution-policy", PASSWORD, {"secretsmanager:GetSecretValue"}),
        ("nova-pipe-policy", EVENTS, set[str]()),
        (
            "nova-pipe-policy",
            f"{EVENTS}/stream/2026-01-01T00:00:00.000",
            {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
        ),
    ],
)
def test_a_role_may_do_what_its_work_needs(
    production: Deployment, policy: str, resource: str, actions: set[str]
) -> None:
    assert actions_on(production, policy, resource) == actions


@pytest.mark.parametrize("workload", ["agent-core", "audio", "projector", "search", "video"])
def test_erasures_take_keys_away_and_open_none(production: Deployment, workload: str) -> None:
    policy = f"{workload}-erase-task-policy"
    assert actions_on(production, policy, DATA_KEYS) == {"dynamodb:GetItem", "dynamodb:UpdateItem"}
    assert actions_on(production, policy, f"{EVENTS}/index/gsi1") == {"dynamodb:Query"}
    assert "dynamodb:Scan" not in actions_on(production, policy, EVENTS)
    conditions = [found.conditions for found in granted(production, policy)]
    assert not any("kms:EncryptionContext:table" in str(found) for found in conditions)


def test_live_voice_invokes_the_one_model_that_it_talks_with(deployment: Deployment) -> None:
    sonic = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-2-sonic-v1:0"
    assert model_rights(deployment, "audio-live-task-policy") == [({"bedrock:InvokeModel"}, {sonic}, {})]


def test_who_hears_recordings_may_do_what_its_engine_needs() -> None:
    policy, sonic = "audio-worker-task-policy", "foundation-model/amazon.nova-2-sonic-v1:0"
    for engine, is_sonic in (("transcribe", False), ("sonic", True)):
        found = deployed("prod", overrides={"transcriptionEngine": engine})
        actions = {action for statement in granted(found, policy) for action in statement.actions}
        models = {model for _, resources, _ in model_rights(found, policy) for model in resources}
        assert any(model.endswith(sonic) for model in models) is is_sonic
        assert ("transcribe:StartTranscriptionJob" in actions) is not is_sonic
        written = "s3:PutObject" in actions_on(found, policy, f"{CONTENT}/transcribe/*")
        assert written is not is_sonic
        # Jobs that were started before the setting changed are followed to their end.
        assert "transcribe:GetTranscriptionJob" in actions
        task = found.one("aws:ecs/taskDefinition:TaskDefinition", "audio-worker-task")
        given = task.inputs["containerDefinitions"]
        assert ("SONIC_MODEL" in given, "SONIC_REGION" in given) == (is_sonic, is_sonic)


def test_only_the_stacks_own_transcriptions_are_read(production: Deployment) -> None:
    (statement,) = [
        found for found in granted(production) if "transcribe:GetTranscriptionJob" in found.actions
    ]
    assert statement.role == "audio-worker-task-policy"
    (resource,) = statement.resources
    assert re.fullmatch(
        rf"arn:aws:transcribe:us-east-1:{ACCOUNT_ID}:transcription-job/nova-prod-[0-9a-f]{{8}}-\*", resource
    )


def model_rights(deployment: Deployment, policy: str) -> list[tuple[set[str], set[str], dict[str, Any]]]:
    """Actions, resources and conditions by which a role invokes models."""
    return [
        (set(found.actions), set(found.resources), found.conditions)
        for found in granted(deployment, policy)
        if any(action.startswith("bedrock:Invoke") for action in found.actions)
    ]


def test_without_profiles_each_role_invokes_its_own_model() -> None:
    deployment = deployed("local")
    embeds = {"bedrock:InvokeModel"}, {f"arn:aws:bedrock:us-east-1::foundation-model/{EMBEDDING}"}
    for policy in ("search-task-policy", "search-indexer-task-policy"):
        assert model_rights(deployment, policy) == [(*embeds, {})]
    both = {"bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"}
    model = "anthropic.claude-sonnet-4-6"
    profile = f"arn:aws:bedrock:us-east-1:{ACCOUNT_ID}:inference-profile/global.{model}"
    through = {"bedrock:InferenceProfileArn": profile}
    coordinators = ["agent-core-runtime-role-policy", "agent-core-task-policy"]
    for policy in coordinators:
        assert model_rights(deployment, policy) == [
            (*embeds, {}),
            (both, {profile}, {}),
            (both, {f"arn:aws:bedrock:us-east-1::foundation-model/{model}"}, {"StringEquals": through}),
            (
                both,
                {f"arn:aws:bedrock:::foundation-model/{model}"},
                {"StringEquals": {**through, "aws:RequestedRegion": "unspecified"}},
            ),
        ]


def test_nobody_else_invokes_models(deployment: Deployment) -> None:
    callers = {found.role for found in granted(deployment) if found.actions[0].startswith("bedrock:")}
    assert callers == {
        "agent-core-runtime-role-policy",
        "agent-core-task-policy",
        "audio-live-task-policy",
        "audio-worker-task-policy",
        "search-indexer-task-policy",
        "search-reindex-task-policy",
        "search-task-policy",
        "video-worker-task-policy",
    }


def test_each_user_of_the_cache_reads_its_own_password(deployment: Deployment) -> None:
    readers = [
        (found.role, found.resources)
        for found in granted(deployment)
        if any(action.startswith("secretsmanager:") for action in found.actions)
        if found.role != "mcp-server-function-policy"  # the wallet's, see test_paying
    ]
    assert sorted(readers) == [
        ("agent-core-erase-execution-policy", (PASSWORD,)),
        ("agent-core-execution-policy", (PASSWORD,)),
        ("agent-core-runtime-role-policy", (PASSWORD,)),
        ("frontend-execution-policy", (SITE_PASSWORD,)),
    ]


def test_keys_are_used_through_one_service_only(deployment: Deployment) -> None:
    for statement in granted(deployment):
        if any(action.startswith("kms:") for action in statement.actions):
            if statement.role in PIPES and statement.sid in {"SeeOwnKey", "UseOwnKey"}:
                # What EventBridge encrypts of a pipe itself; its test looks closer.
                continue
            if statement.role == BACKUPS and "kms:CreateGrant" in statement.actions:
                assert statement.conditions == {"Bool": {"kms:GrantIsForAWSResource": "true"}}
                continue
            if statement.actions == ("kms:DescribeKey",):
                continue
            if statement.sid == "DecryptGuardrail":
                # Bedrock reads its rules on the caller's behalf; the key encrypts nothing else.
                assert statement.resources == (resource_arn("kms", "key/nova-keys-guardrails"),)
                continue
            if statement.sid in {"MakeDataKeys", "UnwrapDataKeys"}:
                # The one key that services call KMS for themselves, and for one table's items only.
                assert statement.resources == (resource_arn("kms", "key/nova-keys-personal"),)
                table = {"kms:EncryptionContext:table": "nova-data-keys-table-0000000"}
                assert statement.conditions == {"StringEquals": table}
                continue
            assert list(statement.conditions["StringEquals"]) == ["kms:ViaService"], statement
            assert all(":key/" in resource for resource in statement.resources)


def test_a_role_reads_what_it_is_granted(deployment: Deployment) -> None:
    """Whoever reads something encrypted may use its key too."""
    keys = {
        "dynamodb": "tables",
        "s3": "content",
        "s3vectors": "vectors",
        "secretsmanager": "secrets",
        "sqs": "messages",
    }
    for policy in deployment.of_type("aws:iam/rolePolicy:RolePolicy"):
        document = list(granted(deployment, policy.name))
        usable = {
            resource.rpartition("-")[2]
            for statement in document
            if "kms:Decrypt" in statement.actions
            for resource in statement.resources
        }
        for statement in document:
            for action in statement.actions:
                service = action.split(":")[0]
                if service in keys and action not in UNENCRYPTED:
                    assert usable & {keys[service], "data"}, f"{policy.name} lacks the key of {action}"


def test_trust_names_one_service_and_this_account(deployment: Deployment) -> None:
    roles = deployment.of_type("aws:iam/role:Role")
    assert len(roles) >= 17
    for role in roles:
        (statement,) = statements(role.inputs["assumeRolePolicy"])
        assert list(statement["Principal"]) == ["Service"]
        if statement["Principal"]["Service"] == "lambda.amazonaws.com":
            continue  # it does not say for which function it takes a role (components/compute/function.py)
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}


def test_no_role_is_shared(deployment: Deployment) -> None:
    used = [
        role
        for task in deployment.of_type("aws:ecs/taskDefinition:TaskDefinition")
        for role in (task.inputs["taskRoleArn"], task.inputs["executionRoleArn"])
    ]
    assert len(used) == len(set(used)) > 10


def test_a_service_waits_for_its_policies(deployment: Deployment) -> None:
    for service in deployment.of_type("aws:ecs/service:Service"):
        policies = {urn.rpartition("::")[2] for urn in service.depends_on if ":RolePolicy::" in urn}
        assert policies >= {
            f"{service.name.removesuffix('-service')}-{kind}-policy" for kind in ("task", "execution")
        }


def test_the_registry_password_is_secret(deployment: Deployment) -> None:
    for image in deployment.of_type("docker:index/image:Image"):
        assert is_rpc_secret(image.inputs["registry"])


def test_every_service_may_send_its_spans_and_no_job_does(deployment: Deployment) -> None:
    sending = {statement.role for statement in granted(deployment) if "xray:PutSpans" in statement.actions}
    services = deployment.of_type("aws:ecs/service:Service")
    tasks = {f"{service.name.removesuffix('-service')}-task-policy" for service in services}
    assert tasks <= sending
    assert sending - tasks == {
        resource.name
        for resource in deployment.of_type("aws:iam/rolePolicy:RolePolicy")
        if resource.name.startswith("agent-core-runtime")
    }
