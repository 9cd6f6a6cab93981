"""Recordings in the formats that people have, made from a sample with PyAV."""

from pathlib import Path
from typing import Any, cast

import av

# suffix -> (content type, container format, codec, sample rate)
FORMATS = {
    "wav": ("audio/wav", "wav", "pcm_s16le", 16000),
    "mp3": ("audio/mpeg", "mp3", "libmp3lame", 44100),
    "m4a": ("audio/mp4", "ipod", "aac", 44100),
    "webm": ("audio/webm", "webm", "libopus", 48000),
    "ogg": ("audio/ogg", "ogg", "libopus", 48000),
    "flac": ("audio/flac", "flac", "flac", 16000),
}


def transcode(sample: Path, target: Path) -> str:
    """Write `sample` to `target` in the format of its suffix; returns the content type."""
    content_type, container, codec, rate = FORMATS[target.suffix.lstrip(".")]
    # PyAV's types tell a stream by a codec that is written out, not by one from a table.
    create = cast("Any", av.open)
    with av.open(str(sample)) as source, create(str(target), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        stream.layout = "mono"
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
        frames = [item for frame in source.decode(audio=0) for item in resampler.resample(frame)]
        fifo = av.AudioFifo()
        for frame in [*frames, *resampler.resample(None)]:
            frame.pts = None
            fifo.write(frame)
        size = stream.codec_context.frame_size or 1024
        while (frame := fifo.read(size, partial=True)) is not None:
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return content_type
