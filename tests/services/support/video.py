"""Videos made on the spot, in every format that is accepted."""

# PyAV's annotations mention numpy, which is not installed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import io
from typing import Any, cast

import av

RATE = 10
SIDE = 64

CODECS = {
    "mkv": ("matroska", "mpeg4"),
    "mov": ("mov", "mpeg4"),
    "mp4": ("mp4", "mpeg4"),
    "webm": ("webm", "libvpx"),
    "flv": ("flv", "flv1"),
    "mpeg": ("mpeg", "mpeg1video"),
    "mpg": ("mpeg", "mpeg1video"),
    "wmv": ("asf", "wmv2"),
    "three_gp": ("3gp", "mpeg4"),
}
"""Container and codec by Amazon Bedrock's name of the format."""

CONTENT_TYPES = {
    "mkv": "video/x-matroska",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "flv": "video/x-flv",
    "mpeg": "video/mpeg",
    "mpg": "video/mpg",
    "wmv": "video/x-ms-wmv",
    "three_gp": "video/3gpp",
}


def clip(media_format: str = "mp4", seconds: float = 2.0) -> bytes:
    """A picture that gets lighter, as a file."""
    container_name, codec = CODECS[media_format]
    rate = 25 if codec == "mpeg1video" else RATE
    out = io.BytesIO()
    # PyAV's types tell a stream by a codec that is written out, not by one from a table.
    with cast("Any", av.open)(out, mode="w", format=container_name) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, "yuv420p"
        for number in range(int(seconds * rate)):
            frame = av.VideoFrame(SIDE, SIDE, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([60 + number % 100]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()
