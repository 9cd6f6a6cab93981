"""Trust policies: which service, role or user may assume a role, and under which conditions."""

from local_cloud.documents import Document
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam import decisions as iam_decisions
from local_cloud.gateway.iam import policies as iam_policies
from local_cloud.gateway.iam.policies import Question
from local_cloud.gateway.iam.requests import Keys

SOURCES = {
    "bedrock-agentcore.amazonaws.com": "arn:aws:bedrock-agentcore:{region}:{account}:runtime/{name}",
    "ecs-tasks.amazonaws.com": "arn:aws:ecs:{region}:{account}:task/{name}",
    "pipes.amazonaws.com": "arn:aws:pipes:{region}:{account}:pipe/{name}",
    "transcribe.amazonaws.com": "arn:aws:transcribe:{region}:{account}:transcription-job/{name}",
}
"""Resource on whose behalf a service assumes a role (aws:SourceArn): the session is named after it."""


def service_may_assume(role: Document, service: str, session_name: str, region: str) -> bool:
    """Whether a role's trust policy lets a service assume it for one of the account's resources.

    The service says for whom it acts (IAM user guide, "The confused deputy problem").
    """
    keys: Keys = {"aws:sourceaccount": ACCOUNT}
    if service in SOURCES:
        keys["aws:sourcearn"] = SOURCES[service].format(region=region, account=ACCOUNT, name=session_name)
    return iam_decisions.service_may(
        service, "sts:AssumeRole", role["Arn"], role["AssumeRolePolicyDocument"], keys, region
    )


def caller_may_assume(document: str | Document, question: Question) -> bool:
    """Whether a trust policy admits a caller, whose own policies were asked before."""
    verdict = iam_policies.ask_resource(iam_policies.parse(document), question)
    return not verdict.denied and bool(verdict.allowed_as)
