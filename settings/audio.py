"""What is done with recordings."""

from dataclasses import dataclass

from settings.values import Values

KEYS = ("speakersMax",)

_SPEAKERS = (2, 30)
"""Amazon Transcribe tells so many apart (API reference, ``Settings``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSettings:
    """What is done with recordings."""

    speakers_max: int
    """Speakers that are told apart in one."""


def read_audio(values: Values) -> AudioSettings:
    """Read what is done with recordings; raises ``SettingsError``."""
    return AudioSettings(speakers_max=values.integer("speakersMax", *_SPEAKERS))
