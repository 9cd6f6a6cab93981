"""Nova Sonic as the engine for recordings: cut where it is quiet, heard in sessions, asked again."""

import array
import asyncio
import io
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import pytest
from aws_sdk_bedrock_runtime.models import AccessDeniedException, ThrottlingException
from nova_audio.dictation import SECONDS_MAX, Dictation, DictationLimits, parts, quietest
from nova_audio.live.sonic import ConnectionLostError
from nova_audio.media import speech
from nova_common.backoff import Backoff
from nova_common.contracts.live import INPUT_RATE
from nova_common.media import UnusableMediaError
from strands.bidi.types.events import BidiOutputEvent, BidiTranscriptDeltaEvent, BidiTranscriptStartEvent
from strands.bidi.types.media import AudioDelta

from tests.services.support.audio import CODECS, tone

SECOND = INPUT_RATE * 2
QUICK = DictationLimits(
    part_seconds=2,
    cut_seconds=1,
    pace=2000,
    trailing_seconds=0.01,
    frame_seconds=0.5,
    quiet_seconds_max=0.05,
    session_seconds_max=5,
    backoff=Backoff(first=0.001, last=0.002),
)


class Session:
    """A session in which the seconds of sound that came are understood as words."""

    def __init__(
        self, refusal: Exception | None = None, *, is_lost: bool = False, ending: str = "completed"
    ) -> None:
        self.completed = asyncio.Event()
        self.stopped = 0
        self._refusal = refusal
        self._is_lost = is_lost
        self._ending = ending
        self._bytes = 0
        self._finished = asyncio.Event()

    async def start(self, system_prompt: str) -> None:
        assert system_prompt
        if self._refusal is not None:
            raise self._refusal

    async def send(self, content: AudioDelta) -> None:
        self._bytes += len(content.source.get("bytes", b""))

    async def finish(self) -> None:
        self._finished.set()

    async def receive(self) -> AsyncIterator[BidiOutputEvent]:
        if self._is_lost:
            raise ConnectionLostError
        await self._finished.wait()
        for role, words in (("user", ["heard", f"{self._bytes // SECOND}"]), ("assistant", ["Yes."])):
            for word in words:
                yield BidiTranscriptStartEvent(role, "c")  # pyright: ignore[reportArgumentType]
                yield BidiTranscriptDeltaEvent(word, role, "c")  # pyright: ignore[reportArgumentType]
        if self._ending == "completed":
            self.completed.set()
        if self._ending == "lost":
            raise ConnectionLostError
        await asyncio.Event().wait()

    async def stop(self) -> None:
        self.stopped += 1


def engine(sessions: Iterable[Session], limits: DictationLimits = QUICK) -> Dictation:
    waiting = iter(sessions)
    return Dictation(lambda: next(waiting), limits)


def noise(seconds: float) -> bytes:
    return array.array("h", [9000, -9000] * int(seconds * INPUT_RATE / 2)).tobytes()


def test_sound_is_cut_where_it_is_quiet_and_nothing_is_lost() -> None:
    sound = noise(1.3) + bytes(SECOND // 5) + noise(1.5)
    cut = list(parts([sound[at : at + 5000] for at in range(0, len(sound), 5000)], QUICK))
    assert b"".join(cut) == sound
    # The silence is from 1.3 to 1.5 s; the rest is shorter than a part.
    assert [len(part) / SECOND for part in cut] == [pytest.approx(1.4, abs=0.1), pytest.approx(1.6, abs=0.1)]
    assert quietest(b"", 1) == 0
    assert quietest(noise(0.01), 1) <= len(noise(0.01))
    assert list(parts([], QUICK)) == []


@pytest.mark.parametrize("ending", ["completed", "lost", "silent"])
def test_what_is_understood_is_the_text_of_a_part(ending: str) -> None:
    sessions = [Session(ending=ending) for _ in range(2)]
    transcript, words = engine(sessions).transcribe([noise(3)], None)
    # What the model answers is no part of it.
    assert (transcript.text, transcript.language, words) == ("heard 1 heard 1", "und", 4)
    first, second = transcript.segments
    assert (first.start, second.end) == (0, 3)
    assert first.end == second.start
    assert first.speaker is second.speaker is None
    assert [session.stopped for session in sessions] == [1, 1]


def test_silence_has_no_segments_and_a_given_language_stays() -> None:
    transcript, words = engine([]).transcribe([], "de-DE")
    assert (transcript.text, transcript.language, transcript.segments, words) == ("", "de-DE", [], 0)


@pytest.mark.parametrize(
    "failing", [Session(ThrottlingException("too many")), Session(TimeoutError()), Session(is_lost=True)]
)
def test_a_session_that_fails_is_held_again_and_counts_once(failing: Session) -> None:
    transcript, words = engine([failing, Session()]).transcribe([noise(1)], None)
    assert (transcript.text, words) == ("heard 1", 2)
    assert failing.stopped == 1


def test_after_so_many_attempts_it_is_up_to_the_queue() -> None:
    sessions = [Session(ThrottlingException("too many")) for _ in range(4)]
    with pytest.raises(ThrottlingException):
        engine(sessions).transcribe([noise(1)], None)
    assert [session.stopped for session in sessions] == [1, 1, 1, 0]


def test_what_does_not_pass_is_not_tried_again() -> None:
    sessions = [Session(AccessDeniedException("no")), Session()]
    with pytest.raises(AccessDeniedException):
        engine(sessions).transcribe([noise(1)], None)
    assert sessions[1].stopped == 0


def test_a_session_lasts_no_longer_than_it_may() -> None:
    limits = replace(QUICK, session_seconds_max=0.05, quiet_seconds_max=5, attempts_max=1)
    with pytest.raises(TimeoutError):
        engine([Session(ending="silent")], limits).transcribe([noise(1)], None)


@pytest.mark.parametrize(
    ("language", "seconds", "reason"),
    [
        ("ja-JP", 10, "ja-JP is not understood, de, en, es, fr, hi, it, pt are"),
        (None, SECONDS_MAX + 1, "lasts 1201 s, at most 1200 s"),
    ],
)
def test_what_it_cannot_hear_is_refused(language: str | None, seconds: float, reason: str) -> None:
    with pytest.raises(UnusableMediaError, match=reason):
        engine([]).check(language, seconds)
    engine([]).check("en-US", SECONDS_MAX)


def test_a_recording_that_lies_about_its_length_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nova_audio.dictation.SECONDS_MAX", 1)
    with pytest.raises(UnusableMediaError, match="longer than it says"):
        engine([Session() for _ in range(9)]).transcribe([noise(9)], None)


@pytest.mark.parametrize("media_format", CODECS)
def test_any_recording_becomes_sound_for_the_model(media_format: str) -> None:
    sound = b"".join(speech(io.BytesIO(tone(media_format)), media_format))
    assert len(sound) % 2 == 0
    assert max(map(abs, array.array("h", sound))) > 1000


def test_what_does_not_decode_is_its_owners_to_know() -> None:
    with pytest.raises(UnusableMediaError):
        list(speech(io.BytesIO(b"RIFF and nothing else" * 9), "wav"))
