"""Looks into uploaded recordings: is there audio that decodes, and how long does it last."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from nova_common.contracts.live import INPUT_RATE, SAMPLE_BYTES
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


def speech(file: io.IOBase, declared_format: str) -> Iterator[bytes]:
    """Yield the sound of a recording in pieces: 16-bit samples of one channel, `INPUT_RATE` a second.

    Raises UnusableMediaError where it does not decode.
    """
    with opened(file, declared_format, DEMUXERS, "recording") as container:
        resampler = AudioResampler(format="s16", layout="mono", rate=INPUT_RATE)
        frames = container.decode(_audio_stream(container))
        # Without a frame the resampler gives what it holds back.
        for frame in chain(frames, [None]):
            for converted in resampler.resample(frame):
                yield bytes(converted.planes[0])[: converted.samples * SAMPLE_BYTES]
