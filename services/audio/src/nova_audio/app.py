"""The API of recordings, under `/api/audio`, and of conversations by voice, under `/api/speaking-sessions`.

The lists of both are the projector's.

It answers from the event store and the content bucket, strongly consistent, so that an owner sees a change at
once.
"""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from nova_common import aws, server
from nova_common.application import create_application
from nova_common.content import ContentStore
from nova_common.contracts.audio import (
    RECORDING,
    UPLOAD_BYTES_MAX,
    CreateRecording,
    RecordingCreated,
    RecordingSummary,
    Transcript,
    TranscriptSentiment,
)
from nova_common.contracts.live import (
    LIVE_CONVERSATION,
    LIVE_PATH,
    LiveConversationView,
    LiveTicket,
)
from nova_common.contracts.uploads import Playback
from nova_common.event_store import DynamoEventStore, EventStore
from nova_common.events import EventRegistry
from nova_common.histories import Histories
from nova_common.identity import (
    AuthenticatedCaller,
    AuthenticatedRoute,
    VerifiedAuthorization,
    token_verifier,
)
from nova_common.private_data import private_data
from nova_common.problems import Problem
from nova_common.uploads import accepted_type, upload_key

from nova_audio import domain
from nova_audio.live import domain as live_domain
from nova_audio.live.tickets import Holder, Tickets
from nova_audio.settings import ApiSettings

TITLE = "Nova audio"


class Recordings:
    """What an owner can do with recordings. Another user's recording does not exist for a caller."""

    def __init__(self, store: EventStore, content: ContentStore) -> None:
        self._histories = Histories(store, RECORDING, domain.fold, "recording")
        self._content = content

    def create(self, user: str, body: CreateRecording) -> RecordingCreated:
        """Accept a request to upload; a Problem 415 or 413 when such content cannot be transcribed."""
        content_type = accepted_type(body, domain.MEDIA_FORMATS, UPLOAD_BYTES_MAX)
        recording_id = self._histories.begin(
            domain.request(body, content_type), user, private={"filename": body.filename}
        )
        key = upload_key(domain.MEDIA, recording_id)
        upload = self._content.presign_upload(key, content_type, body.size_bytes)
        return RecordingCreated(id=recording_id, upload=upload)

    def get(self, user: str, recording_id: str) -> domain.Recording:
        """Return a recording of the user; a Problem 404 otherwise."""
        return self._histories.owned(user, recording_id)

    def transcript(self, user: str, recording_id: str) -> Transcript:
        """Return the transcript, checked against its hash; a Problem 409 while there is none."""
        recording = self.get(user, recording_id)
        if recording.status != "completed" or recording.transcript is None:
            reason = f": {recording.reason}" if recording.reason else ""
            detail = f"there is no transcript, the recording is {recording.status}{reason}"
            raise Problem(HTTPStatus.CONFLICT, detail, kind="transcript-not-available")
        transcript = Transcript.model_validate_json(self._content.read_document(recording.transcript))
        if recording.sentiment is None:
            return transcript
        document = self._content.read_document(recording.sentiment)
        return domain.with_sentiment(transcript, TranscriptSentiment.model_validate_json(document))

    def playback(self, user: str, recording_id: str) -> Playback:
        """Return where what was uploaded is played from; a Problem 409 before it was uploaded."""
        recording = self.get(user, recording_id)
        if recording.status == "awaiting_upload":
            detail = "there is no content yet, the recording is awaiting_upload"
            raise Problem(HTTPStatus.CONFLICT, detail, kind="content-not-available")
        key = upload_key(domain.MEDIA, recording.id)
        return self._content.presign_playback(key, recording.content_type)

    def delete(self, user: str, recording_id: str) -> None:
        """Delete content, then the recording; a Problem 404 when it is not there (any more)."""
        keys = domain.content_keys(recording_id)
        self._histories.delete(
            user, recording_id, lambda: self._content.delete_all_versions(keys), domain.delete
        )


