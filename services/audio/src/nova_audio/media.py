"""Looks into uploaded content.

Is it the declared format, is there audio that decodes, how long does it last.
"""

import io
from dataclasses import dataclass

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer

DEMUXERS = {"wav": "wav", "mp3": "mp3", "mp4": "mov", "webm": "matroska", "ogg": "ogg", "flac": "flac"}
"""FFmpeg's demuxer for each media format of Amazon Transcribe that is accepted."""

FRAMES_DECODED_MIN = 10
"""Frames that must decode; noise can look like the start of a frame, hardly like ten of them."""

READ_BYTES = 256 * 1024
"""FFmpeg's reads; its default of 32 KB would cost eight times the calls."""

PACKETS_MAX = 50_000_000
"""Limit of the scan for a duration: four hours in packets of 0.3 ms."""


class UnusableMediaError(Exception):
    """The content cannot be transcribed; the message is meant for its owner."""


@dataclass(frozen=True, slots=True)
class Media:
    """What was found: the media format by Amazon Transcribe's name, and the duration in seconds."""

    media_format: str
    duration_seconds: float


def probe(file: io.IOBase, declared_format: str) -> Media:
    """Inspect content through a seekable file.

    Raises UnusableMediaError when it is corrupt, has no audio, or is not of the declared media format. Only
    the demuxers of accepted formats are admitted, because others (playlists) would open files and addresses
    that the content names.
    """
    try:
        with av.open(
            file,
            mode="r",
            buffer_size=READ_BYTES,
            metadata_errors="replace",
            options={"format_whitelist": ",".join(DEMUXERS.values())},
        ) as container:
            found = _media_format(container)
            if found != declared_format:
                message = f"the content is {found}, but {declared_format} was declared"
                raise UnusableMediaError(message)
            stream = _audio_stream(container)
            _decode_some(container, stream)
            return Media(media_format=found, duration_seconds=_duration_seconds(container, stream))
    except (av.error.FFmpegError, EOFError) as error:
        message = f"the content is corrupt or not the declared kind of recording ({declared_format})"
        raise UnusableMediaError(message) from error


def _media_format(container: InputContainer) -> str:
    names = container.format.name.split(",")
    return next(media_format for media_format, demuxer in DEMUXERS.items() if demuxer in names)


def _audio_stream(container: InputContainer) -> AudioStream:
    if not container.streams.audio:
        message = "the content has no audio track"
        raise UnusableMediaError(message)
    return container.streams.audio[0]


def _decode_some(container: InputContainer, stream: AudioStream) -> None:
    """Decode the first frames; short recordings have fewer, but none of them may fail."""
    frames = 0
    for frame in container.decode(stream):
        frames += 1 if frame.samples else 0
        if frames >= FRAMES_DECODED_MIN:
            return
    if frames == 0:
        message = "the content has an audio track without any sound in it"
        raise UnusableMediaError(message)


def _duration_seconds(container: InputContainer, stream: AudioStream) -> float:
    """Take the duration from the header, or find the end where a live recorder left none."""
    if container.duration is not None and container.duration > 0:
        return round(container.duration / av.time_base, 3)
    if stream.duration is not None and stream.time_base is not None and stream.duration > 0:
        return round(float(stream.duration * stream.time_base), 3)
    return _scanned_duration_seconds(container, stream)


def _scanned_duration_seconds(container: InputContainer, stream: AudioStream) -> float:
    """Read all packets of the track, without decoding, up to the last one's end."""
    container.seek(0)
    end = 0.0
    for count, packet in enumerate(container.demux(stream)):
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if count > PACKETS_MAX:
            break
    return round(end, 3)
