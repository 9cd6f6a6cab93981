"""Amazon Bedrock AgentCore Runtime: runtimes and their endpoints."""

from ..model import Call, Kind, NameRule, Properties, Resource, Text, addressed

_SERVICE = "bedrock-agentcore-control"


def _runtime(resource: Resource) -> Properties:
    return {"agentRuntimeId": resource.id}


def _endpoint(resource: Resource) -> Properties:
    return {"endpointName": resource.physical}


RUNTIME = Kind(
    type="aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime",
    service=_SERVICE,
    name=NameRule(property="agentRuntimeName", length_max=48),
    taggable=True,
    # Its name is taken as long as it is there.
    delete_first=True,
    create_call=Call(operation="CreateAgentRuntime"),
    # Every update is a new version, which says all of it.
    update_call=Call(operation="UpdateAgentRuntime", extra=_runtime, by_id=True),
    updatable={
        "agentRuntimeArtifact", "authorizerConfiguration", "description", "environmentVariables",
        "filesystemConfigurations", "lifecycleConfigurations", "networkConfiguration", "platformVersion",
        "protocolConfiguration", "requestHeaderConfiguration", "roleArn",
    },
    find_call=addressed("GetAgentRuntime", agentRuntimeId="{id}"),
    delete_call=addressed("DeleteAgentRuntime", agentRuntimeId="{id}"),
    ignored={"timeouts"},
    id="agentRuntimeId",
    outputs={
        "agentRuntimeArn": "agentRuntimeArn",
        "agentRuntimeId": "agentRuntimeId",
        "agentRuntimeVersion": "agentRuntimeVersion",
    },
)  # fmt: skip

_ENDPOINT_KEYS = frozenset(("agentRuntimeId", "agentRuntimeVersion", "description"))
_OF_ENDPOINT = {"agentRuntimeId": "{agentRuntimeId}", "endpointName": "{name}"}

ENDPOINT = Kind(
    type="aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint",
    service=_SERVICE,
    name=NameRule(property="name", length_max=48),
    taggable=True,
    delete_first=True,
    create_call=Call(operation="CreateAgentRuntimeEndpoint"),
    update_call=Call(operation="UpdateAgentRuntimeEndpoint", keys=_ENDPOINT_KEYS, extra=_endpoint),
    updatable={"agentRuntimeVersion", "description"},
    find_call=addressed("GetAgentRuntimeEndpoint", **_OF_ENDPOINT),
    delete_call=addressed("DeleteAgentRuntimeEndpoint", **_OF_ENDPOINT),
    ignored={"timeouts"},
    id=Text("{agentRuntimeId},{name}"),
    outputs={"agentRuntimeEndpointArn": "agentRuntimeEndpointArn", "agentRuntimeArn": "agentRuntimeArn"},
)

KINDS = (RUNTIME, ENDPOINT)
