"""Outputs of what the local cloud only records, where the program reads more of them than name and ARN."""

from collections.abc import Callable, Mapping

from .model import Properties


def recorded_outputs(kind: str, inputs: Properties, arn: str) -> Properties:
    """Return what AWS would compute for a resource of type ``kind``, in the form that AWS gives it."""
    make = _MAKERS.get(kind)
    return make(inputs, arn) if make else {}


def _agent_runtime(inputs: Properties, arn: str) -> Properties:
    identity = f"{inputs['agentRuntimeName']}-recorded00"
    return {
        "agentRuntimeId": identity,
        "agentRuntimeArn": _agentcore_arn(arn, f"runtime/{identity}"),
        "agentRuntimeVersion": "1",
    }


def _agent_endpoint(inputs: Properties, arn: str) -> Properties:
    path = f"runtime/{inputs['agentRuntimeId']}/runtime-endpoint/{inputs['name']}"
    return {"agentRuntimeEndpointArn": _agentcore_arn(arn, path)}


def _agentcore_arn(arn: str, path: str) -> str:
    # Terraform's name for the service is not the one in its ARNs.
    partition, region, account = arn.split(":")[1], *arn.split(":")[3:5]
    return f"arn:{partition}:bedrock-agentcore:{region}:{account}:{path}"


_MAKERS: Mapping[str, Callable[[Properties, str], Properties]] = {
    "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime": _agent_runtime,
    "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint": _agent_endpoint,
}
