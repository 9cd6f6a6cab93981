"""Which rights calls to Bedrock's runtime and to S3 Vectors take.

Sources: service authorization reference of Amazon Bedrock and of Amazon S3 Vectors; Bedrock user guide,
"Prerequisites for inference profiles" and "Global cross-Region inference"; S3 user guide, "Identity and
access management in S3 Vectors" (QueryVectors and ListVectors that return more than keys also take
GetVectors).
"""

import re

from local_cloud.documents import part
from local_cloud.gateway.iam.requests import Call, Need, NotMappedError

MODEL_ACTIONS = {
    "Converse": "InvokeModel",
    "InvokeModel": "InvokeModel",
    "ConverseStream": "InvokeModelWithResponseStream",
    "InvokeModelWithResponseStream": "InvokeModelWithResponseStream",
    "InvokeModelWithBidirectionalStream": "InvokeModel",
    "CountTokens": "CountTokens",
}
GEOGRAPHIC_PROFILE = re.compile(r"(?:us-gov|us|eu|apac|jp|au|ca|global)\.(?P<model>[\w-]+\..+)")
FOUNDATION_MODEL = re.compile(r"[\w-]+\.[\w.:-]+")
PROFILE_ARN = re.compile(r"arn:aws:bedrock:[\w-]+:\d{12}:inference-profile/(?P<profile>.+)")
OTHER_MODEL_ARN = re.compile(
    r"arn:aws:bedrock:[\w-]*:\d{0,12}:(?:foundation-model|provisioned-model|custom-model-deployment|"
    r"imported-model|default-prompt-router|prompt-router)/.+"
)
BUCKET_OPERATIONS = frozenset((
    "CreateVectorBucket", "DeleteVectorBucket", "GetVectorBucket", "PutVectorBucketPolicy",
    "GetVectorBucketPolicy", "DeleteVectorBucketPolicy", "ListIndexes",
))  # fmt: skip
INDEX_OPERATIONS = frozenset((
    "CreateIndex", "DeleteIndex", "GetIndex", "PutVectors", "GetVectors", "DeleteVectors", "ListVectors",
    "QueryVectors",
))  # fmt: skip
TAG_OPERATIONS = frozenset(("TagResource", "UntagResource", "ListTagsForResource"))
VECTOR_ARN = re.compile(r"arn:aws:s3vectors:[\w-]+:\d{12}:bucket/[^/]+(?:/index/[^/]+)?")


def model_needs(call: Call) -> list[Need]:
    """Return the rights of a call to a model: the model's, and an inference profile's beside it."""
    if call.operation == "ApplyGuardrail":
        return [_guardrail(call, call.text("guardrailIdentifier"))]
    if call.operation not in MODEL_ACTIONS:
        raise NotMappedError("the operation is not known")
    action = f"bedrock:{MODEL_ACTIONS[call.operation]}"
    model = call.text("modelId")
    by_arn = PROFILE_ARN.fullmatch(model)
    profile = by_arn["profile"] if by_arn else model
    geographic = GEOGRAPHIC_PROFILE.fullmatch(profile)
    if geographic:
        arn = model if by_arn else call.arn("bedrock", f"inference-profile/{model}")
        found = _profile_needs(call, action, arn, geographic["model"], profile.startswith("global."))
    elif OTHER_MODEL_ARN.fullmatch(model):
        found = [Need(action, model)]
    elif FOUNDATION_MODEL.fullmatch(model):
        found = [Need(action, f"arn:aws:bedrock:{call.region}::foundation-model/{model}")]
    else:
        raise NotMappedError(f"the model {model!r} is not known")
    named = call.headers.get("x-amzn-bedrock-guardrailidentifier", "")
    guardrail = part(call.fields, "guardrailConfig").get("guardrailIdentifier") or named
    return [*found, _guardrail(call, str(guardrail))] if guardrail else found


def _profile_needs(call: Call, action: str, profile: str, model: str, everywhere: bool) -> list[Need]:
    keys: dict[str, str | list[str]] = {"bedrock:inferenceprofilearn": profile}
    found = [
        Need(action, profile),
        Need(action, f"arn:aws:bedrock:{call.region}::foundation-model/{model}", keys),
    ]
    if everywhere:
        unspecified: dict[str, str | list[str]] = {"aws:requestedregion": "unspecified"}
        found.append(Need(action, f"arn:aws:bedrock:::foundation-model/{model}", keys | unspecified))
    return found


def _guardrail(call: Call, identifier: str) -> Need:
    arn = identifier if identifier.startswith("arn:") else call.arn("bedrock", f"guardrail/{identifier}")
    return Need("bedrock:ApplyGuardrail", arn)


def vector_needs(call: Call) -> list[Need]:
    """Return the rights of a call to S3 Vectors; buckets and indexes are named by name or ARN."""
    action = f"s3vectors:{call.operation}"
    if call.operation == "ListVectorBuckets":
        return [Need(action, "*")]
    bucket = call.text("vectorBucketArn") or (
        call.arn("s3vectors", f"bucket/{call.text('vectorBucketName')}")
        if call.text("vectorBucketName")
        else ""
    )
    if call.operation in BUCKET_OPERATIONS:
        resource = bucket
    elif call.operation in INDEX_OPERATIONS:
        name = call.text("indexName")
        resource = call.text("indexArn") or (f"{bucket}/index/{name}" if bucket and name else "")
    elif call.operation in TAG_OPERATIONS:
        resource = call.text("resourceArn")
    else:
        raise NotMappedError("the operation is not known")
    if not VECTOR_ARN.fullmatch(resource):
        raise NotMappedError("the request names no vector bucket or index")
    found = [Need(action, resource)]
    returns_more = any(call.fields.get(member) for member in ("filter", "returnMetadata", "returnData"))
    if call.operation in ("QueryVectors", "ListVectors") and returns_more:
        found.append(Need("s3vectors:GetVectors", resource))
    return found
