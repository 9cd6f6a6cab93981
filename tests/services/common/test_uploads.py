"""What holds for every upload: its content type and size, its key, and the notification of its arrival."""

import pytest
from nova_common.contracts.uploads import UploadRequest
from nova_common.problems import Problem
from nova_common.uploads import ObjectCreated, accepted_type, upload_key, uploaded_id
from pydantic import ValidationError

ID = "6f1c2c4e-8a51-4c2b-9a52-6f1b4a6f1c2c"
FORMATS = {"video/mp4": "mp4", "video/webm": "webm"}


def request(content_type: str, size_bytes: int = 5) -> UploadRequest:
    return UploadRequest(filename="a", content_type=content_type, size_bytes=size_bytes)


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("video/mp4", "video/mp4"),
        ("Video/WebM; codecs=vp9", "video/webm"),
        (" video/mp4 ; codecs=avc1", "video/mp4"),
    ],
)
def test_content_types_are_normalised(given: str, normal: str) -> None:
    assert accepted_type(request(given), FORMATS, 5) == normal


@pytest.mark.parametrize("given", ["text/plain", "video/mp", ";video/mp4", " "])
def test_other_content_types_are_refused_with_those_that_are_taken(given: str) -> None:
    with pytest.raises(Problem, match="video/mp4, video/webm") as refused:
        accepted_type(request(given), FORMATS, 5)
    assert refused.value.status_code == 415


def test_what_is_too_large_is_refused_with_the_limit() -> None:
    assert accepted_type(request("video/mp4", 7), FORMATS, 7) == "video/mp4"
    with pytest.raises(Problem, match="at most 7 bytes") as refused:
        accepted_type(request("video/mp4", 8), FORMATS, 7)
    assert refused.value.status_code == 413


@pytest.mark.parametrize(
    "fields",
    [
        {"filename": ""},
        {"filename": "a\nb"},
        {"filename": "a" * 256},
        {"size_bytes": 0},
        {"size_bytes": "5"},
        {"other": 1},
    ],
)
def test_a_request_of_another_shape_is_none(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        UploadRequest.model_validate({"filename": "a", "content_type": "video/mp4", "size_bytes": 5} | fields)


def test_the_key_of_an_upload_leads_back_to_what_it_is_of() -> None:
    assert uploaded_id("audio", upload_key("audio", ID)) == ID


@pytest.mark.parametrize(
    "key",
    [
        "uploads/audio/",
        f"uploads/audio/{ID}/x",
        f"uploads/video/{ID}",
        f"uploads/{ID}",
        f"transcripts/{ID}",
        f"uploads/audio/{ID.upper()}",
        ID,
        "uploads/audio/../x",
    ],
)
def test_other_keys_are_none_of_ours(key: str) -> None:
    with pytest.raises(ValueError, match="not the key of an upload of audio"):
        uploaded_id("audio", key)


def test_a_message_about_another_bucket_is_refused() -> None:
    created = ObjectCreated.model_validate(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": "ours"}, "object": {"key": "k", "size": 5}},
        }
    )
    assert created.key_in("ours") == "k"
    with pytest.raises(ValueError, match="not ours"):
        created.key_in("theirs")
