"""Looks into uploaded videos: is there a picture that decodes, and how long does it last."""

import io

from av.container import InputContainer
from av.video.stream import VideoStream
from nova_common.media import UnusableMediaError, decode_some, duration_seconds, opened

DEMUXERS = {
    "mkv": "matroska",
    "webm": "matroska",
    "mp4": "mov",
    "mov": "mov",
    "three_gp": "mov",
    "flv": "flv",
    "mpeg": "mpeg",
    "mpg": "mpeg",
    "wmv": "asf",
}
"""FFmpeg's demuxer for each format of Amazon Bedrock that is accepted."""

FRAMES_DECODED_MIN = 3
"""Pictures that must decode, of a track that has as many."""


def probe_seconds(file: io.IOBase, declared_format: str) -> float:
    """Return how long a video in a seekable file lasts.

    Raises UnusableMediaError when it is corrupt, has no picture, or is not of the declared format.
    """
    with opened(file, declared_format, DEMUXERS, "video") as container:
        stream = video_stream(container)
        if decode_some(container, stream, FRAMES_DECODED_MIN) == 0:
            message = "the content has a video track without any picture in it"
            raise UnusableMediaError(message)
        return duration_seconds(container, stream)


def video_stream(container: InputContainer) -> VideoStream:
    """Return the first track of pictures; UnusableMediaError when there is none."""
    if not container.streams.video:
        message = "the content has no video track"
        raise UnusableMediaError(message)
    return container.streams.video[0]
