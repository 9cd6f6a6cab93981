"""Contracts of the video service: its HTTP models, its events and its documents."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self, override

from pydantic import Field, StringConstraints, model_validator

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.uploads import UploadExpected, UploadRequest
from nova_common.contracts.wire import Base64, Contract, Timestamp, is_none
from nova_common.events import AggregateType, EventData, Upcaster, with_defaults

type VideoStatus = Literal["awaiting_upload", "processing", "completed", "failed"]
"""Where a video stands; `completed` and `failed` are final."""

type AnomalySeverity = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
"""How bad an anomaly is. People are told of HIGH and CRITICAL ones: the alerts' rule names these words."""

UPLOAD_BYTES_MAX = 1_000_000_000
"""Amazon Nova's limit for a video in S3, 1 GB (Amazon Nova 2 user guide, multimodal understanding)."""

SUMMARY_CHARACTERS_MAX = 4000
DESCRIPTION_CHARACTERS_MAX = 1000
SCENES_MAX = 200
"""Half an hour in scenes of nine seconds."""
ANOMALIES_MAX = 50
"""Each is an event, and all are appended with the analysis in one transaction, which takes 100."""
KEY_FRAMES_MAX = 32
"""Pictures of one video that can be found: of more scenes, as many are chosen at equal distances."""
KEY_FRAME_BYTES_MAX = 256 * 1024
"""Of one picture; 32 of them in base64 are an object of 11 MB at most."""

type Text = Annotated[
    str, StringConstraints(min_length=1, max_length=DESCRIPTION_CHARACTERS_MAX, strip_whitespace=True)
]
type Moment = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CreateVideo(UploadRequest):
    """Body of `POST /api/video`: what the caller is about to upload."""


class VideoCreated(UploadExpected):
    """Answer of `POST /api/video`."""


class VideoSummary(Contract):
    """A video as its owner sees it. `duration_seconds` is null until the content was inspected.

    `anomalies` counts those that the analysis found.
    """

    id: str
    status: VideoStatus
    reason: str | None = Field(default=None, exclude_if=is_none)
    filename: str
    duration_seconds: float | None = None
    anomalies: int | None = Field(default=None, exclude_if=is_none)
    created_at: Timestamp


class VideoPage(Contract):
    """Answer of `GET /api/video`: newest first. `next_cursor` is null on the last page."""

    items: list[VideoSummary]
    next_cursor: str | None = None


class Stretch(Contract):
    """A part of a video: seconds from its start."""

    start: Moment = Field(description="Seconds from the start of the video at which it begins.")
    end: Moment = Field(description="Seconds from the start of the video at which it ends.")

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end < self.start:
            message = "end must not come before start"
            raise ValueError(message)
        return self


class Scene(Stretch):
    """What is seen in a part of a video."""

    description: Text = Field(description="What is seen and what happens, in one to three sentences.")


class Anomaly(Stretch):
    """Something in a video that should not be there, or is not as it should be."""

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")] = Field(
        description="A short name of this kind of anomaly in snake_case, such as black_picture or fire."
    )
    severity: AnomalySeverity = Field(
        description="LOW: worth noting. MEDIUM: somebody should look at it. HIGH: it needs attention soon. "
        "CRITICAL: there is danger or it needs attention now."
    )
    description: Text = Field(description="What is wrong, in one or two sentences.")


class VideoAnalysis(Contract):
    """The analysis document: stored in the content bucket, answered by the API, demanded of the model."""

    summary: Annotated[
        str, StringConstraints(min_length=1, max_length=SUMMARY_CHARACTERS_MAX, strip_whitespace=True)
    ] = Field(description="What the video shows, in two to five sentences.")
    scenes: list[Scene] = Field(
        max_length=SCENES_MAX, description="The scenes in order, which together cover the whole video."
    )
    anomalies: list[Anomaly] = Field(
        max_length=ANOMALIES_MAX, description="What is wrong or out of place; empty when nothing is."
    )


class KeyFrame(Contract):
    """A picture of a video, as JPEG: at `at` seconds from its start, in scene number `scene` of the analysis.

    A video that was not told apart into scenes has one without a number.
    """

    at: Moment
    scene: int | None = Field(default=None, ge=0, lt=SCENES_MAX)
    image: Annotated[Base64, Field(min_length=1, max_length=KEY_FRAME_BYTES_MAX)]


class KeyFrames(Contract):
    """The document of key frames: stored in the content bucket beside the analysis, read by the indexer."""

    frames: list[KeyFrame] = Field(max_length=KEY_FRAMES_MAX)


class VideoRequested(EventData):
    """Somebody is going to upload a video. Private: `filename`."""

    private_fields = frozenset({"filename"})

    content_type: str
    size_bytes: int


class VideoAnalysisStarted(EventData):
    """The content was found usable, and the model is being asked."""

    duration_seconds: float


class VideoAnalyzed(EventData):
    """The analysis is there. `scenes`, `anomalies` and `frames` are counts.

    `key_frames` is null when no picture could be taken.
    """

    schema_version: ClassVar[int] = 2
    upcasters: ClassVar[Mapping[int, Upcaster]] = {1: with_defaults}

    analysis: DocumentReference
    duration_seconds: float
    scenes: int
    anomalies: int
    key_frames: DocumentReference | None = None
    frames: int = 0


class AnomalyDetected(EventData):
    """The analysis found an anomaly; what it looks like stands in the analysis alone."""

    kind: str
    level: AnomalySeverity
    start: float
    end: float

    @property
    @override
    def attention(self) -> AnomalySeverity:
        """See `EventData.attention`: each anomaly has its own."""
        return self.level


class VideoAnalysisFailed(EventData):
    """There will be no analysis; the reason is meant for the owner."""

    severity = "warning"

    reason: str


class VideoDeleted(EventData):
    """The owner deleted the video; its content and analysis are gone."""


VIDEO = AggregateType(
    name="Video",
    source="nova.video",
    events=(
        VideoRequested,
        VideoAnalysisStarted,
        VideoAnalyzed,
        AnomalyDetected,
        VideoAnalysisFailed,
        VideoDeleted,
    ),
)
"""One video: from the request to upload until its deletion."""
