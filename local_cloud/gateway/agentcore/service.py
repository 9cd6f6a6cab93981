"""The handler of AgentCore in front of MiniStack's: what its control plane lacks, and who may call a session.

Corrects: MiniStack checks no request against its shape and no role, keeps neither `platformVersion` nor tags
nor the defaults of a lifecycle, leaves in a new version what an update no longer says, lets DEFAULT be
changed, and answers invocations itself, with an echo (services/bedrock_agentcore.py). Records stay
MiniStack's, so that versions and endpoints are where they were. A call of a session is checked here and
served by `door.py`.
"""

import copy
import json
from dataclasses import dataclass
from urllib.parse import unquote

from local_cloud.documents import Document, part
from local_cloud.gateway.iam import agents as iam_agents
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, Handler, json_answer
from local_cloud.gateway.rest_json import RestJsonModel
from local_cloud.runtime.agents.sessions import PRINCIPAL, AgentSessions, Place
from local_cloud.runtime.images import ImageError, Images

SERVICE = "bedrock-agentcore"
CONTROL = "bedrock-agentcore-control"
JSON = "application/json"
SESSION_HEADER = "x-amzn-bedrock-agentcore-runtime-session-id"
SESSION_CHARACTERS = (33, 256)
LIFECYCLE = {"idleRuntimeSessionTimeout": 900, "maxLifetime": 28800}
"""Defaults in seconds (AgentCore's LifecycleConfiguration)."""
OPTIONAL = (
    "description", "protocolConfiguration", "environmentVariables", "authorizerConfiguration",
    "requestHeaderConfiguration", "lifecycleConfiguration", "metadataConfiguration",
    "filesystemConfigurations", "platformVersion",
)  # fmt: skip
DECLARING = ("CreateAgentRuntime", "UpdateAgentRuntime")
TAGGING = ("CreateAgentRuntime", "CreateAgentRuntimeEndpoint")
ACCEPTED = ("Create", "Update", "Delete")
"""Operations that begin so are answered with 202: they go on afterwards."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of a session as its path and query say it."""

    runtime_arn: str
    verb: str
    qualifier: str


def asked(path: str, query: dict[str, list[str]], region: str) -> Asked | None:
    """Return what a path of the data plane asks for, None for another path."""
    found = iam_agents.DATA_PATH.fullmatch(unquote(path))
    if found is None:
        return None
    account, qualifier = (query.get(name, [""])[0] for name in ("accountId", "qualifier"))
    runtime = iam_agents.runtime_of(found["agent"], region, account)
    return Asked(runtime, found["verb"], qualifier or iam_agents.DEFAULT)


