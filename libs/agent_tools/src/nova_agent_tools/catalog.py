"""The tools there are, by name, in the order in which models are told about them."""

from collections.abc import Iterable, Mapping
from typing import Any

from nova_agent_tools.recordings import GetTranscript, ListRecordings, SearchRecordings
from nova_agent_tools.services import Services
from nova_agent_tools.tool import CallersTool
from nova_agent_tools.videos import GetVideoAnalysis, ListVideos

TOOLS: Mapping[str, type[CallersTool[Any]]] = {
    tool.name: tool
    for tool in (SearchRecordings, GetTranscript, ListRecordings, GetVideoAnalysis, ListVideos)
}


def tools_for(
    services: Services, authorization: str, names: Iterable[str] = tuple(TOOLS)
) -> list[CallersTool[Any]]:
    """Return the tools of one request; `authorization` is its Authorization header, already verified.

    KeyError for a name that no tool has.
    """
    return [TOOLS[name](services, authorization) for name in names]
