"""Tools about a person's videos: list them, and read what an analysis found in one."""

from collections.abc import Sequence
from typing import Any, override

from nova_common.contracts.video import Anomaly, Scene
from nova_common.events import AGGREGATE_ID_PATTERN
from pydantic import Field

from nova_agent_tools.tool import Arguments, CallersTool, NoArguments

SCENES_CHARACTERS_MAX = 24_000
"""What a model gets of the scenes' descriptions: about 6,000 tokens."""

ANOMALIES_CHARACTERS_MAX = 12_000
"""Of the anomalies'."""


class VideoArguments(Arguments):
    """Arguments of `get_video_analysis`."""

    video_id: str = Field(
        pattern=f"^{AGGREGATE_ID_PATTERN.pattern}$", description="The id of the video, a UUID"
    )


class GetVideoAnalysis(CallersTool[VideoArguments]):
    """The analysis of one video."""

    name = "get_video_analysis"
    description = (
        "Read what happens in one video whose id is known: a summary, its scenes, and anomalies with their "
        "severity, each with its start and end in seconds. Use it to tell what a video shows, what happens "
        "in it and when, or what is wrong with it. A very long analysis is cut and says so."
    )
    arguments = VideoArguments

    @override
    async def run(self, arguments: VideoArguments) -> dict[str, Any]:
        """Ask the video service, and keep what a model can read."""
        analysis = await self._services.video_analysis(arguments.video_id, self._authorization)
        scenes = _fitting(analysis.scenes, SCENES_CHARACTERS_MAX)
        anomalies = _fitting(analysis.anomalies, ANOMALIES_CHARACTERS_MAX)
        told = {
            "video_id": arguments.video_id,
            "summary": analysis.summary,
            "scenes": [_stretch(scene) for scene in scenes],
            "anomalies": [
                {**_stretch(found), "kind": found.kind, "severity": found.severity} for found in anomalies
            ],
        }
        if len(scenes) == len(analysis.scenes) and len(anomalies) == len(analysis.anomalies):
            return told
        cut = (
            f"cut after {len(scenes)} of {len(analysis.scenes)} scenes and {len(anomalies)} of "
            f"{len(analysis.anomalies)} anomalies; search for the rest"
        )
        return told | {"cut": cut}


def _fitting[S: (Scene, Anomaly)](stretches: Sequence[S], characters_max: int) -> Sequence[S]:
    """Return the first stretches whose descriptions fit."""
    left = characters_max
    for count, stretch in enumerate(stretches):
        left -= len(stretch.description)
        if left < 0:
            return stretches[:count]
    return stretches


def _stretch(part: Scene | Anomaly) -> dict[str, Any]:
    return {"start_seconds": part.start, "end_seconds": part.end, "description": part.description}


class ListVideos(CallersTool[NoArguments]):
    """The caller's videos."""

    name = "list_videos"
    description = (
        "List the person's own videos, newest first: id, file name, status (awaiting_upload, processing, "
        "completed or failed), duration in seconds, how many anomalies were found and when it was made. Use "
        "it to find out which videos there are and how many, or to find the id of one by its file name."
    )
    arguments = NoArguments

    @override
    async def run(self, arguments: NoArguments) -> dict[str, Any]:
        """Ask the projector for the first page."""
        del arguments
        page = await self._services.videos(self._authorization)
        videos = [video.model_dump(mode="json", exclude_none=True) for video in page.items]
        return {"videos": videos, "there_are_more": page.next_cursor is not None}
