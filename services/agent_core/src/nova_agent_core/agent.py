"""One message on its way through the model and its tools, as a stream of our own events.

Strands runs the loop of model and tools. An agent is made for each message and forgotten with it: what it
should remember comes in, and what it may remember goes out.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast, override

from botocore.config import Config
from nova_agent_tools.catalog import TOOLS, tools_for
from nova_agent_tools.mcp_servers import McpServers, McpTool
from nova_agent_tools.services import Services
from nova_common.contracts.memory import Note
from nova_common.contracts.sessions import TokenEvent, ToolEvent
from nova_common.model_prices import ModelPrice
from nova_common.telemetry.aws_calls import trace_calls
from strands import Agent
from strands.agent.conversation_manager import SlidingWindowConversationManager
from strands.models.bedrock import BedrockModel
from strands.models.model import Model
from strands.tools.executors import ConcurrentToolExecutor
from strands.types.exceptions import MaxTokensReachedException

from nova_agent_core.behaviour import Behaviour, ModelParameters
from nova_agent_core.failures import IncompleteAnswerError, TooManyRoundsError
from nova_agent_core.memory import Message, remembered
from nova_agent_core.notebook import NOTE_TOOLS, Notebook
from nova_agent_core.recall import LongTermMemory, told
from nova_agent_core.settings import ApiSettings, GuardrailSettings, ModelLimits
from nova_agent_core.spending import Meter, Spending
from nova_agent_core.transfers import Transfers, noted

WINDOW_MESSAGES = 40
"""Messages that a model is shown: ten turns with tools, or twenty without."""

PARAGRAPH = "\n\n"
"""Between what a model says before it uses tools, and what it says afterwards."""

STATUS_READERS = "anthropic.claude"
"""Models that read whether a tool's result is an error (Bedrock's API reference, ToolResultBlock)."""


def bedrock_model(settings: ApiSettings, limits: ModelLimits, parameters: ModelParameters) -> Model:
    """Return the model behind Bedrock; its client is shared by all messages of the process."""
    config = Config(
        connect_timeout=limits.connect_seconds_max,
        read_timeout=limits.read_seconds_max,
        max_pool_connections=limits.turns_at_once_max,
        retries={"mode": "standard", "total_max_attempts": limits.attempts_max},
    )
    chosen: dict[str, Any] = {} if parameters.temperature is None else {"temperature": parameters.temperature}
    model = BedrockModel(
        region_name=settings.model_region,
        boto_client_config=config,
        model_id=settings.model_id,
        streaming=True,
        max_tokens=parameters.tokens_max,
        # The library knows by the id whether a model reads a result's status, and an ARN hides it.
        include_tool_result_status=STATUS_READERS in settings.model_name,
        **chosen,
        **_guarded(settings.guardrail),
    )
    client: Any = model.client
    trace_calls(client)
    client.converse_stream = noted(client.converse_stream)
    return model


def _guarded(guardrail: GuardrailSettings | None) -> dict[str, Any]:
    """Return how each call is guarded.

    Of the conversation the newest question alone is looked at, and all of the answer, before any of it is
    shown. What tools return is the person's own material, and no question.
    """
    if guardrail is None:
        return {}
    return {
        "guardrail_id": guardrail.id,
        "guardrail_version": guardrail.version,
        "guardrail_trace": "enabled",
        "guardrail_stream_processing_mode": "sync",
        "guardrail_latest_message": True,
        "guardrail_redact_input": True,
        "guardrail_redact_output": True,
    }


class BoundedToolExecutor(ConcurrentToolExecutor):
    """Runs the tools of a round side by side, a few at a time; they stop with the turn."""

    def __init__(self, at_once_max: int) -> None:
        super().__init__()
        self._slots = asyncio.Semaphore(at_once_max)

    @override
    async def _task(self, *args: Any, **kwargs: Any) -> None:
        async with self._slots:
            await super()._task(*args, **kwargs)  # pyright: ignore[reportUnknownMemberType]


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a message."""

    user: str
    """The verified subject."""
    authorization: str
    """The header that proves it, for the services behind the tools."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a message is answered with, beside the conversation and the coordinator's own tools."""

    notes: Sequence[Note] = ()
    tools: Sequence[McpTool] = ()


