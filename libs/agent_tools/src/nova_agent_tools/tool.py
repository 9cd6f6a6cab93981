"""What all tools have in common: bound to one caller, described to a model, answering with a result.

A tool is bound to one request. One that asks a service carries that caller's Authorization header, so that
each service decides by itself what this caller may see. Whatever goes wrong becomes a result with the status
`error` that says what failed, and the model can go on.
"""

import logging
from abc import ABC, abstractmethod
from typing import Any, ClassVar, cast, override

from nova_common.contracts.sessions import ToolDescription
from pydantic import BaseModel, ConfigDict, ValidationError
from strands.types.tools import AgentTool, ToolGenerator, ToolResult, ToolSpec, ToolUse

from nova_agent_tools.services import Services, ToolFailedError

logger = logging.getLogger(__name__)


class Arguments(BaseModel):
    """Base of the arguments of tools, as a model fills them in; whatever is not known is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Tool[A: Arguments](AgentTool, ABC):
    """A tool. Subclasses say what it is for, and do it."""

    name: ClassVar[str]
    description: ClassVar[str]
    arguments: ClassVar[type[Arguments]]

    @abstractmethod
    async def run(self, arguments: A) -> dict[str, Any]:
        """Return the result as JSON; ToolFailedError."""

    @classmethod
    def describe(cls) -> ToolDescription:
        """Return what a model is told about this tool."""
        schema = _plain_schema(cls.arguments)
        return ToolDescription(name=cls.name, description=cls.description, input_schema=schema)

    @property
    @override
    def tool_name(self) -> str:
        return self.name

    @property
    @override
    def tool_type(self) -> str:
        return "service"

    @property
    @override
    def tool_spec(self) -> ToolSpec:
        told = self.describe()
        return {
            "name": told.name,
            "description": told.description,
            "inputSchema": {"json": told.input_schema},
        }

    @override
    async def stream(
        self, tool_use: ToolUse, invocation_state: dict[str, Any], **kwargs: Any
    ) -> ToolGenerator:
        """Use the tool once; its only event is the result."""
        del invocation_state, kwargs
        use_id = tool_use["toolUseId"]
        try:
            arguments = self.arguments.model_validate(tool_use["input"])
            found = await self.run(cast("A", arguments))
        except ValidationError as error:
            yield _failed(use_id, f"{self.name} cannot be used so: {_faults(error)}")
        except ToolFailedError as error:
            logger.warning("a tool failed", extra={"fields": {"tool": self.name, "cause": str(error)}})
            yield _failed(use_id, f"{self.name} failed: {error}")
        else:
            yield ToolResult(toolUseId=use_id, status="success", content=[{"json": found}])


class CallersTool[A: Arguments](Tool[A], ABC):
    """A tool that asks services as one caller."""

    def __init__(self, services: Services, authorization: str) -> None:
        super().__init__()
        self._services = services
        self._authorization = authorization


def _failed(use_id: str, explanation: str) -> ToolResult:
    return {"toolUseId": use_id, "status": "error", "content": [{"text": explanation}]}


def _faults(error: ValidationError) -> str:
    """Return what is wrong with which argument, without what was given."""
    faults = error.errors(include_input=False, include_url=False)
    return "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in faults)


def _plain_schema(arguments: type[Arguments]) -> dict[str, Any]:
    """Return the JSON schema of arguments as models read it best: an optional one is just not required."""
    schema = arguments.model_json_schema()
    properties: dict[str, Any] = {}
    for name, described in cast("dict[str, dict[str, Any]]", schema.get("properties", {})).items():
        choices = [choice for choice in described.get("anyOf", [{}]) if choice.get("type") != "null"]
        ignored = {"anyOf", "title", "default"}
        properties[name] = {
            **choices[0],
            **{key: value for key, value in described.items() if key not in ignored},
        }
    return {
        "type": "object",
        "properties": properties,
        "required": schema.get("required", []),
        "additionalProperties": False,
    }


class NoArguments(Arguments):
    """A tool that takes none."""
