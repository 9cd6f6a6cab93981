"""What the independent scanner makes of a plan: it sees every kind of resource, and finds what is wrong.

`make scan` runs these; they need checkov, which is installed into the home of the platform.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cli.home import find_home
from cli.scanner import prepare, scan
from evaluation.recorder import Recorded
from evaluation.secrecy import plain
from evaluation.terraform.naming import terraform_type
from evaluation.terraform.plan import plan
from tests.infra.deployment import Deployment, deployed

pytestmark = [pytest.mark.scanner, pytest.mark.timeout(600)]

type Inputs = dict[str, Any]
type Change = Callable[[Inputs], Inputs]

NEVER_ON_PLANS = {"CKV_AWS_217", "CKV_AWS_233", "CKV_AWS_237"}
"""Checks of a resource's lifecycle, which checkov leaves out for plans."""
CHECKS_BY_TYPE = """
import json, sys
import checkov.terraform.runner
from checkov.terraform.checks.resource.registry import resource_registry
found = {kind: [check.id for check in checks] for kind, checks in resource_registry.checks.items()}
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is done to a resource of the stack, and the check that has to find it."""

    kind: str
    name: str
    change: Change | None
    """What its inputs become; None takes the resource away."""
    check: str
    address: str = ""
    """Who fails the check, where that is another resource."""


def given(**inputs: Any) -> Change:  # noqa: ANN401 (an input has any type)
    return lambda old: {**old, **inputs}


def inside(block: str, **members: Any) -> Change:  # noqa: ANN401 (an input has any type)
    return lambda old: {**old, block: {**old[block], **members}}


def without(*names: str) -> Change:
    return lambda old: {key: value for key, value in old.items() if key not in names}


def open_to_all(old: Inputs) -> Inputs:
    rest = without("referencedSecurityGroupId", "prefixListId")(old)
    return {**rest, "cidrIpv4": "0.0.0.0/0", "fromPort": 22, "toPort": 22}