class AgentCoreService:
    """The handler."""

    def __init__(
        self, sessions: AgentSessions, images: Images, ministack: MiniStack, otherwise: Handler
    ) -> None:
        self._sessions = sessions
        self._images = images
        self._ministack = ministack
        self._otherwise = otherwise
        self._control = RestJsonModel(CONTROL)
        self._data = RestJsonModel(SERVICE)

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        session = asked(path, query, self._ministack.region())
        try:
            if session is not None:
                return await self._data_plane(session, headers, query)
            if path.startswith("/tags/"):
                return self._tags(method, path, body, query)
            if path.split("/")[1] != "runtimes":
                return await self._otherwise(method, path, headers, body, query)
            return await self._control_plane(method, path, headers, body, query)
        except AwsError as error:
            return (self._control if session is None else self._data).error(error)

    async def _data_plane(
        self, session: Asked, headers: dict[str, str], query: dict[str, list[str]]
    ) -> Answer:
        """Accept a call of a session whose caller may make it; only to end one is done here."""
        place = self.place(session, iam_agents.given(headers, query, SESSION_HEADER))
        if session.verb == "stopruntimesession":
            running = self._sessions.running(*place.key)
            if running is None:
                raise AwsError("ResourceNotFoundException", f"Session {place.session} is not active", 404)
            await self._sessions.end(running)
            return 200, {"Content-Type": JSON, SESSION_HEADER: place.session}, b"{}"
        if session.verb == "ws" and headers.get("upgrade", "").lower() != "websocket":
            raise AwsError("ValidationException", "The request does not ask for a WebSocket")
        return json_answer({}, content_type=JSON)

    def place(self, session: Asked, name: str) -> Place:
        """Return whose session a call means, with the version that its endpoint answers with.

        Raises:
            AwsError: ValidationException or ResourceNotFoundException.

        """
        least, most = SESSION_CHARACTERS
        if (name or session.verb == "stopruntimesession") and not least <= len(name) <= most:
            raise AwsError(
                "ValidationException",
                "1 validation error detected: Value at 'runtimeSessionId' failed to satisfy constraint: "
                f"Member must have length between {least} and {most}, inclusive",
            )
        arn, qualifier = session.runtime_arn, session.qualifier
        runtime = next(
            (one for one in self._ministack.agent_runtimes() if one["agentRuntimeArn"] == arn), None
        )
        endpoint = self._ministack.agent_endpoints(runtime).get(qualifier) if runtime else None
        if runtime is None or endpoint is None:
            message = f"No endpoint or agent found with qualifier '{qualifier}' for agent '{arn}'"
            raise AwsError("ResourceNotFoundException", message, 404)
        return Place(runtime["_versions"][endpoint["liveVersion"]], qualifier, name)

    async def _control_plane(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        operation, labels = self._control.operation(method, path)
        request = self._control.read(operation, labels, body, query)
        if operation in DECLARING:
            await self._check(request)
        if operation in ("UpdateAgentRuntimeEndpoint", "DeleteAgentRuntimeEndpoint"):
            _check_endpoint(request)
        status, answered, content = await self._otherwise(method, path, headers, body, query)
        if status != 200 or not operation.startswith(ACCEPTED):  # noqa: PLR2004 (HTTP: OK)
            return status, answered, content
        if operation in DECLARING:
            self._complete(json.loads(content)["agentRuntimeId"], request)
        if operation in TAGGING:
            made: Document = json.loads(content)
            self._tagged(made.get("agentRuntimeEndpointArn") or made["agentRuntimeArn"]).update(
                part(request, "tags")
            )
        await self._sessions.follow()
        return 202, answered, content

    def _tags(self, method: str, path: str, body: bytes, query: dict[str, list[str]]) -> Answer:
        operation, labels = self._control.operation(method, path)
        request = self._control.read(operation, labels, body, query)
        tags = self._tagged(request["resourceArn"])
        match operation:
            case "ListTagsForResource":
                return json_answer({"tags": tags}, content_type=JSON)
            case "TagResource":
                tags.update(request["tags"])
            case _:
                for key in request["tagKeys"]:
                    tags.pop(key, None)
        return 204, {"Content-Type": JSON}, b""

    def _tagged(self, arn: str) -> dict[str, str]:
        """Return the tags of a runtime or endpoint, kept in its record under a name that no answer has."""
        for runtime in self._ministack.agent_runtimes():
            for record in (runtime, *self._ministack.agent_endpoints(runtime).values()):
                if arn == record.get("agentRuntimeEndpointArn", record["agentRuntimeArn"]):
                    return record.setdefault("_tags", {})
        raise AwsError("ResourceNotFoundException", f"There is no resource {arn}", 404)

    async def _check(self, request: Document) -> None:
        """Refuse what AgentCore finds out when it makes a version."""
        role: str = request["roleArn"]
        if not self._ministack.trusts(role, PRINCIPAL, "*"):
            message = (
                f"Role validation failed for '{role}'. Please verify that the role exists and its trust "
                "policy allows assumption by this service"
            )
            raise AwsError("ValidationException", message)
        artifact = request["agentRuntimeArtifact"].get("containerConfiguration")
        if artifact is None:
            raise AwsError("ValidationException", "The local cloud runs container images only")
        try:
            await self._images.resolve(artifact["containerUri"])
        except ImageError as error:
            message = f"The specified image identifier does not exist in the repository: {error}"
            raise AwsError("ValidationException", message) from error
        limits = _lifecycle(request)
        if limits["idleRuntimeSessionTimeout"] > limits["maxLifetime"]:
            message = "idleRuntimeSessionTimeout must be less than or equal to maxLifetime"
            raise AwsError("ValidationException", message)

    def _complete(self, runtime_id: str, request: Document) -> None:
        """Have the newest version say what was asked for, and nothing that an earlier one did."""
        runtime = next(one for one in self._ministack.agent_runtimes() if one["agentRuntimeId"] == runtime_id)
        said = {name: copy.deepcopy(request[name]) for name in OPTIONAL if name in request}
        said |= {"lifecycleConfiguration": _lifecycle(request)}
        for record in (runtime, runtime["_versions"][runtime["agentRuntimeVersion"]]):
            for name in OPTIONAL:
                record.pop(name, None)
            record.update(copy.deepcopy(said))


def _lifecycle(request: Document) -> Document:
    """Return the times of a session; a lifetime shorter than the usual silence shortens that."""
    given = part(request, "lifecycleConfiguration")
    lifetime = given.get("maxLifetime", LIFECYCLE["maxLifetime"])
    idle = given.get("idleRuntimeSessionTimeout", min(LIFECYCLE["idleRuntimeSessionTimeout"], lifetime))
    return {"idleRuntimeSessionTimeout": idle, "maxLifetime": lifetime}


def _check_endpoint(request: Document) -> None:
    if request["endpointName"] == iam_agents.DEFAULT:
        raise AwsError(
            "ConflictException", "The DEFAULT endpoint belongs to the runtime and is not changed", 409
        )