class Live:
    """Tickets for live voice, and what was said there. Another user's conversation does not exist."""

    def __init__(self, store: EventStore, tickets: Tickets) -> None:
        self._histories = Histories(store, LIVE_CONVERSATION, live_domain.fold, "conversation")
        self._tickets = tickets

    def ticket(self, user: str, authorization: str) -> LiveTicket:
        """Return a ticket that opens one WebSocket of this user, once, within a minute."""
        ticket, expires_at = self._tickets.issue(Holder(user, authorization))
        return LiveTicket(url=f"{LIVE_PATH}?ticket={ticket}", expires_at=expires_at)

    def get(self, user: str, conversation_id: str) -> LiveConversationView:
        """Return a conversation of the user; a Problem 404 otherwise."""
        return self._histories.owned(user, conversation_id).view().as_of(datetime.now(UTC))

    def delete(self, user: str, conversation_id: str) -> None:
        """Delete a conversation, which ends it if it goes on; a Problem 404 when it is not there."""
        # What was said is in its events, unreadable but for its owner, and gone with the owner's key.
        self._histories.delete(user, conversation_id, lambda: None, live_domain.delete)


def _recordings(request: Request) -> Recordings:
    recordings: Recordings = request.app.state.recordings
    return recordings


def _live(request: Request) -> Live:
    live: Live = request.app.state.live
    return live


type Service = Annotated[Recordings, Depends(_recordings)]
type LiveService = Annotated[Live, Depends(_live)]

router = APIRouter(prefix="/api", route_class=AuthenticatedRoute)


@router.post("/audio", status_code=HTTPStatus.CREATED)
def create_recording(
    body: CreateRecording, caller: AuthenticatedCaller, recordings: Service, response: Response
) -> RecordingCreated:
    """Announce a recording and learn where to upload it."""
    created = recordings.create(caller.user_id, body)
    response.headers["Location"] = f"/api/audio/{created.id}"
    return created


@router.post("/audio/live", status_code=HTTPStatus.CREATED)
def open_live(
    caller: AuthenticatedCaller, authorization: VerifiedAuthorization, live: LiveService, response: Response
) -> LiveTicket:
    """Get a ticket for one conversation by voice; docs/live-voice.md says what it opens."""
    response.headers["Cache-Control"] = "no-store"
    return live.ticket(caller.user_id, authorization)


@router.get("/speaking-sessions/{conversation_id}")
def get_conversation(
    conversation_id: str, caller: AuthenticatedCaller, live: LiveService
) -> LiveConversationView:
    """Return what was said in a conversation by voice."""
    return live.get(caller.user_id, conversation_id)


@router.delete("/speaking-sessions/{conversation_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_conversation(conversation_id: str, caller: AuthenticatedCaller, live: LiveService) -> None:
    """Delete a conversation by voice."""
    live.delete(caller.user_id, conversation_id)


@router.get("/audio/{recording_id}")
def get_recording(recording_id: str, caller: AuthenticatedCaller, recordings: Service) -> RecordingSummary:
    """Tell where a recording stands."""
    return recordings.get(caller.user_id, recording_id).summary()


@router.get("/audio/{recording_id}/transcript")
def get_transcript(recording_id: str, caller: AuthenticatedCaller, recordings: Service) -> Transcript:
    """Return the transcript of a completed recording."""
    return recordings.transcript(caller.user_id, recording_id)


@router.get("/audio/{recording_id}/content")
def get_content(
    recording_id: str, caller: AuthenticatedCaller, recordings: Service, response: Response
) -> Playback:
    """Tell where a recording is played from."""
    response.headers["Cache-Control"] = "no-store"
    return recordings.playback(caller.user_id, recording_id)


@router.delete("/audio/{recording_id}", status_code=HTTPStatus.NO_CONTENT)
def delete_recording(recording_id: str, caller: AuthenticatedCaller, recordings: Service) -> None:
    """Delete a recording with its content and transcript."""
    recordings.delete(caller.user_id, recording_id)


def create_app(settings: ApiSettings) -> FastAPI:
    """Assemble the API from what its environment names."""
    dynamodb = aws.dynamodb(settings.region)
    store = DynamoEventStore(
        dynamodb,
        settings.event_store_table,
        EventRegistry([LIVE_CONVERSATION, RECORDING]),
        private_data(dynamodb, settings.private_data, settings.region),
    )
    app = create_application(
        TITLE,
        checks={"event_store": store.check_ready},
        verifier=token_verifier(settings.identity, settings.region),
    )
    app.state.recordings = Recordings(store, ContentStore(aws.s3(settings.region), settings.content_bucket))
    app.state.live = Live(store, Tickets(dynamodb, settings.live_table))
    app.include_router(router)
    return app


def main() -> None:
    """Serve the API until the task is stopped."""
    server.main(ApiSettings.from_env, lambda settings: settings.server, create_app)


if __name__ == "__main__":
    main()
