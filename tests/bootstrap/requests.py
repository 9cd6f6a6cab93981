"""Which AWS requests the resources end up in that the account stack alone has."""

from collections.abc import Mapping

from evaluation.answers import ACCOUNT_ID, Properties
from tests.infra.requests import MAPPED, Mapped, Sent


def _public_access_block(inputs: Properties) -> Properties:
    return {"accountId": inputs.pop("accountId", ACCOUNT_ID), "publicAccessBlockConfiguration": inputs}


def _account(inputs: Properties) -> Properties:
    return {
        "patchOperations": [
            {"op": "replace", "path": f"/{key}", "value": value} for key, value in inputs.items()
        ]
    }


def _model_logging(inputs: Properties) -> Properties:
    config = dict(inputs["loggingConfig"])
    if "cloudwatchConfig" in config:
        config["cloudWatchConfig"] = config.pop("cloudwatchConfig")
    return {"loggingConfig": config}


def _repository(inputs: Properties) -> Properties:
    (encryption,) = inputs.pop("encryptionConfigurations")
    return {**inputs, "encryptionConfiguration": encryption}


def _one(service: str, shape: str, **rename: str) -> Mapped:
    return Mapped(
        sent=(Sent(service=service, shape=shape, rename=rename),), named="name" if "name" in rename else None
    )


ACCOUNT_MAPPED: Mapping[str, Mapped] = {
    **MAPPED,
    "aws:apigateway/account:Account": Mapped(
        sent=(Sent(service="apigateway", shape="UpdateAccount", reshape=_account),)
    ),
    "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration": Mapped(
        sent=(
            Sent(service="bedrock", shape="PutModelInvocationLoggingConfiguration", reshape=_model_logging),
        )
    ),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": _one("logs", "PutResourcePolicy"),
    "aws:costexplorer/costAllocationTag:CostAllocationTag": Mapped(
        sent=(
            Sent(
                service="ce",
                shape="UpdateCostAllocationTagsStatus",
                reshape=lambda inputs: {"costAllocationTagsStatus": [inputs]},
            ),
        )
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _one(
        "ecr", "PutLifecyclePolicy", repository="repositoryName", policy="lifecyclePolicyText"
    ),
    "aws:ecr/repository:Repository": Mapped(
        sent=(
            Sent(
                service="ecr",
                shape="CreateRepository",
                rename={"name": "repositoryName"},
                reshape=_repository,
            ),
        ),
        unsent={"forceDelete": "what the provider does before it deletes the repository"},
    ),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": _one(
        "ecr", "PutRegistryScanningConfiguration"
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": _one(
        "iam", "CreateOpenIDConnectProvider", clientIdLists="clientIDList"
    ),
    "aws:iam/policy:Policy": _one("iam", "CreatePolicy", name="policyName", policy="policyDocument"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": _one("iam", "AttachRolePolicy", role="roleName"),
    "aws:kms/alias:Alias": _one("kms", "CreateAlias", name="aliasName"),
    "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock": Mapped(
        sent=(Sent(service="s3control", shape="PutPublicAccessBlock", reshape=_public_access_block),)
    ),
    "aws:ssm/parameter:Parameter": _one("ssm", "PutParameter", insecureValue="value"),
    "aws:xray/indexingRule:IndexingRule": _one("xray", "UpdateIndexingRule", name="name"),
    "aws:xray/resourcePolicy:ResourcePolicy": _one("xray", "PutResourcePolicy"),
    "aws:xray/traceSegmentDestination:TraceSegmentDestination": _one("xray", "UpdateTraceSegmentDestination"),
}
"""The platform's mappings, and those of what an account has once."""
