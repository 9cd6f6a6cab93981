"""Takes pictures out of a video, one from the middle of each scene, so that it can be found by what it shows.

Bounded: at most `KEY_FRAMES_MAX` pictures of `SIDE_PIXELS_MAX`, and `FRAMES_DECODED_MAX` decoded for each. A
stretch that does not decode has no picture; the analysis is worth having without it.
"""

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from nova_common.contracts.video import KEY_FRAME_BYTES_MAX, KEY_FRAMES_MAX, KeyFrame, Scene
from nova_common.media import opened
from nova_common.metrics import Metric, counting

from nova_video.media import DEMUXERS, video_stream

SIDE_PIXELS_MAX = 640
"""The longer side of a picture: enough to tell what it shows."""

FRAMES_DECODED_MAX = 750
"""Decoded on the way to one picture: three times as many as x264 has between full ones by default (250)."""

QUALITY = "4"
"""FFmpeg's quantiser of JPEG, 2 (best) to 31: about 50 KB for a picture of this size."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A stretch of the video in seconds, of which a picture is wanted, and the number of its scene."""

    start: float
    end: float
    scene: int | None = None

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def take_key_frames(
    file: io.IOBase, declared_format: str, scenes: Sequence[Scene], duration_seconds: float
) -> list[KeyFrame]:
    """Return pictures of a video in a seekable file, in the order of its scenes.

    UnusableMediaError when it is not of the declared format.
    """
    pictures: list[KeyFrame] = []
    wanted = _wanted(scenes, duration_seconds)
    with opened(file, declared_format, DEMUXERS, "video") as container:
        stream = video_stream(container)
        for stretch in wanted:
            try:
                picture = _picture(container, stream, stretch)
            except (av.error.FFmpegError, EOFError):
                picture = None
            if picture is not None:
                pictures.append(picture)
    if len(pictures) < len(wanted):
        counted = counting(Metric.DEGRADED, wanted=len(wanted), taken=len(pictures))
        logger.warning("not every scene of a video has a picture", extra=counted)
    return pictures


def _wanted(scenes: Sequence[Scene], duration_seconds: float) -> list[_Wanted]:
    """Return the stretches to take pictures of: scenes at equal distances when there are too many."""
    if not scenes:
        return [_Wanted(start=0.0, end=duration_seconds)]
    count = min(len(scenes), KEY_FRAMES_MAX)
    chosen = [place * len(scenes) // count for place in range(count)]
    return [_Wanted(start=scenes[number].start, end=scenes[number].end, scene=number) for number in chosen]


def _picture(container: InputContainer, stream: VideoStream, wanted: _Wanted) -> KeyFrame | None:
    """Return a picture from a stretch, from its middle if that is within reach; None when none is."""
    time_base, begin = _clock(stream)
    container.seek(begin + int(wanted.middle / time_base), stream=stream)
    found: VideoFrame | None = None
    at = 0.0
    for count, frame in enumerate(container.decode(stream), start=1):
        moment = None if frame.pts is None else float((frame.pts - begin) * time_base)
        if moment is not None and wanted.start <= moment <= wanted.end:
            found, at = frame, moment
        if count >= FRAMES_DECODED_MAX or (moment is not None and moment >= wanted.middle):
            break
    content = None if found is None else _jpeg(found)
    if content is None or len(content) > KEY_FRAME_BYTES_MAX:
        return None
    return KeyFrame(at=round(at, 3), scene=wanted.scene, image=content)


def _clock(stream: VideoStream) -> tuple[Fraction, int]:
    """Return the seconds of one tick, and the tick at which the video starts."""
    return stream.time_base or Fraction(1, av.time_base), stream.start_time or 0


def _jpeg(frame: VideoFrame) -> bytes:
    """Return a picture as JPEG, its sides even and at most `SIDE_PIXELS_MAX`."""
    scale = min(1.0, SIDE_PIXELS_MAX / max(frame.width, frame.height))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (frame.width, frame.height))
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts = 0
    encoder = cast("Any", av.CodecContext.create("mjpeg", "w"))
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1)
    encoder.options = {"qmin": QUALITY, "qmax": QUALITY}
    return b"".join(bytes(packet) for packet in [*encoder.encode(picture), *encoder.encode(None)])
