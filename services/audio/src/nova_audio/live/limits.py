"""How long, how fast and how much: what one conversation may take."""

from dataclasses import dataclass

from nova_common.contracts.live import INPUT_RATE, SAMPLE_BYTES

INPUT_BYTES_PER_SECOND = INPUT_RATE * SAMPLE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLimits:
    """Seconds unless a name says otherwise."""

    conversation_seconds_max: float = 30 * 60
    renew_after_seconds: float = 7 * 60
    """A session of the model lasts eight minutes (Amazon Nova user guide, quotas): it is renewed before."""
    idle_seconds_max: float = 120
    """Without anything said by anybody. Sonic itself gives up after 175 s."""
    silent_seconds_max: float = 20
    """Without a frame: a client sends sound all the time, also of silence, or it has gone."""
    drain_seconds_max: float = 10
    """For the answer that is being spoken when the task is told to stop."""
    check_seconds: float = 0.5
    """Between two looks at the clock."""
    burst_seconds: float = 10
    rate_max: float = 2
    """How much faster than people speak sound may come, after a burst."""
    frame_seconds_least: float = 0.005
    """What a frame counts as at least, however short it is: so many frames a second are bounded, too."""
    waiting_seconds_max: float = 5
    """Sound that is kept while the model's session is renewed; older sound is dropped."""
    lead_seconds: float = 2
    """How far what is sent may be ahead of what is heard: what lies further is dropped by an interruption."""
    queued_seconds_max: float = 120
    """Sound of answers that waits to be sent."""
    send_seconds_max: float = 20
    """For one frame or message to a client that reads no more."""
    attempts_max: int = 5
    """Sessions of the model that may fail one after another."""
    backoff_first_seconds: float = 0.5
    backoff_last_seconds: float = 8
    turns_max: int = 500


LIVE_LIMITS = LiveLimits()

CONVERSATIONS_MAX = 24
"""Conversations that one task holds: each may have 6 MB of sound waiting, and a thread of the transport."""
