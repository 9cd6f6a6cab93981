"""Videos are looked into: every accepted format, and all that is none."""

import io

import pytest
from nova_common.media import UnusableMediaError
from nova_video import domain
from nova_video.media import DEMUXERS, probe_seconds

from tests.services.support.audio import tone
from tests.services.support.video import CODECS, CONTENT_TYPES, clip


@pytest.mark.parametrize("media_format", CODECS)
def test_every_accepted_format_is_recognised(media_format: str) -> None:
    assert probe_seconds(io.BytesIO(clip(media_format)), media_format) == pytest.approx(2.0, abs=0.2)


def test_formats_are_those_that_bedrock_takes() -> None:
    import botocore.session  # noqa: PLC0415 - the model of the API, for this test alone

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    taken = set(model.shape_for("VideoBlock").members["format"].enum)  # pyright: ignore
    assert set(DEMUXERS) == set(CODECS) == set(domain.MEDIA_FORMATS.values()) == taken
    assert {kind: domain.MEDIA_FORMATS[kind] for kind in CONTENT_TYPES.values()} == {
        kind: media_format for media_format, kind in CONTENT_TYPES.items()
    }


@pytest.mark.parametrize(
    ("content", "declared", "reason"),
    [
        (b"", "mp4", "corrupt"),
        (b"hello " * 500, "mp4", "corrupt"),
        (clip("mp4")[:600], "mp4", "corrupt"),
        (clip("webm"), "mp4", "mkv, but mp4 was declared"),
        (clip("flv"), "wmv", "flv, but wmv was declared"),
        (tone("mp4"), "mp4", "no video track"),
        (tone("wav"), "mp4", "corrupt"),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n", "mp4", "corrupt"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "mkv", "corrupt"),
    ],
)
def test_what_is_no_such_video_is_refused_with_a_reason(content: bytes, declared: str, reason: str) -> None:
    with pytest.raises(UnusableMediaError, match=reason):
        probe_seconds(io.BytesIO(content), declared)


def test_durations_have_limits() -> None:
    assert domain.duration_fault(0.04) is None
    assert domain.duration_fault(1800) is None
    assert domain.duration_fault(0) == "the video has no duration"
    assert domain.duration_fault(1801) == "the video lasts 1801 s, at most 1800 s are allowed"
