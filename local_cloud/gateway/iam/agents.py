"""Which rights calls to AgentCore Runtime take, and which runtime and endpoint a call means.

Sources: AgentCore developer guide, "Resource-based policies for AgentCore" (a call is authorized on the
runtime and on its endpoint) and "Invoke an AgentCore Runtime agent" (a user's id takes a right of its own).
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.iam.requests import Call, Need, NotMappedError

NAMESPACE = "bedrock-agentcore"
DEFAULT = "DEFAULT"
DATA_PATH = re.compile(r"/runtimes/(?P<agent>.+)/(?P<verb>invocations|ws|stopruntimesession)/?")
USER_HEADER = "x-amzn-bedrock-agentcore-runtime-user-id"
DATA_ACTIONS = {
    "invocations": "InvokeAgentRuntime",
    "ws": "InvokeAgentRuntimeWithWebSocketStream",
    "stopruntimesession": "StopRuntimeSession",
}
FOR_USER = frozenset(("InvokeAgentRuntime", "InvokeAgentRuntimeWithWebSocketStream"))
ALL_RUNTIMES = frozenset(("CreateAgentRuntime", "ListAgentRuntimes"))
OF_RUNTIME = frozenset((
    "GetAgentRuntime", "UpdateAgentRuntime", "DeleteAgentRuntime", "ListAgentRuntimeVersions",
    "CreateAgentRuntimeEndpoint", "ListAgentRuntimeEndpoints",
))  # fmt: skip
OF_ENDPOINT = frozenset((
    "GetAgentRuntimeEndpoint", "UpdateAgentRuntimeEndpoint", "DeleteAgentRuntimeEndpoint",
))  # fmt: skip
OF_ARN = frozenset(("TagResource", "UntagResource", "ListTagsForResource"))


def runtime_of(agent: str, region: str, account: str = "") -> str:
    """Return the ARN of a runtime that is named by it, or by its id and account."""
    if agent.startswith("arn:"):
        return agent
    return f"arn:aws:{NAMESPACE}:{region}:{account or ACCOUNT}:runtime/{agent}"


def endpoint_of(runtime: str, name: str) -> str:
    """Return the ARN of a runtime's endpoint."""
    return f"{runtime}/runtime-endpoint/{name or DEFAULT}"


def given(headers: Mapping[str, str], query: Mapping[str, list[str]], name: str) -> str:
    """Return a header that a presigned request carries in its query; "" for none."""
    found = [values[0] for key, values in query.items() if key.lower() == name and values]
    return headers.get(name) or (found[0] if found else "")


def needs(call: Call) -> list[Need]:
    """Return the rights of a call."""
    data = DATA_PATH.fullmatch(unquote(call.path))
    if data:
        return _data_needs(call, data["agent"], DATA_ACTIONS[data["verb"]])
    action, runtime = f"{NAMESPACE}:{call.operation}", call.text("agentRuntimeId")
    if call.operation in ALL_RUNTIMES:
        return [Need(action, "*" if call.operation.startswith("List") else call.arn(NAMESPACE, "runtime/*"))]
    if call.operation in OF_ARN and call.text("resourceArn"):
        return [Need(action, call.text("resourceArn"))]
    if not runtime or call.operation not in OF_RUNTIME | OF_ENDPOINT:
        raise NotMappedError("the operation is not known")
    found = [Need(action, runtime_of(runtime, call.region))]
    if call.operation in OF_ENDPOINT:
        found.append(Need(action, endpoint_of(found[0].resource, call.text("endpointName"))))
    return found


def _data_needs(call: Call, agent: str, action: str) -> list[Need]:
    account, qualifier = (call.query.get(name, [""])[0] for name in ("accountId", "qualifier"))
    runtime = runtime_of(agent, call.region, account)
    actions = [action]
    if action in FOR_USER and given(call.headers, call.query, USER_HEADER):
        actions.append(f"{action}ForUser")
    return [
        Need(f"{NAMESPACE}:{name}", resource)
        for name in actions
        for resource in (runtime, endpoint_of(runtime, qualifier))
    ]
