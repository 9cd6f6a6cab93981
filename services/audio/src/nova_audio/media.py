"""Looks into uploaded recordings: is there audio that decodes, and how long does it last."""

import io
from dataclasses import dataclass

from av.audio.stream import AudioStream
from av.container import InputContainer
from nova_common.media import UnusableMediaError, decode_some, duration_seconds, opened

DEMUXERS = {"wav": "wav", "mp3": "mp3", "mp4": "mov", "webm": "matroska", "ogg": "ogg", "flac": "flac"}
"""FFmpeg's demuxer for each media format of Amazon Transcribe that is accepted."""

FRAMES_DECODED_MIN = 10
"""Frames that must decode; noise can look like the start of a frame, hardly like ten of them."""


@dataclass(frozen=True, slots=True)
class Media:
    """What was found: the media format by Amazon Transcribe's name, and the duration in seconds."""

    media_format: str
    duration_seconds: float


def probe(file: io.IOBase, declared_format: str) -> Media:
    """Inspect content through a seekable file.

    Raises UnusableMediaError when it is corrupt, has no audio, or is not of the declared media format.
    """
    with opened(file, declared_format, DEMUXERS, "recording") as container:
        stream = _audio_stream(container)
        # Short recordings have fewer frames, but none of them may fail.
        if decode_some(container, stream, FRAMES_DECODED_MIN) == 0:
            message = "the content has an audio track without any sound in it"
            raise UnusableMediaError(message)
        return Media(media_format=declared_format, duration_seconds=duration_seconds(container, stream))


def _audio_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        message = "the content has no audio track"
        raise UnusableMediaError(message)
    return container.streams.audio[0]
