"""What tasks write, as log streams of the groups that their containers' `awslogs` options name.

Corrects: MiniStack forwards what its own tasks write, which are containers of Docker; ours are processes, and
what they write lies in `home/logs`. It is read from there for each request and stored nowhere else.
"""

import asyncio
from collections.abc import Callable, Iterable

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, Handler, parse
from local_cloud.runtime.agents.sessions import log_name
from local_cloud.runtime.logs import Logs, short_id

AGENTS = "/aws/bedrock-agentcore/runtimes/"
"""What the names of the groups begin with that AgentCore writes to: then come runtime and endpoint."""
READING = frozenset(("DescribeLogStreams", "FilterLogEvents", "GetLogEvents"))

type Records = Callable[[], Iterable[Document]]
"""The tasks that run or stopped lately, as DescribeTasks shows them."""


def group_of(request: Document) -> str:
    """Return the name of the log group that a request reads; its identifier may be an ARN."""
    identifier = str(request.get("logGroupName") or request.get("logGroupIdentifier") or "")
    return identifier.partition(":log-group:")[2].removesuffix(":*") or identifier


def stream_prefixes(definition: Document, group: str) -> list[str]:
    """Return how the names of the streams of a definition's containers in a group begin.

    ECS names a stream `prefix/container/task id` (developer guide, "awslogs log driver").
    """
    found: list[str] = []
    for container in parts(definition, "containerDefinitions"):
        options = part(container, "logConfiguration", "options")
        if options.get("awslogs-group") == group and options.get("awslogs-stream-prefix"):
            found.append(f"{options['awslogs-stream-prefix']}/{container['name']}")
    return found


class ContainerLogs:
    """The handler in front of MiniStack's CloudWatch Logs."""

    def __init__(
        self, logs: Logs, records: Records, aws: Aws, ministack: MiniStack, otherwise: Handler
    ) -> None:
        self._logs = logs
        self._records = records
        self._aws = aws
        self._ministack = ministack
        self._otherwise = otherwise
        self._definitions: dict[str, Document] = {}

    async def __call__(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        if headers.get("x-amz-target", "").rpartition(".")[2] not in READING:
            return await self._otherwise(method, path, headers, body, query)
        try:
            group = group_of(parse(body))
            streams = await self._streams(group)
        except AwsError as error:
            return error.answer()
        with self._ministack.with_log_streams(group, streams):
            return await self._otherwise(method, path, headers, body, query)

    async def _definition(self, arn: str) -> Document:
        """Return a task definition, empty when it is gone; a revision never changes."""
        if arn not in self._definitions:
            try:
                output = await self._aws.call(
                    "ecs", "DescribeTaskDefinition", {"taskDefinition": arn}, region=self._ministack.region()
                )
            except AwsError:  # deleted while tasks of it are remembered
                return {}
            self._definitions[arn] = output["taskDefinition"]
        return self._definitions[arn]

    async def _agent_streams(self, group: str) -> dict[str, list[Document]]:
        """Return the events of AgentCore's sessions, a stream for each, where the group is of an endpoint."""
        for runtime in self._ministack.agent_runtimes():
            for endpoint in self._ministack.agent_endpoints(runtime):
                if group == f"{AGENTS}{runtime['agentRuntimeId']}-{endpoint}":
                    found = await asyncio.to_thread(self._logs.events, log_name(runtime, endpoint))
                    return {f"[runtime-logs]{session}": events for session, events in found.items()}
        return {}

    async def _streams(self, group: str) -> dict[str, list[Document]]:
        """Return the events of a group's streams. What several containers of a task write is one log here."""
        streams = await self._agent_streams(group)
        files: dict[str, dict[str, list[Document]]] = {}
        for record in list(self._records()):
            prefixes = stream_prefixes(await self._definition(record["taskDefinitionArn"]), group)
            if not prefixes:
                continue
            name = record["group"].partition(":")[2]
            if name not in files:
                files[name] = await asyncio.to_thread(self._logs.events, name)
            task = record["taskArn"].rpartition("/")[2]
            if short_id(task) in files[name]:
                streams[f"{prefixes[0]}/{task}"] = files[name][short_id(task)]
        return streams