def everything_allowed(old: Inputs) -> Inputs:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    return {**old, "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def anybody_assumes(old: Inputs) -> Inputs:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
    return {**old, "assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def anybody_calls(old: Inputs) -> Inputs:
    statement = {"Effect": "Allow", "Action": "sqs:*", "Principal": "*", "Resource": "*"}
    return {**old, "policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def privileged(old: Inputs) -> Inputs:
    containers = json.loads(old["containerDefinitions"])
    text = json.dumps([{**one, "privileged": True, "readonlyRootFilesystem": False} for one in containers])
    return {**old, "containerDefinitions": text}


MUTATIONS = [
    Mutation("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "nova-content-public-access-block",
             given(blockPublicAcls=False), "CKV_AWS_53"),
    Mutation("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "nova-access-logs-public-access-block",
             None, "CKV2_AWS_6", "aws_s3_bucket.nova-access-logs-bucket"),
    Mutation("aws:s3/bucketVersioning:BucketVersioning", "nova-content-versioning", None, "CKV_AWS_21",
             "aws_s3_bucket.nova-content-bucket"),
    Mutation("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
             "nova-content-encryption", None, "CKV_AWS_145", "aws_s3_bucket.nova-content-bucket"),
    Mutation("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "nova-content-lifecycle",
             None, "CKV2_AWS_61", "aws_s3_bucket.nova-content-bucket"),
    Mutation("aws:dynamodb/table:Table", "nova-events-table", without("pointInTimeRecovery"), "CKV_AWS_28"),
    Mutation("aws:kms/key:Key", "nova-keys-logs", given(enableKeyRotation=False), "CKV_AWS_7"),
    Mutation("aws:sns/topic:Topic", "nova-alerts-topic", without("kmsMasterKeyId"), "CKV_AWS_26"),
    Mutation("aws:sqs/queue:Queue", "video-worker-queue", without("kmsMasterKeyId"), "CKV_AWS_27"),
    Mutation("aws:sqs/queuePolicy:QueuePolicy", "video-worker-policy", anybody_calls, "CKV_AWS_168"),
    Mutation("aws:cloudwatch/logGroup:LogGroup", "nova-vpc-flow-logs", without("kmsKeyId"), "CKV_AWS_158"),
    Mutation("aws:iam/rolePolicy:RolePolicy", "audio-task-policy", everything_allowed, "CKV_AWS_62"),
    Mutation("aws:iam/role:Role", "audio-task-role", anybody_assumes, "CKV_AWS_60"),
    Mutation("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "", open_to_all, "CKV_AWS_24"),
    Mutation("aws:ec2/flowLog:FlowLog", "", None, "CKV2_AWS_11", "aws_vpc.nova-vpc-network"),
    Mutation("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "", None, "CKV2_AWS_12",
             "aws_vpc.nova-vpc-network"),
    Mutation("aws:ecs/taskDefinition:TaskDefinition", "audio-task", privileged, "CKV_AWS_336"),
    Mutation("aws:ecs/cluster:Cluster", "",
             given(settings=[{"name": "containerInsights", "value": "disabled"}]), "CKV_AWS_65"),
    Mutation("aws:ecs/service:Service", "audio-service",
             inside("networkConfiguration", assignPublicIp=True),
             "CKV_AWS_333"),
    Mutation("aws:elasticache/replicationGroup:ReplicationGroup", "", given(transitEncryptionEnabled=False),
             "CKV_AWS_30"),
    Mutation("aws:lb/loadBalancer:LoadBalancer", "", given(dropInvalidHeaderFields=False), "CKV_AWS_131"),
    Mutation("aws:lb/listener:Listener", "nova-balancer-api-listener", given(protocol="HTTP", sslPolicy=None),
             "CKV_AWS_2"),
    Mutation("aws:cloudfront/distribution:Distribution", "",
             inside("viewerCertificate", minimumProtocolVersion="TLSv1"),
             "CKV_AWS_174"),
    Mutation("aws:apigateway/stage:Stage", "", given(xrayTracingEnabled=False), "CKV_AWS_73"),
    Mutation("aws:apigateway/method:Method", "nova-api-audio-get-method",
             given(authorization="NONE", authorizerId=None), "CKV_AWS_59"),
    Mutation("aws:wafv2/webAclAssociation:WebAclAssociation", "", None, "CKV2_AWS_29",
             "aws_api_gateway_stage.nova-api-stage"),
    Mutation("aws:lambda/function:Function", "", without("tracingConfig"), "CKV_AWS_50"),
    Mutation("aws:lambda/functionUrl:FunctionUrl", "", given(authorizationType="NONE"), "CKV_AWS_258"),
    Mutation("aws:secretsmanager/secret:Secret", "nova-cache-frontend-password-secret", without("kmsKeyId"),
             "CKV_AWS_149"),
    Mutation("aws:backup/vault:Vault", "", without("kmsKeyArn"), "CKV_AWS_166"),
    Mutation("awsx:ecr:Repository", "audio-repository", given(imageTagMutability="MUTABLE"), "CKV_AWS_51",
             "aws_ecr_repository.audio-repository"),
]  # fmt: skip


@cache
def interpreter() -> Path:
    return prepare(find_home())


@cache
def reported(mutated: bool) -> Mapping[str, Any]:
    """What is said of prod, as it is or with all mutations at once."""
    deployment = deployed("prod")
    if mutated:
        for mutation in MUTATIONS:
            deployment = changed(deployment, mutation)
    return scan(interpreter(), plan(deployment))


def failed(mutated: bool) -> set[tuple[str, str]]:
    return {(one["check_id"], one["resource"]) for one in reported(mutated)["results"]["failed_checks"]}


def meant(deployment: Deployment, mutation: Mutation) -> Recorded:
    found = [one for one in deployment.of_type(mutation.kind) if mutation.name in {"", one.name}]
    if not found:
        names = ", ".join(one.name for one in deployment.of_type(mutation.kind))
        raise LookupError(f"{mutation.kind} {mutation.name}: there are {names}")
    return found[0]


def changed(deployment: Deployment, mutation: Mutation) -> Deployment:
    resource = meant(deployment, mutation)
    others = {urn: one for urn, one in deployment.resources.items() if urn != resource.urn}
    if mutation.change is None:
        return replace(deployment, resources=others)
    inputs = mutation.change(plain(resource.inputs))
    references = {key: urns for key, urns in resource.references.items() if inputs.get(key) is not None}
    altered = replace(resource, inputs=inputs, references=references)
    return replace(deployment, resources={**others, resource.urn: altered})


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: f"{one.check} {one.kind.rpartition(':')[2]}")
def test_what_is_wrong_is_found(mutation: Mutation) -> None:
    resource = meant(deployed("prod"), mutation)
    address = mutation.address or f"{terraform_type(mutation.kind)}.{resource.name}"
    assert (mutation.check, address) in failed(True)
    assert (mutation.check, address) not in failed(False)


def test_every_kind_that_the_scanner_knows_is_seen() -> None:
    finished = subprocess.run(
        [str(interpreter()), "-c", CHECKS_BY_TYPE], capture_output=True, text=True, check=True, cwd="/"
    )
    checks: dict[str, list[str]] = json.loads(finished.stdout)
    results = reported(False)["results"]
    seen = {one["resource"].partition(".")[0] for found in results.values() for one in found}
    kinds = {one["type"] for one in plan(deployed("prod"))["resource_changes"]}
    expected = {kind for kind in kinds if set(checks.get(kind, ())) - NEVER_ON_PLANS}
    assert len(expected) > 30
    assert expected - seen == set()
    passed = {one["resource"].partition(".")[0] for one in results["passed_checks"]}
    # Each has one check, of which policy/severities.toml says why nothing passes it.
    assert seen - passed == {"aws_cloudfront_response_headers_policy", "aws_eip"}
