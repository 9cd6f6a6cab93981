"""Nova Sonic as the engine for recordings: what it hears in their sound, minute by minute.

Sonic converses. It tells neither times nor speakers nor the language, and answers at pauses, which nobody
hears. A recording is cut where it is quiet, each part is heard in a session of its own, and a part's text is
a segment that lasts as long as the part.
"""

import array
import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from nova_common.backoff import Backoff
from nova_common.contracts.audio import Transcript, TranscriptSegment
from nova_common.contracts.live import INPUT_RATE, SAMPLE_BYTES
from nova_common.media import UnusableMediaError
from strands.bidi.types.events import BidiOutputEvent, BidiTranscriptDeltaEvent, BidiTranscriptStartEvent
from strands.bidi.types.media import AudioDelta

from nova_audio.live.sonic import ConnectionLostError, is_passing

SECONDS_MAX = 20 * 60
"""Longest recording: at `pace` it is heard in half the 30 minutes that a message may be handled."""

LANGUAGES = frozenset({"de", "en", "es", "fr", "hi", "it", "pt"})
"""What Sonic understands (Amazon Nova 2 user guide, languages of speech)."""

UNKNOWN_LANGUAGE = "und"
"""BCP 47 for a language that nobody determined."""

PROMPT = "You take dictation. Whatever is said, in whatever language, answer with the one word: yes."
"""Keeps the answers short, which are paid for and dropped."""

STOP_SECONDS_MAX = 5.0
BACKOFF = Backoff(first=1, last=20)

_BYTES_PER_SECOND = INPUT_RATE * SAMPLE_BYTES
_WINDOW = INPUT_RATE // 10

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DictationLimits:
    """Seconds unless a name says otherwise."""

    part_seconds: float = 60
    """Of sound in a session, well under its eight minutes; what is lost with one is a minute."""
    cut_seconds: float = 10
    """Of the end of a part, in which the quietest tenth of a second is looked for."""
    pace: float = 2
    """How much faster than people speak sound is sent."""
    frame_seconds: float = 0.1
    trailing_seconds: float = 2
    """Of silence after a part, sent at the pace of speech: by it Sonic knows that the last sentence ended."""
    quiet_seconds_max: float = 30
    """Without anything from the model after all was sent: what it understood has come."""
    session_seconds_max: float = 300
    attempts_max: int = 3
    """Sessions for one part. The queue delivers the recording's message again after that."""
    backoff: Backoff = BACKOFF


class Hearing(Protocol):
    """One session of a speech model (`live.sonic.DictationModel`)."""

    completed: asyncio.Event
    """Set when the model has answered all that it was sent."""

    async def start(self, system_prompt: str) -> None:
        """Open the session."""
        ...

    async def send(self, content: AudioDelta) -> None:
        """Send sound."""
        ...

    async def finish(self) -> None:
        """Say that there is no more."""
        ...

    def receive(self) -> AsyncIterator[BidiOutputEvent]:
        """Yield what the model says."""
        ...

    async def stop(self) -> None:
        """Close the session."""
        ...


