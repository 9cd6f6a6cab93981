"""Recordings made on the spot, in every format that is accepted."""

# PyAV's annotations mention numpy, which is not installed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import array
import io
import math
import re
from fractions import Fraction

import av
from av.audio.codeccontext import AudioCodecContext

CODECS = {
    "wav": ("wav", "pcm_s16le", 16000),
    "mp3": ("mp3", "libmp3lame", 16000),
    "mp4": ("ipod", "aac", 16000),
    "webm": ("webm", "libopus", 48000),
    "ogg": ("ogg", "libopus", 48000),
    "flac": ("flac", "flac", 16000),
}
"""Container, codec and rate by Amazon Transcribe's name of the media format."""

CONTENT_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "webm": "audio/webm",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
}


def tone(media_format: str, seconds: float = 1.0) -> bytes:
    """A 440 Hz tone as a file."""
    container_name, codec, rate = CODECS[media_format]
    out = io.BytesIO()
    with av.open(out, mode="w", format=container_name) as container:
        stream = container.add_stream(codec, rate=rate)
        context = stream.codec_context
        assert isinstance(context, AudioCodecContext)
        context.layout = "mono"
        resampler = av.AudioResampler(
            format=context.format, layout="mono", rate=rate, frame_size=context.frame_size or 0
        )
        for frame in [*resampler.resample(_frame(rate, seconds)), *resampler.resample(None)]:
            container.mux(context.encode(frame))
        container.mux(context.encode(None))
    return out.getvalue()


def _frame(rate: int, seconds: float) -> av.AudioFrame:
    count = int(rate * seconds)
    samples = array.array("h", (int(8000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(count)))
    frame = av.AudioFrame(format="s16", layout="mono", samples=count)
    frame.sample_rate = rate
    frame.pts = 0
    frame.time_base = Fraction(1, rate)
    plane = frame.planes[0]
    plane.update(samples.tobytes() + bytes(plane.buffer_size - 2 * count))
    return frame


def without_duration(webm: bytes) -> bytes:
    """What a browser's MediaRecorder leaves.

    The header's Duration element (0x4489) turned into a void one.
    """
    start = re.search(rb"\x44\x89\x88", webm)
    assert start is not None, "the muxer wrote no duration"
    # A void element (0xEC) of the same eleven bytes: id, size 9, nine bytes of nothing.
    return webm[: start.start()] + b"\xec\x89" + bytes(9) + webm[start.start() + 11 :]


def silent_video() -> bytes:
    """An mp4 with a picture and without sound."""
    out = io.BytesIO()
    with av.open(out, mode="w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    return out.getvalue()
