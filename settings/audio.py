"""What is done with recordings."""

from dataclasses import dataclass
from enum import StrEnum

from settings.values import Values

KEYS = ("speakersMax", "transcriptionEngine")

_SPEAKERS = (2, 30)
"""Amazon Transcribe tells so many apart (API reference, ``Settings``)."""


class TranscriptionEngine(StrEnum):
    """What turns recordings into transcripts."""

    TRANSCRIBE = "transcribe"
    SONIC = "sonic"


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSettings:
    """What is done with recordings."""

    speakers_max: int
    """Speakers that are told apart in one; Amazon Transcribe alone tells them."""
    engine: TranscriptionEngine

    @property
    def sonic_hears_recordings(self) -> bool:
        """Whether the speech model of live voice transcribes them."""
        return self.engine is TranscriptionEngine.SONIC


def read_audio(values: Values) -> AudioSettings:
    """Read what is done with recordings; raises ``SettingsError``."""
    return AudioSettings(
        speakers_max=values.integer("speakersMax", *_SPEAKERS),
        engine=values.choice("transcriptionEngine", TranscriptionEngine),
    )