class Dictation:
    """Turns sound into a transcript; every recording may be heard again, from the beginning."""

    def __init__(self, new_session: Callable[[], Hearing], limits: DictationLimits) -> None:
        self._new_session = new_session
        self._limits = limits

    def check(self, language: str | None, duration_seconds: float) -> None:
        """Raise UnusableMediaError for what this engine cannot hear."""
        if language is not None and language.partition("-")[0] not in LANGUAGES:
            message = f"the language {language} is not understood, {', '.join(sorted(LANGUAGES))} are"
            raise UnusableMediaError(message)
        if duration_seconds > SECONDS_MAX:
            message = f"the recording lasts {duration_seconds:.0f} s, at most {SECONDS_MAX} s are allowed"
            raise UnusableMediaError(message)

    def transcribe(self, sound: Iterable[bytes], language: str | None) -> tuple[Transcript, int]:
        """Hear 16 kHz sound out, and return the transcript with its number of words.

        Blocks for half of what the sound lasts, and about three seconds a minute of it. UnusableMediaError
        for sound that lasts too long after all; what a session fails with after the last attempt.
        """
        segments: list[TranscriptSegment] = []
        start = 0.0
        for part in parts(sound, self._limits):
            end = start + len(part) / _BYTES_PER_SECOND
            if end > SECONDS_MAX + self._limits.part_seconds:
                message = f"the recording lasts longer than it says, at most {SECONDS_MAX} s are allowed"
                raise UnusableMediaError(message)
            if text := self._heard(part):
                segments.append(TranscriptSegment(start=round(start, 3), end=round(end, 3), text=text))
            start = end
        text = " ".join(segment.text for segment in segments)
        transcript = Transcript(text=text, language=language or UNKNOWN_LANGUAGE, segments=segments)
        return transcript, len(text.split())

    def _heard(self, part: bytes) -> str:
        attempt = 1
        while True:
            try:
                return asyncio.run(self._session(part))
            except Exception as error:
                if attempt >= self._limits.attempts_max or not is_passing(error):
                    raise
                logger.warning("a part of a recording is heard again", extra=_about(error, attempt))
            time.sleep(self._limits.backoff.pause_seconds(attempt))
            attempt += 1

    async def _session(self, part: bytes) -> str:
        model, heard = self._new_session(), _Heard()
        async with asyncio.timeout(self._limits.session_seconds_max):
            try:
                await model.start(PROMPT)
                reading = asyncio.create_task(heard.read(model))
                try:
                    await self._speak(model, part, reading)
                    await model.finish()
                    await self._drain(model, heard, reading)
                finally:
                    reading.cancel()
                    await asyncio.gather(reading, return_exceptions=True)
            finally:
                await _stopped(model)
        return heard.text

    async def _speak(self, model: Hearing, part: bytes, reading: asyncio.Task[None]) -> None:
        limits = self._limits
        silence = bytes(int(limits.trailing_seconds * INPUT_RATE) * SAMPLE_BYTES)
        for sound, pace in ((part, limits.pace), (silence, 1.0)):
            step = int(limits.frame_seconds * INPUT_RATE) * SAMPLE_BYTES
            for at in range(0, len(sound), step):
                if reading.done():
                    # It ends before it was asked to when the session broke off.
                    reading.result()
                await model.send(AudioDelta(format="pcm", source={"bytes": sound[at : at + step]}))
                await asyncio.sleep(limits.frame_seconds / pace)

    async def _drain(self, model: Hearing, heard: "_Heard", reading: asyncio.Task[None]) -> None:
        """Wait until all has come: the model says so, or ends the stream, or has long said nothing."""
        completed = asyncio.create_task(model.completed.wait())
        try:
            while True:
                events = heard.events
                done, _ = await asyncio.wait(
                    {completed, reading},
                    timeout=self._limits.quiet_seconds_max,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if reading in done:
                    with contextlib.suppress(ConnectionLostError):
                        reading.result()
                if done or heard.events == events:
                    return
        finally:
            completed.cancel()


class _Heard:
    """What the model understood so far."""

    def __init__(self) -> None:
        self.events = 0
        self._turns: list[str] = []

    @property
    def text(self) -> str:
        """All of it, in one line."""
        return " ".join(" ".join(self._turns).split())

    async def read(self, model: Hearing) -> None:
        """Take what comes until the session ends."""
        async for event in model.receive():
            self.events += 1
            if isinstance(event, BidiTranscriptStartEvent) and event.role == "user":
                self._turns.append("")
            elif isinstance(event, BidiTranscriptDeltaEvent) and event.role == "user":
                self._turns[-1] += event.delta


def parts(sound: Iterable[bytes], limits: DictationLimits) -> Iterator[bytes]:
    """Cut sound into parts that can be heard at once, each where it is quiet; at most one part is held."""
    most = int(limits.part_seconds * INPUT_RATE) * SAMPLE_BYTES
    waiting = bytearray()
    for piece in sound:
        waiting += piece
        while len(waiting) >= most:
            end = quietest(bytes(waiting[:most]), limits.cut_seconds)
            yield bytes(waiting[:end])
            del waiting[:end]
    if waiting:
        yield bytes(waiting)


def quietest(sound: bytes, seconds: float) -> int:
    """Return where to cut: the middle, in bytes, of the quietest tenth of a second in the last seconds."""
    samples = array.array("h", sound)
    first = max(0, len(samples) - int(seconds * INPUT_RATE))
    begins = range(first, max(first, len(samples) - _WINDOW) + 1, _WINDOW)
    begin = min(begins, key=lambda at: sum(map(abs, samples[at : at + _WINDOW])))
    return min(begin + _WINDOW // 2, len(samples)) * SAMPLE_BYTES


def _about(error: Exception, attempt: int) -> dict[str, object]:
    return {"fields": {"error": type(error).__name__, "attempt": attempt}}


async def _stopped(model: Hearing) -> None:
    """End a session; one that has failed may fail to end, too."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(STOP_SECONDS_MAX):
            await model.stop()
