"""The video model of the local cloud: it measures the pictures of a real file, and understands none of them.

What it reports are cuts and what can be told by brightness and change, with the thresholds of `footage`. It
says so in every answer.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.bedrock.language import Piece, ToolUse
from local_cloud.gateway.bedrock.requests import Conversation, Tool, VideoObject
from local_cloud.gateway.child import Children
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import AwsError

WATCHER = "local_cloud.gateway.bedrock.watcher"
CONCURRENT = 2
"""Videos that are decoded at a time, each on one core."""
SELF = "Offline model: I measured the pictures and do not understand what they show. "


class OfflineVideoModel:
    """Answers conversations about a video."""

    def __init__(self, children: Children, ministack: MiniStack) -> None:
        self._children = children
        self._ministack = ministack
        self._slots = asyncio.Semaphore(CONCURRENT)

    def authorize(self, video: VideoObject, access_key: str) -> None:
        """Check that the caller may read the video.

        Raises:
            AwsError: AccessDeniedException.

        """
        resource = f"arn:aws:s3:::{video.bucket}/{video.key}"
        if not self._ministack.allowed(access_key, "s3:GetObject", resource):
            message = "The S3 location of the video cannot be read with the rights of the caller."
            raise AwsError("AccessDeniedException", message)

    async def answer(self, conversation: Conversation) -> AsyncGenerator[Piece]:
        """Yield what was measured: by the tool that has to be used or can take it, as text otherwise."""
        video = conversation.video
        assert video is not None, "a conversation without a video is the language model's"  # noqa: S101
        found = await self._watched(video)
        tool = next((tool for tool in _usable(conversation) if _takes(tool, found)), None)
        if tool is not None:
            arguments = {name: found[name] for name in part(tool.schema, "properties") if name in found}
            yield ToolUse(f"tooluse_{secrets.token_urlsafe(16)}", tool.name, arguments)
            return
        yield found["summary"]
        for entry in (*parts(found, "scenes"), *parts(found, "anomalies")):
            yield f"\n{entry['start']:.1f} - {entry['end']:.1f} s: {entry['description']}"

    async def _watched(self, video: VideoObject) -> Document:
        async with self._slots:
            work = {"bucket": video.bucket, "key": video.key}
            outcome = await self._children.run(WATCHER, work, self._ministack.region())
        if outcome is None:
            raise AwsError("InternalServerException", "The offline model failed; see home/logs/daemon.log.")
        if "reason" in outcome:
            raise AwsError("ValidationException", outcome["reason"])
        return outcome | {"summary": SELF + outcome["summary"]}


def _usable(conversation: Conversation) -> list[Tool]:
    choice = conversation.choice
    return [tool for tool in conversation.tools if choice in ("auto", "any", tool.name)]


def _takes(tool: Tool, found: Document) -> bool:
    """Whether all that a tool needs was measured."""
    properties = set(part(tool.schema, "properties"))
    required: list[str] = tool.schema.get("required") or []
    return bool(properties & found.keys()) and set(required) <= found.keys()
