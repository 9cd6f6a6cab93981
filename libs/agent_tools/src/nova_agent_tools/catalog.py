"""The tools there are, in the order in which models are told about them."""

from typing import Any

from nova_agent_tools.recordings import GetTranscript, ListRecordings, SearchRecordings
from nova_agent_tools.services import Services
from nova_agent_tools.tool import CallersTool


def tools_for(services: Services, authorization: str) -> list[CallersTool[Any]]:
    """Return the tools of one request; `authorization` is its Authorization header, already verified."""
    return [tool(services, authorization) for tool in (SearchRecordings, GetTranscript, ListRecordings)]
