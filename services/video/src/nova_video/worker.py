"""The video worker: an upload is looked into, the model looks at it, and pictures of its scenes are taken.

Messages may come twice, late, or in any order: what is done depends on the video's history alone, and the ids
of the events derive from their causes. An answer of the model may take an hour; while it is awaited, the
message stays invisible.
"""

import logging
from collections.abc import Callable, Sequence

from fastapi import FastAPI
from nova_common import aws, server
from nova_common.content import ContentStore, StoredObject
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.video import VIDEO, KeyFrames, VideoAnalysis
from nova_common.documents import ContentMissingError
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventData, EventRegistry
from nova_common.histories import Histories
from nova_common.media import UnusableMediaError
from nova_common.metrics import Metric, counting
from nova_common.queue_worker import QueueWorker, WorkerLimits, create_worker_application, delivery
from nova_common.uploads import ObjectCreated, upload_key, uploaded_id

from nova_video import domain
from nova_video.analysis import (
    ANSWER_SECONDS_MAX,
    ANSWERS_MAX,
    AnalysisModel,
    InvalidAnalysisError,
    ModelRejectedError,
    ModelUnavailableError,
    StoredVideo,
)
from nova_video.key_frames import take_key_frames
from nova_video.media import probe_seconds
from nova_video.settings import WorkerSettings

LIMITS = WorkerLimits(
    concurrency=4, visibility=120, handling=ANSWERS_MAX * ANSWER_SECONDS_MAX + 600.0, retry_first=15.0
)
"""Videos at a time: each holds three blocks of an upload (12 MB) at first, and then waits for the model.

A message may be worked on for as long as the model takes to answer twice, and some minutes.
"""

DELIVERIES_MAX = 4
"""Deliveries of a message in which the model may be unavailable; then the owner is told.

One less than the queue allows, so that it does not become a dead letter, of which the owner hears nothing.
"""

logger = logging.getLogger(__name__)


