"""What must not be done to models and agents."""

from tests.policy.mutation import Mutation, added, altered

RUNTIME = ("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime", "agent-core-runtime-runtime")
ENDPOINT = (
    "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint",
    "agent-core-runtime-endpoint",
)
PROFILE = ("aws:bedrock/inferenceProfile:InferenceProfile", "agent-core-memory-model")
GUARDRAIL = ("aws:bedrock/guardrail:Guardrail", "another")
ISSUER = "https://login.example.com/.well-known/openid-configuration"
LOGGING = ("aws:bedrockmodel/invocationLoggingConfiguration:InvocationLoggingConfiguration", "calls")

MUTATIONS = (
    altered(
        "bedrockagentcore-runtime-network", "the open network",
        (*RUNTIME, "networkConfiguration", "networkMode"), "PUBLIC",
    ),
    altered(
        "bedrockagentcore-runtime-authorizer", "tokens for anybody", (*RUNTIME, "authorizerConfiguration"),
        {"customJwtAuthorizer": {"discoveryUrl": ISSUER}},
    ),
    altered(
        "bedrockagentcore-runtime-secrets", "a password in the environment",
        (*RUNTIME, "environmentVariables", "DATABASE_PASSWORD"), "hunter2",
    ),
    altered(
        "bedrockagentcore-endpoint-version", "the newest version", (*ENDPOINT, "agentRuntimeVersion"), None
    ),
    altered(
        "bedrock-inferenceprofile-models", "a model of somebody", (*PROFILE, "modelSource", "copyFrom"),
        "arn:aws:bedrock:us-east-1::foundation-model/somebody.model-v1:0",
    ),
    Mutation(
        rule="bedrock-guardrail-prompt-attacks", what="a filter without strength", at=GUARDRAIL,
        change=added(
            *GUARDRAIL,
            {"contentPolicyConfig": {"filtersConfigs": [{"type": "PROMPT_ATTACK", "inputStrength": "NONE"}]}},
        ),
        unknown=(*PROFILE, "modelSource"), needs=("contentPolicyConfig",),
    ),
    Mutation(
        rule="bedrock-invocationlogging-destination", what="calls are logged nowhere", at=LOGGING,
        change=added(*LOGGING, {"loggingConfig": {"textDataDeliveryEnabled": True}}),
        unknown=(*PROFILE, "modelSource"), needs=("loggingConfig",),
    ),
)  # fmt: skip
