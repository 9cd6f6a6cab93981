"""Rules about models and agents: Bedrock and AgentCore."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from nova_policy.graph import Resource
from nova_policy.rule import Options, Severity, resource_rule
from nova_policy.secret_shapes import looks_secret
from nova_policy.values import UNKNOWN, at, each, is_set, may_be

RUNTIME = "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime"
ENDPOINT = "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint"
PROFILE = "aws:bedrock/inferenceProfile:InferenceProfile"
GUARDRAIL = "aws:bedrock/guardrail:Guardrail"
LOGGING = "aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration"


@resource_rule(
    "bedrockagentcore-runtime-network",
    severity=Severity.HIGH,
    types=(RUNTIME,),
    controls=(64,),
    references=("BedrockAgentCore.1",),
    description="An agent runs inside of a VPC.",
    remediation="Set networkConfiguration.networkMode to VPC, with subnets and security groups.",
)
def network(runtime: Resource, _options: Options) -> Iterable[str]:
    """Refuse the open network: what a model makes an agent do reaches everywhere from there."""
    if not may_be(runtime.at("networkConfiguration", "networkMode"), "VPC"):
        yield "it runs outside of a VPC"


@resource_rule(
    "bedrockagentcore-runtime-authorizer",
    severity=Severity.HIGH,
    types=(RUNTIME,),
    controls=(64,),
    description="An agent that takes tokens says for whom they have to be.",
    remediation="Set allowedClients or allowedAudiences of customJwtAuthorizer.",
)
def authorizer(runtime: Resource, _options: Options) -> Iterable[str]:
    """Leave out agents without an authorizer: AWS asks their callers for signatures."""
    for configuration in each(runtime.at("authorizerConfiguration")):
        token = at(configuration, "customJwtAuthorizer")
        narrowed = ("allowedClients", "allowedAudiences", "allowedAudience")
        if is_set(token) and not any(is_set(at(token, key)) for key in narrowed):
            yield "any token of the issuer is taken"


@resource_rule(
    "bedrockagentcore-runtime-secrets",
    severity=Severity.HIGH,
    types=(RUNTIME,),
    controls=(64,),
    description="No secret stands in the environment of an agent.",
    remediation="Hand over the ARN of a secret, and let the agent read it.",
)
def secrets(runtime: Resource, _options: Options) -> Iterable[str]:
    """Look at names and forms: whoever may describe the runtime reads its environment."""
    variables = runtime.at("environmentVariables")
    if isinstance(variables, dict):
        for name in sorted(str(key) for key in variables):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            if looks_secret(name, at(variables, name)):
                yield f"the variable {name} holds a secret"


@resource_rule(
    "bedrockagentcore-endpoint-version",
    severity=Severity.MEDIUM,
    types=(ENDPOINT,),
    controls=(64,),
    description="An endpoint answers with a version that somebody chose.",
    remediation="Set agentRuntimeVersion.",
)
def endpoint_version(endpoint: Resource, _options: Options) -> Iterable[str]:
    """Refuse an endpoint that follows every update before anybody has tried it."""
    if not is_set(endpoint.at("agentRuntimeVersion")):
        yield "it follows whatever version is newest"


@resource_rule(
    "bedrock-inferenceprofile-models",
    severity=Severity.MEDIUM,
    types=(PROFILE,),
    controls=(65,),
    description="Models are those that have been looked at.",
    remediation="Choose another model, or add it to the option `models` once it has been looked at.",
    options={
        "models": {
            "type": "array",
            "items": {"type": "string"},
            "default": [
                "amazon.*",
                "*.amazon.*",
                "anthropic.*",
                "*.anthropic.*",
                "twelvelabs.*",
                "*.twelvelabs.*",
            ],
            "description": "Ids of models and of inference profiles that may be used, with * for any text",
        }
    },
)
def models(profile: Resource, options: Options) -> Iterable[str]:
    """Compare the last part of the ARN: the model's id, or the profile's."""
    source = profile.at("modelSource", "copyFrom")
    if isinstance(source, str):
        model = source.rpartition("/")[2]
        if not any(fnmatchcase(model, pattern) for pattern in options["models"]):
            yield "nobody has looked at its model"


@resource_rule(
    "bedrock-guardrail-prompt-attacks",
    severity=Severity.MEDIUM,
    types=(GUARDRAIL,),
    controls=(65,),
    description="A guardrail stops people from talking a model out of its instructions.",
    remediation="Add a filter of the type PROMPT_ATTACK to contentPolicyConfig, with a strength.",
)
def prompt_attacks(guardrail: Resource, _options: Options) -> Iterable[str]:
    """Refuse a filter without a strength, too: that is how it is switched off."""
    filters = guardrail.at("contentPolicyConfig", "filtersConfigs")
    if guardrail.at("contentPolicyConfig") is UNKNOWN or filters is UNKNOWN:
        return
    if not any(
        may_be(at(one, "type"), "PROMPT_ATTACK") and not may_be(at(one, "inputStrength"), "NONE", None)
        for one in each(filters)
    ):
        yield "nothing stops attacks by prompts"


@resource_rule(
    "bedrock-invocationlogging-destination",
    severity=Severity.MEDIUM,
    types=(LOGGING,),
    controls=(65,),
    description="A log of the calls of models is written somewhere.",
    remediation="Set cloudwatchConfig or s3Config of loggingConfig.",
)
def invocation_log(logging: Resource, _options: Options) -> Iterable[str]:
    """Judge the setting of a region where a program has it; others cannot tell whether some program does."""
    configuration = logging.at("loggingConfig")
    if configuration is not UNKNOWN and not any(
        is_set(at(configuration, key)) for key in ("cloudwatchConfig", "s3Config")
    ):
        yield "calls of models are logged nowhere"
