"""Hears: 16 kHz speech on stdin becomes lines on stdout, one when speech begins, one for what was said.

`python -m local_cloud.gateway.bedrock.ears` is a process of its own, because a decoder holds the interpreter.
Lines are JSON: {"speaking": true} when somebody begins, {"text": "..."} after a pause; the end of stdin ends
the last utterance and the process.
"""

import importlib
import json
import os
import sys
from typing import Any, BinaryIO

from local_cloud.gateway.transcriber import RATE, UTTERANCE_SECONDS, seconds, words

PAUSE_SECONDS = 0.5
"""Window of the voice activity detector: about this long a pause ends what somebody says."""


class Ears:
    """Cuts a stream of sound into utterances and recognizes them."""

    def __init__(self) -> None:
        sphinx: Any = importlib.import_module("pocketsphinx")
        self._detector: Any = sphinx.Endpointer(window=PAUSE_SECONDS)
        self._decoder: Any = sphinx.Decoder(samprate=RATE, loglevel="FATAL")
        self._spoken = bytearray()
        self.frame_bytes: int = self._detector.frame_bytes

    def hear(self, frame: bytes, last: bool = False) -> list[dict[str, object]]:
        """Return what there is to tell after one more frame; the last one may be shorter."""
        speech = self._detector.end_stream(frame) if last else self._detector.process(frame)
        told: list[dict[str, object]] = []
        if speech is not None:
            if not self._spoken:
                told.append({"speaking": True})
            self._spoken += speech
        ended = last or not self._detector.in_speech or seconds(len(self._spoken)) >= UTTERANCE_SECONDS
        if self._spoken and ended:
            said = words(self._decoder, bytes(self._spoken), 0.0)
            self._spoken.clear()
            told.append({"text": " ".join(word["word"] for word in said)})
        return told


def listen(sound: BinaryIO) -> None:
    """Tell what is heard until the sound ends."""
    ears = Ears()
    last = False
    while not last:
        frame = sound.read(ears.frame_bytes)
        last = len(frame) < ears.frame_bytes
        for line in ears.hear(frame, last):
            sys.stdout.write(f"{json.dumps(line)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    os.nice(1)
    listen(sys.stdin.buffer)
