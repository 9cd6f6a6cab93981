"""What must not be done to images."""

from tests.policy.mutation import Mutation, altered, removed

REPOSITORY = ("aws:ecr/repository:Repository", "audio-repository")
LIFECYCLE = ("aws:ecr/lifecyclePolicy:LifecyclePolicy", "audio-repository")
FUNCTION = ("aws:lambda/function:Function", "mcp-server-function")
RUNTIME = ("aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime", "agent-core-runtime-runtime")
ENCRYPTION = (*REPOSITORY, "encryptionConfigurations", 0)

MUTATIONS = (
    altered(
        "lambda-function-image", "it runs the latest image",
        (*FUNCTION, "imageUri"), "shop.example/mcp:latest",
    ),
    altered(
        "bedrockagentcore-runtime-image", "it runs a tag",
        (*RUNTIME, "agentRuntimeArtifact", "containerConfiguration", "containerUri"), "shop.example/agent:3",
    ),
    altered("ecr-repository-immutable", "tags can be moved", (*REPOSITORY, "imageTagMutability"), "MUTABLE"),
    altered("ecr-repository-key", "AWS's own key encrypts", (*ENCRYPTION, "encryptionType"), "AES256"),
    altered("ecr-repository-key", "the account's default key encrypts", (*ENCRYPTION, "kmsKey"), None),
    altered("ecr-repository-scan", "nothing is scanned", (*REPOSITORY, "imageScanningConfiguration"), None),
    Mutation(
        rule="ecr-repository-lifecycle", what="every image is kept",
        change=removed(*LIFECYCLE), at=REPOSITORY, unknown=(*LIFECYCLE, "policy"),
    ),
)  # fmt: skip
