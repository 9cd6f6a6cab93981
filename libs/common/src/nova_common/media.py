"""Looks into uploaded media with FFmpeg (PyAV: the extra `media` of this package).

Is it the declared format, does it decode, how long does it last.
"""

import io
import math
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import av
import av.error
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

READ_BYTES = 256 * 1024
"""FFmpeg's reads; its default of 32 KB would cost eight times the calls."""

PACKETS_MAX = 50_000_000
"""Limit of the scan for a duration: four hours in packets of 0.3 ms."""

_WITHOUT_HEADER = frozenset({"mpeg"})
"""Formats that say no duration: FFmpeg's estimate by the last packets is up to a second short."""


class UnusableMediaError(Exception):
    """The content cannot be used; the message is meant for its owner."""


@contextmanager
def opened(
    file: io.IOBase, declared_format: str, demuxers: Mapping[str, str], noun: str
) -> Generator[InputContainer]:
    """Give the content of a seekable file as a container; `demuxers` are FFmpeg's, by media format.

    Raises UnusableMediaError when it is not of the declared format, or whatever is done with it finds that
    it is corrupt. Only the demuxers of accepted formats are admitted, because others (playlists) would open
    files and addresses that the content names.
    """
    try:
        with av.open(
            file,
            mode="r",
            buffer_size=READ_BYTES,
            metadata_errors="replace",
            options={"format_whitelist": ",".join(dict.fromkeys(demuxers.values()))},
        ) as container:
            _check_format(container, declared_format, demuxers)
            yield container
    except (av.error.FFmpegError, EOFError) as error:
        message = f"the content is corrupt or not the declared kind of {noun} ({declared_format})"
        raise UnusableMediaError(message) from error


def _check_format(container: InputContainer, declared_format: str, demuxers: Mapping[str, str]) -> None:
    names = container.format.name.split(",")
    if demuxers[declared_format] not in names:
        found = next(media_format for media_format, demuxer in demuxers.items() if demuxer in names)
        message = f"the content is {found}, but {declared_format} was declared"
        raise UnusableMediaError(message)


def decode_some(container: InputContainer, stream: AudioStream | VideoStream, frames_enough: int) -> int:
    """Decode the first frames and return how many: `frames_enough`, or all of a shorter track.

    An FFmpegError when one of them does not decode. A frame without a sample is none.
    """
    frames = 0
    for frame in container.decode(stream):
        frames += frame.samples > 0 if isinstance(frame, AudioFrame) else 1
        if frames >= frames_enough:
            break
    return frames


def duration_seconds(container: InputContainer, stream: AudioStream | VideoStream) -> float:
    """Take the duration from the header, or find the end where a format or a live recorder has none there."""
    if container.format.name in _WITHOUT_HEADER:
        return _scanned_duration_seconds(container, stream)
    if container.duration is not None and container.duration > 0:
        return round(container.duration / av.time_base, 3)
    if stream.duration is not None and stream.time_base is not None and stream.duration > 0:
        return round(float(stream.duration * stream.time_base), 3)
    return _scanned_duration_seconds(container, stream)


def _scanned_duration_seconds(container: InputContainer, stream: AudioStream | VideoStream) -> float:
    """Read all packets of the track, without decoding, from the first one's begin to the last one's end."""
    container.seek(0)
    begin, end = math.inf, -math.inf
    for count, packet in enumerate(container.demux(stream)):
        if packet.pts is not None:
            begin = min(begin, float(packet.pts * packet.time_base))
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if count > PACKETS_MAX:
            break
    return round(max(0.0, end - begin), 3)
