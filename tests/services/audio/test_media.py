"""Content is looked into: every accepted format, lengths without a header, and all that is no recording."""

import io
import random

import av
import pytest
from nova_audio.media import probe
from nova_common.media import UnusableMediaError

from tests.services.support.audio import CODECS, silent_video, tone, without_duration


@pytest.mark.parametrize("media_format", CODECS)
def test_every_accepted_format_is_recognised(media_format: str) -> None:
    media = probe(io.BytesIO(tone(media_format, 1.5)), media_format)
    assert media.media_format == media_format
    assert media.duration_seconds == pytest.approx(1.5, abs=0.1)


def test_a_browsers_webm_has_no_duration_and_gets_one() -> None:
    content = without_duration(tone("webm", 2.0))
    with av.open(io.BytesIO(content), mode="r") as container:
        assert container.duration is None
    assert probe(io.BytesIO(content), "webm").duration_seconds == pytest.approx(2.0, abs=0.1)


def test_a_wav_from_a_pipe_has_an_endless_header_and_gets_a_duration() -> None:
    content = bytearray(tone("wav", 2.0))
    data = content.index(b"data")
    content[4:8] = content[data + 4 : data + 8] = b"\xff\xff\xff\xff"
    assert probe(io.BytesIO(bytes(content)), "wav").duration_seconds == pytest.approx(2.0, abs=0.1)


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311 - the same noise in every run


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (b"", "wav"),
        (b"hello " * 500, "mp3"),
        (noise(1, 50_000), "mp3"),
        (noise(2, 50_000), "wav"),
        (bytes(50_000), "flac"),
        (tone("mp4")[:600], "mp4"),
        (tone("wav")[:20], "wav"),
        (b"RIFF\x24\x00\x00\x00WAVE" + bytes(2000), "wav"),
        (b"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n", "mp3"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "wav"),
    ],
    ids=[
        "empty",
        "text",
        "noise as mp3",
        "noise as wav",
        "zeros",
        "mp4 cut off",
        "wav header cut off",
        "wav without format",
        "playlist",
        "list of files",
    ],
)
def test_what_is_no_recording_has_a_reason(content: bytes, declared: str) -> None:
    with pytest.raises(UnusableMediaError, match=r"corrupt|no audio"):
        probe(io.BytesIO(content), declared)


def test_another_format_than_declared_has_a_reason() -> None:
    with pytest.raises(UnusableMediaError, match="the content is flac, but wav was declared"):
        probe(io.BytesIO(tone("flac")), "wav")


def test_a_picture_without_sound_has_a_reason() -> None:
    with pytest.raises(UnusableMediaError, match="no audio track"):
        probe(io.BytesIO(silent_video()), "mp4")


def test_a_broken_middle_of_the_first_frames_has_a_reason() -> None:
    content = bytearray(tone("flac", 3.0))
    content[len(content) // 50 :] = noise(3, len(content) - len(content) // 50)
    with pytest.raises(UnusableMediaError):
        probe(io.BytesIO(bytes(content)), "flac")
