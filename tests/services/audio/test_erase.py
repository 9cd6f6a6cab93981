"""Erasing a person: nothing is left of their recordings, and all of everybody else's."""

import uuid
from typing import TYPE_CHECKING

import pytest
from nova_audio import domain
from nova_audio.erase import removals
from nova_audio.live import domain as live_domain
from nova_common import aws
from nova_common.contracts.audio import RECORDING, RecordingRequested, TranscriptionFailed
from nova_common.contracts.live import LIVE_CONVERSATION, LiveConversationStarted
from nova_common.erasure import Belongings, ContentErasureSettings
from nova_common.event_store import DynamoEventStore
from nova_common.events import EventRegistry
from nova_common.histories import Histories

from tests.services.support.private import DATA_KEYS_TABLE
from tests.services.support.tables import CONTENT_BUCKET, EVENT_STORE_TABLE, REGION
from tests.services.support.tokens import ALICE, BOB

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_s3 import S3Client

REQUESTED = RecordingRequested(content_type="audio/wav", size_bytes=10)


class Bench:
    """Recordings of people, and the job."""

    def __init__(self, dynamodb: "DynamoDBClient", s3: "S3Client") -> None:
        self.s3 = s3
        registry = EventRegistry([LIVE_CONVERSATION, RECORDING])
        store = DynamoEventStore(dynamodb, EVENT_STORE_TABLE, registry)
        self.conversations = Histories(store, LIVE_CONVERSATION, live_domain.fold, "conversation")
        self.histories = Histories(store, RECORDING, domain.fold, "recording")
        settings = ContentErasureSettings.from_env(
            {
                "SERVICE_NAME": "audio-erase",
                "AWS_REGION": REGION,
                "EVENT_STORE_TABLE": EVENT_STORE_TABLE,
                "DATA_KEYS_TABLE": DATA_KEYS_TABLE,
                "CONTENT_BUCKET": CONTENT_BUCKET,
            }
        )
        self.remove, self.remove_conversations = removals(
            settings, Belongings(aws.dynamodb(REGION), EVENT_STORE_TABLE)
        )

    def recording(self, user: str) -> str:
        """A recording with all objects that one can have, and an earlier version of each."""
        recording_id = self.histories.begin(REQUESTED, user)
        for _ in range(2):
            self.write(recording_id)
        return recording_id

    def write(self, recording_id: str) -> None:
        for key in domain.content_keys(recording_id):
            self.s3.put_object(Bucket=CONTENT_BUCKET, Key=key, Body=b"canary")

    def objects(self) -> list[str]:
        answer = self.s3.list_object_versions(Bucket=CONTENT_BUCKET)
        assert not answer.get("DeleteMarkers")
        return [found.get("Key", "") for found in answer.get("Versions", [])]


@pytest.fixture
def bench(dynamodb: "DynamoDBClient", s3: "S3Client") -> Bench:
    return Bench(dynamodb, s3)


def test_all_of_a_person_goes_and_all_of_others_stays(bench: Bench) -> None:
    mine, failed, others = bench.recording(ALICE), bench.recording(ALICE), bench.recording(BOB)
    bench.histories.record(failed, "cause", lambda _: [TranscriptionFailed(reason="silence")])
    assert bench.remove(ALICE) == {"recordings": 2, "objects": 16}
    assert bench.histories.load(mine).is_deleted
    assert bench.histories.load(failed).is_deleted
    assert not bench.histories.load(others).is_deleted
    assert set(bench.objects()) == set(domain.content_keys(others))


def test_repeated_it_removes_what_came_late(bench: Bench) -> None:
    recording_id = bench.recording(ALICE)
    bench.remove(ALICE)
    version = bench.histories.load(recording_id).version
    bench.write(recording_id)
    assert bench.remove(ALICE) == {"recordings": 0, "objects": 4}
    assert bench.remove(ALICE) == {"recordings": 0, "objects": 0}
    assert bench.histories.load(recording_id).version == version


def test_a_person_without_anything_has_nothing(bench: Bench) -> None:
    bench.recording(BOB)
    assert bench.remove(str(uuid.uuid4())) == {}
    assert len(bench.objects()) == 8


def test_conversations_by_voice_are_deleted_too(bench: Bench) -> None:
    started = LiveConversationStarted(model="m", voice="v")
    mine, others = (bench.conversations.begin(started, user) for user in (ALICE, BOB))
    assert bench.remove_conversations(ALICE) == {"conversations": 1, "objects": 0}
    assert bench.remove_conversations(ALICE) == {"conversations": 0, "objects": 0}
    assert bench.conversations.load(mine).is_deleted
    assert not bench.conversations.load(others).is_deleted


def test_what_is_somebody_elses_is_not_touched(bench: Bench) -> None:
    recording_id = bench.recording(BOB)
    with pytest.raises(ValueError, match="is not that person's"):
        bench.histories.erase(ALICE, recording_id, bench.objects, domain.delete)
    assert not bench.histories.load(recording_id).is_deleted
