"""Amazon Transcribe's requests and results. Stubbed answers are checked against the service's own model."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from nova_audio.transcription import (
    InvalidResultError,
    JobRejectedError,
    JobState,
    TranscriptionService,
    read_result,
)
from nova_common import aws
from nova_common.contracts.audio import TranscriptSegment

if TYPE_CHECKING:
    from types_boto3_transcribe import TranscribeServiceClient

JOB = "nova-dev-1"


@pytest.fixture
def client(aws_environment: None) -> "TranscribeServiceClient":
    del aws_environment
    return aws.transcribe("us-east-1")


def start(client: "TranscribeServiceClient", language: str | None = None) -> None:
    service = TranscriptionService(client, "bucket", "key-arn", speakers_max=4)
    service.start(JOB, "uploads/1", "mp4", "transcribe/1.json", language)


EXPECTED: dict[str, Any] = {
    "TranscriptionJobName": JOB,
    "Media": {"MediaFileUri": "s3://bucket/uploads/1"},
    "MediaFormat": "mp4",
    "OutputBucketName": "bucket",
    "OutputKey": "transcribe/1.json",
    "OutputEncryptionKMSKeyId": "key-arn",
    "Settings": {"ShowSpeakerLabels": True, "MaxSpeakerLabels": 4},
}


@pytest.mark.parametrize(
    ("language", "chosen"), [(None, {"IdentifyLanguage": True}), ("de-DE", {"LanguageCode": "de-DE"})]
)
def test_a_job_is_started(
    client: "TranscribeServiceClient", language: str | None, chosen: dict[str, Any]
) -> None:
    with Stubber(client) as stub:
        stub.add_response("start_transcription_job", {}, EXPECTED | chosen)
        start(client, language)
        stub.assert_no_pending_responses()


def test_a_job_that_exists_is_started(client: "TranscribeServiceClient") -> None:
    with Stubber(client) as stub:
        stub.add_client_error("start_transcription_job", "ConflictException")
        start(client)


def test_a_refused_job_has_a_reason(client: "TranscribeServiceClient") -> None:
    with Stubber(client) as stub:
        stub.add_client_error("start_transcription_job", "BadRequestException", "no such language")
        with pytest.raises(JobRejectedError, match="no such language"):
            start(client, "xx-XX")
        stub.add_client_error("start_transcription_job", "LimitExceededException")
        with pytest.raises(ClientError):
            start(client)


def test_the_state_of_a_job(client: "TranscribeServiceClient") -> None:
    answers = [
        {"TranscriptionJobStatus": "COMPLETED", "LanguageCode": "en-US"},
        {"TranscriptionJobStatus": "FAILED", "FailureReason": "no"},
        {"TranscriptionJobStatus": "IN_PROGRESS"},
    ]
    with Stubber(client) as stub:
        for answer in answers:
            stub.add_response(
                "get_transcription_job", {"TranscriptionJob": answer}, {"TranscriptionJobName": JOB}
            )
        service = TranscriptionService(client, "bucket", "key-arn", speakers_max=4)
        assert service.state(JOB) == JobState("COMPLETED", "en-US", None)
        assert service.state(JOB) == JobState("FAILED", None, "no")
        assert service.state(JOB) == JobState("IN_PROGRESS", None, None)


def word(
    content: str, start: float, end: float, speaker: str | None = None, confidence: str = "0.9"
) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "pronunciation",
        "start_time": f"{start:.2f}",
        "end_time": f"{end:.2f}",
        "alternatives": [{"confidence": confidence, "content": content}],
    }
    return item | ({"speaker_label": speaker} if speaker else {})


def mark(content: str, speaker: str | None = None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "type": "punctuation",
        "alternatives": [{"confidence": "0.0", "content": content}],
    }
    return item | ({"speaker_label": speaker} if speaker else {})


def result(items: list[dict[str, Any]], text: str = "text", **more: Any) -> bytes:
    results = {"transcripts": [{"transcript": text}], "items": items, **more}
    return json.dumps({"jobName": JOB, "status": "COMPLETED", "results": results}).encode()


def test_segments_of_the_service_are_taken() -> None:
    items = [
        word("Hello", 0.1, 0.5, "spk_0", "0.8"),
        mark(".", "spk_0"),
        word("Hi", 1.0, 1.2, "spk_1", "0.6"),
    ]
    given: list[dict[str, Any]] = [
        {
            "transcript": "Hello.",
            "start_time": "0.1",
            "end_time": "0.5",
            "speaker_label": "spk_0",
            "items": [0, 1],
        },
        {"transcript": "Hi", "start_time": "1.0", "end_time": "1.2", "items": [2, 99]},
    ]
    transcript, words = read_result(result(items, "Hello. Hi", audio_segments=given), JOB, "en-US")
    assert words == 2
    assert transcript.text == "Hello. Hi"
    assert transcript.segments == [
        TranscriptSegment(start=0.1, end=0.5, text="Hello.", speaker="spk_0", confidence=0.8),
        TranscriptSegment(start=1.0, end=1.2, text="Hi", speaker="spk_1", confidence=0.6),
    ]


def test_a_segment_of_the_service_is_split_where_somebody_else_speaks() -> None:
    items = [
        word("Ready", 0.1, 0.5, "spk_0"),
        mark("?", "spk_0"),
        word("Not", 0.6, 0.8, "spk_1"),
        word("yet", 0.9, 1.2, "spk_1"),
        mark(".", "spk_1"),
    ]
    given: dict[str, Any] = {
        "transcript": "Ready? Not yet.",
        "start_time": "0.1",
        "end_time": "1.2",
        "speaker_label": "spk_0",
        "items": [0, 1, 2, 3, 4],
    }
    transcript, _ = read_result(result(items, "Ready? Not yet.", audio_segments=[given]), JOB, "en-US")
    told = [(segment.speaker, segment.text, segment.start, segment.end) for segment in transcript.segments]
    assert told == [("spk_0", "Ready?", 0.1, 0.5), ("spk_1", "Not yet.", 0.6, 1.2)]


def test_segments_are_built_from_items() -> None:
    items = [
        word("One", 0, 0.4, "spk_0", "1.0"),
        word("two", 0.5, 0.8, "spk_0", "0.5"),
        mark(",", "spk_0"),
        word("three", 0.9, 1.2, "spk_0"),
        mark(".", "spk_0"),
        word("Four", 1.3, 1.5, "spk_0"),
        word("five", 1.6, 1.8, "spk_1"),
        word("six", 3.4, 3.6, "spk_1"),
    ]
    transcript, words = read_result(result(items), JOB, "en-US")
    assert words == 6
    assert [segment.text for segment in transcript.segments] == ["One two, three.", "Four", "five", "six"]
    first = transcript.segments[0]
    assert (first.start, first.end, first.speaker, first.confidence) == (0.0, 1.2, "spk_0", 0.8)


def test_languages_without_spaces_get_none() -> None:
    items = [word("今日", 0, 0.4), word("は", 0.5, 0.8), mark("。"), word("雨", 0.9, 1.0)]
    transcript, _ = read_result(result(items), JOB, "ja-JP")
    assert [segment.text for segment in transcript.segments] == ["今日は。", "雨"]


def test_silence_is_an_empty_transcript() -> None:
    transcript, words = read_result(result([], ""), JOB, "en-US")
    assert (transcript.text, transcript.segments, words) == ("", [], 0)
    assert transcript.model_dump_json() == '{"text":"","language":"en-US","segments":[]}'
    assert read_result(result([mark(".")], "."), JOB, "en-US")[0].segments == []


def test_an_identified_language_may_stand_in_the_result() -> None:
    assert read_result(result([], language_code="fr-FR"), JOB, None)[0].language == "fr-FR"
    assert read_result(result([], language_code="fr-FR"), JOB, "de-DE")[0].language == "de-DE"
    with pytest.raises(InvalidResultError, match="which language"):
        read_result(result([]), JOB, None)


def test_words_without_confidence_or_speaker() -> None:
    item = word("One", 0, 0.4)
    del item["alternatives"][0]["confidence"]
    (segment,) = read_result(result([item]), JOB, "en-US")[0].segments
    assert segment.model_dump() == {"start": 0.0, "end": 0.4, "text": "One"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"[]",
        b'{"jobName": "nova-dev-1"}',
        b'{"jobName": "nova-dev-1", "results": {"transcripts": []}}',
        result([{"type": "pronunciation", "alternatives": []}]),
        result([word("x", 0, 1, confidence="high")]),
        result([word("x", float("nan"), 1)]),
    ],
)
def test_an_unreadable_result_is_named_so(raw: bytes) -> None:
    with pytest.raises(InvalidResultError, match="could not be read"):
        read_result(raw, JOB, "en-US")


def test_the_result_of_another_job_is_refused() -> None:
    with pytest.raises(InvalidResultError, match="another recording"):
        read_result(result([]), "nova-dev-2", "en-US")