class Coordinator:
    """Makes an agent for each message."""

    def __init__(
        self,
        model: Model,
        services: Services,
        behaviour: Behaviour,
        price: ModelPrice,
        memory: LongTermMemory,
        servers: McpServers,
    ) -> None:
        self._model = model
        self._services = services
        self._behaviour = behaviour
        self._price = price
        self._memory = memory
        self._servers = servers

    @property
    def behaviour(self) -> Behaviour:
        """What the agents do."""
        return self._behaviour

    async def recall(self, user: str, question: str) -> list[Note]:
        """Return what the person wanted kept and is near in meaning to a question; none is fine."""
        use = self._behaviour.memory
        return [] if use is None else await self._memory.recall(user, question, use)

    async def foreign_tools(self, authorization: str) -> Sequence[McpTool]:
        """Return the tools of MCP servers, as far as they are known, for the person who asks."""
        return await self._servers.tools(authorization)

    def run(
        self, messages: Sequence[Message], question: str, author: Author, material: Material
    ) -> "AgentRun":
        """Return the answering of a question after these messages, not yet begun."""
        meter = Meter(self._behaviour, self._price)
        notebook = Notebook(self._memory, author.user, question, messages)
        names = self._behaviour.tools
        agent = Agent(
            model=self._model,
            messages=cast("Any", list(messages)),
            tools=[
                *tools_for(self._services, author.authorization, [name for name in names if name in TOOLS]),
                *(NOTE_TOOLS[name](notebook) for name in names if name in NOTE_TOOLS),
                *material.tools,
            ],
            system_prompt=self._prompt(material.notes),
            callback_handler=None,
            conversation_manager=SlidingWindowConversationManager(WINDOW_MESSAGES),
            tool_executor=BoundedToolExecutor(self._behaviour.budget.tools_at_once_max),
            hooks=[meter, notebook],
            # The client has its own retries, which are quick; these would take minutes.
            retry_strategy=None,
        )
        return AgentRun(agent, question, messages, meter, self._behaviour.budget.rounds_max)

    def _prompt(self, notes: Sequence[Note]) -> Any:  # noqa: ANN401 - text or blocks, as the library takes it
        prompt = self._behaviour.prompt.text
        return [{"text": prompt}, {"text": told(notes)}] if notes else prompt


class AgentRun:
    """The answering of one question: what has been said so far, and what comes."""

    def __init__(
        self, agent: Agent, question: str, before: Sequence[Message], meter: Meter, rounds_max: int
    ) -> None:
        self._agent = agent
        self._question = question
        self._before = before
        self._meter = meter
        self._rounds_max = rounds_max
        self._is_new_message = False
        self._is_message_complete = False
        self._open_tools: dict[str, str] = {}
        self.answer = ""
        self.tools: list[str] = []
        self.stop_reason = ""
        self.is_blocked = False
        """Whether the guardrail refused the question or the answer; what it only masked was answered."""

    @property
    def spending(self) -> Spending:
        """What was spent so far."""
        return self._meter.spending

    @property
    def memory(self) -> list[Message]:
        """What may be remembered of the conversation by now: nothing of a question that was blocked."""
        if self.is_blocked:
            return remembered(self._before)
        return remembered(cast("list[Message]", self._agent.messages))

    async def events(self) -> AsyncGenerator[TokenEvent | ToolEvent]:
        """Answer once, and tell how it goes on; raises what `failures.problem_of` knows."""
        stream = cast(
            "AsyncGenerator[dict[str, Any]]",
            self._agent.stream_async(self._question, limits={"turns": self._rounds_max}),
        )
        transfers = Transfers.begin()
        try:
            async with contextlib.aclosing(stream):
                async for event in stream:
                    for told in self._told(event):
                        yield told
        except MaxTokensReachedException:
            # The answer is cut, and it is an answer.
            self.stop_reason = "max_tokens"
        finally:
            # The thread that reads the model's stream looks for this between two chunks; leaving the loop
            # clears it.
            self._agent.cancel()
            transfers.close()
        if self.stop_reason == "limit_turns":
            message = f"the model asked for tools in {self._rounds_max} rounds"
            raise TooManyRoundsError(message)
        if not self._is_message_complete or not self.answer.strip():
            message = "the model's stream ended without a complete answer"
            raise IncompleteAnswerError(message)

    def _told(self, event: dict[str, Any]) -> Iterable[TokenEvent | ToolEvent]:
        """Return our events for one of the library's."""
        if isinstance(event.get("data"), str):
            yield self._token(event["data"])
        elif "event" in event:
            self._note_chunk(event["event"])
        elif "tool_stream_event" in event:
            yield from self._tool_ends([{"toolResult": event["tool_stream_event"]["data"]}])
        elif "message" in event:
            message: Message = event["message"]
            starts = message["role"] == "assistant"
            yield from (self._tool_starts if starts else self._tool_ends)(message["content"])
        elif "result" in event:
            self.stop_reason = str(event["result"].stop_reason)

    def _note_chunk(self, chunk: dict[str, Any]) -> None:
        self._meter.note_chunk(chunk)
        if "messageStart" in chunk:
            self._is_new_message = True
            self._is_message_complete = False
        elif "redactContent" in chunk:
            self.is_blocked = True
        elif "messageStop" in chunk:
            self._is_message_complete = True

    def _token(self, text: str) -> TokenEvent:
        if self._is_new_message and self.answer:
            text = PARAGRAPH + text
        self._is_new_message = False
        self.answer += text
        return TokenEvent(text=text)

    def _tool_starts(self, content: Iterable[dict[str, Any]]) -> Iterable[ToolEvent]:
        for use in (block["toolUse"] for block in content if "toolUse" in block):
            name = str(use["name"])
            self._open_tools[use["toolUseId"]] = name
            # A name that the model made up is no tool, and may be anything.
            if name in self._agent.tool_names and name not in self.tools:
                self.tools.append(name)
            yield ToolEvent(id=use["toolUseId"], name=name, status="started", input=use["input"])

    def _tool_ends(self, content: Iterable[dict[str, Any]]) -> Iterable[ToolEvent]:
        """Tell each end once: at once for our tools, with the round for one that does not exist."""
        for result in (block["toolResult"] for block in content if "toolResult" in block):
            name = self._open_tools.pop(result["toolUseId"], None)
            if name is not None:
                status = "completed" if result["status"] == "success" else "failed"
                yield ToolEvent(id=result["toolUseId"], name=name, status=status)