class Analyzer:
    """Handles the worker's messages; every method may be repeated."""

    def __init__(self, store: EventStore, content: ContentStore, model: AnalysisModel, bucket: str) -> None:
        self._histories = Histories(store, VIDEO, domain.fold, "video")
        self._content = content
        self._model = model
        self._bucket = bucket

    def handle(self, body: str) -> None:
        """Handle one message; raises when it must be delivered again, or for ever when it is poison."""
        message = ObjectCreated.model_validate_json(body)
        self.handle_upload(uploaded_id(domain.MEDIA, message.key_in(self._bucket)))

    def handle_upload(self, video_id: str) -> None:
        """Analyse an uploaded video, unless that was done before."""
        video = self._histories.load(video_id)
        if video.is_deleted:
            self._delete_content(video_id)
            return
        if video.status == "awaiting_upload":
            video = self._begin(video)
        if video.is_open and video.duration_seconds is not None:
            self._analyze(video, video.duration_seconds)

    def _begin(self, video: domain.Video) -> domain.Video:
        stored = self._content.describe(upload_key(domain.MEDIA, video.id))
        cause = f"upload {video.id} {stored.etag}"
        try:
            duration_seconds = self._inspect(video, stored)
        except UnusableMediaError as error:
            reason = str(error)
            return self._record(video.id, cause, lambda current: domain.fail(current, reason))
        return self._record(video.id, cause, lambda current: domain.start(current, duration_seconds))

    def _inspect(self, video: domain.Video, stored: StoredObject) -> float:
        """Return the duration in seconds of what was uploaded.

        UnusableMediaError names what is wrong with it.
        """
        if stored.size_bytes != video.size_bytes:
            message = f"{stored.size_bytes} bytes were uploaded, but {video.size_bytes} were declared"
            raise UnusableMediaError(message)
        with self._content.open(stored) as reader:
            try:
                duration_seconds = probe_seconds(reader, video.media_format)
            finally:
                # A failed read is not the content's fault, whatever came of it: it may succeed the next time.
                reader.check()
        fault = domain.duration_fault(duration_seconds)
        if fault:
            raise UnusableMediaError(fault)
        return duration_seconds

    def _analyze(self, video: domain.Video, duration_seconds: float) -> None:
        cause = f"analysis {video.id}"
        asked = StoredVideo(
            key=upload_key(domain.MEDIA, video.id),
            media_format=video.media_format,
            duration_seconds=duration_seconds,
        )
        try:
            analysis = self._model.analyze(asked)
        except (ModelRejectedError, InvalidAnalysisError) as error:
            reason = str(error)
            self._record(video.id, cause, lambda current: domain.fail(current, reason))
            return
        except ModelUnavailableError as error:
            if delivery.get() < DELIVERIES_MAX:
                raise
            reason = f"{error}, although it was asked again and again; upload the video once more later"
            self._record(video.id, cause, lambda current: domain.fail(current, reason))
            return
        outcome = self._stored(video, analysis, duration_seconds)
        after = self._record(video.id, cause, lambda current: domain.complete(current, outcome))
        if not after.is_deleted and after.analysis != outcome.reference:
            # Another delivery was faster; its documents have to be the current versions of the objects.
            for reference in (outcome.reference, outcome.key_frames):
                if reference is not None:
                    self._content.discard(reference)

    def _stored(
        self, video: domain.Video, analysis: VideoAnalysis, duration_seconds: float
    ) -> domain.Outcome:
        """Store the analysis, and pictures of its scenes."""
        pictures = self._key_frames(video, analysis, duration_seconds)
        return domain.Outcome(
            analysis=analysis,
            reference=self._write(domain.analysis_key(video.id), analysis),
            key_frames=self._write(domain.key_frames_key(video.id), pictures) if pictures.frames else None,
            frames=len(pictures.frames),
        )

    def _write(self, key: str, document: VideoAnalysis | KeyFrames) -> DocumentReference:
        return self._content.write_document(key, document.model_dump_json().encode())

    def _key_frames(self, video: domain.Video, analysis: VideoAnalysis, duration_seconds: float) -> KeyFrames:
        """Return pictures of the scenes; none of a video that was deleted or cannot be read any more."""
        try:
            stored = self._content.describe(upload_key(domain.MEDIA, video.id))
            with self._content.open(stored) as reader:
                try:
                    taken = take_key_frames(reader, video.media_format, analysis.scenes, duration_seconds)
                finally:
                    reader.check()
        except (ContentMissingError, UnusableMediaError):
            logger.warning(
                "no pictures could be taken of a video", exc_info=True, extra=counting(Metric.DEGRADED)
            )
            return KeyFrames(frames=[])
        return KeyFrames(frames=taken)

    def _record(
        self, video_id: str, cause: str, decide: Callable[[domain.Video], Sequence[EventData]]
    ) -> domain.Video:
        """Append what follows from the state, and return the state afterwards.

        A video that was deleted meanwhile loses what this worker may just have written.
        """
        video = self._histories.record(video_id, cause, decide)
        if video.is_deleted:
            self._delete_content(video_id)
        return video

    def _delete_content(self, video_id: str) -> None:
        self._content.delete_all_versions(domain.content_keys(video_id))


def create_app(settings: WorkerSettings) -> FastAPI:
    """Assemble the worker from what its environment names."""
    store = DynamoEventStore(
        aws.dynamodb(settings.region), settings.event_store_table, EventRegistry([VIDEO])
    )
    # The model is asked once a call: what its failures mean is decided here, not by the client.
    bedrock = aws.bedrock_runtime(
        settings.model_region, read_timeout_seconds=ANSWER_SECONDS_MAX, attempts_max=1
    )
    analyzer = Analyzer(
        store,
        ContentStore(aws.s3(settings.region), settings.content_bucket),
        AnalysisModel(bedrock, settings.model, settings.content_bucket, settings.content_owner),
        settings.content_bucket,
    )
    queue = aws.sqs(settings.region)
    return create_worker_application(
        "Nova video worker",
        lambda: QueueWorker(queue, settings.queue_url, analyzer.handle, LIMITS),
        checks={"event_store": store.check_ready},
    )


def main() -> None:
    """Consume the queue until the task is stopped."""
    server.main(WorkerSettings.from_env, lambda settings: settings.server, create_app, drain_seconds=0)


if __name__ == "__main__":
    main()
