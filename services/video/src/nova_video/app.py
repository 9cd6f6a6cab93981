"""The video service's API: everything under `/api/video` but the list, which the projector serves.

It answers from the event store and the content bucket, strongly consistent, so that an owner sees a change at
once.
"""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.content import ContentStore
from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.uploads import Playback
from nova_common.contracts.video import (
    UPLOAD_BYTES_MAX,
    VIDEO,
    CreateVideo,
    KeyFrames,
    VideoAnalysis,
    VideoCreated,
    VideoSummary,
)
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.histories import Histories
from nova_common.identity import AuthenticatedCaller, AuthenticatedRoute, token_verifier
from nova_common.private_data import private_data
from nova_common.problems import Problem
from nova_common.uploads import accepted_type, upload_key

from nova_video import domain
from nova_video.settings import ApiSettings

TITLE = "Nova video"


class Videos:
    """What an owner can do with videos. Another user's video does not exist for a caller."""

    def __init__(self, store: EventStore, content: ContentStore) -> None:
        self._histories = Histories(store, VIDEO, domain.fold, "video")
        self._content = content

    def create(self, user: str, body: CreateVideo) -> VideoCreated:
        """Accept a request to upload; a Problem 415 or 413 when such content cannot be analysed."""
        content_type = accepted_type(body, domain.MEDIA_FORMATS, UPLOAD_BYTES_MAX)
        video_id = self._histories.begin(
            domain.request(body, content_type), user, private={"filename": body.filename}
        )
        key = upload_key(domain.MEDIA, video_id)
        upload = self._content.presign_upload(key, content_type, body.size_bytes)
        return VideoCreated(id=video_id, upload=upload)

    def get(self, user: str, video_id: str) -> domain.Video:
        """Return a video of the user; a Problem 404 otherwise."""
        return self._histories.owned(user, video_id)

    def analysis(self, user: str, video_id: str) -> VideoAnalysis:
        """Return the analysis, checked against its hash; a Problem 409 while there is none."""
        analysis, _ = self._documents(user, video_id)
        return VideoAnalysis.model_validate_json(self._content.read_document(analysis))

    def key_frames(self, user: str, video_id: str) -> KeyFrames:
        """Return the key frames, checked against their hash; a Problem 409 while there is no analysis."""
        _, key_frames = self._documents(user, video_id)
        if key_frames is None:
            return KeyFrames(frames=[])
        return KeyFrames.model_validate_json(self._content.read_document(key_frames))

    def _documents(self, user: str, video_id: str) -> tuple[DocumentReference, DocumentReference | None]:
        video = self.get(user, video_id)
        if video.analysis is None:
            reason = f": {video.reason}" if video.reason else ""
            detail = f"there is no analysis, the video is {video.status}{reason}"
            raise Problem(HTTPStatus.CONFLICT, detail, kind="analysis-not-available")
        return video.analysis, video.key_frames

    def playback(self, user: str, video_id: str) -> Playback:
        """Return where what was uploaded is played from; a Problem 409 before it was uploaded."""
        video = self.get(user, video_id)
        if video.status == "awaiting_upload":
            detail = "there is no content yet, the video is awaiting_upload"
            raise Problem(HTTPStatus.CONFLICT, detail, kind="content-not-available")
        key = upload_key(domain.MEDIA, video.id)
        return self._content.presign_playback(key, video.content_type)

    def delete(self, user: str, video_id: str) -> None:
        """Delete content, then the video; a Problem 404 when it is not there (any more)."""
        keys = domain.content_keys(video_id)
        self._histories.delete(user, video_id, lambda: self._content.delete_all_versions(keys), domain.delete)


def _videos(request: Request) -> Videos:
    videos: Videos = request.app.state.videos
    return videos


type Service = Annotated[Videos, Depends(_videos)]

router = APIRouter(prefix="/api/video", route_class=AuthenticatedRoute)


@router.post("", status_code=HTTPStatus.CREATED)
def create_video(
    body: CreateVideo, caller: AuthenticatedCaller, videos: Service, response: Response
) -> VideoCreated:
    """Announce a video and learn where to upload it."""
    created = videos.create(caller.user_id, body)
    response.headers["Location"] = f"/api/video/{created.id}"
    return created


@router.get("/{video_id}")
def get_video(video_id: str, caller: AuthenticatedCaller, videos: Service) -> VideoSummary:
    """Tell where a video stands."""
    return videos.get(caller.user_id, video_id).summary()


@router.get("/{video_id}/analysis")
def get_analysis(video_id: str, caller: AuthenticatedCaller, videos: Service) -> VideoAnalysis:
    """Return the analysis of a completed video."""
    return videos.analysis(caller.user_id, video_id)


@router.get("/{video_id}/content")
def get_content(video_id: str, caller: AuthenticatedCaller, videos: Service, response: Response) -> Playback:
    """Tell where a video is played from."""
    response.headers["Cache-Control"] = "no-store"
    return videos.playback(caller.user_id, video_id)


@router.get("/{video_id}/key-frames")
def get_key_frames(video_id: str, caller: AuthenticatedCaller, videos: Service) -> KeyFrames:
    """Return a picture of each scene of a completed video; none where none could be taken."""
    return videos.key_frames(caller.user_id, video_id)


@router.delete("/{video_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_video(video_id: str, caller: AuthenticatedCaller, videos: Service) -> None:
    """Delete a video with its content and analysis."""
    videos.delete(caller.user_id, video_id)


def create_app(settings: ApiSettings) -> FastAPI:
    """Assemble the API from what its environment names."""
    dynamodb = aws.dynamodb(settings.region)
    store = DynamoEventStore(
        dynamodb,
        settings.event_store_table,
        EventRegistry([VIDEO]),
        private_data(dynamodb, settings.private_data, settings.region),
    )
    app = create_application(
        TITLE,
        checks={"event_store": store.check_ready},
        verifier=token_verifier(settings.identity, settings.region),
    )
    app.state.videos = Videos(store, ContentStore(aws.s3(settings.region), settings.content_bucket))
    app.include_router(router)
    return app


def main() -> None:
    """Serve the API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
