"""What a task of the audio service finds in its environment."""

from dataclasses import dataclass
from typing import Self, override

from nova_common.private_data import PrivateDataSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings, TaskSettings

JOB_PREFIX_CHARACTERS_MAX = 40
"""So that the prefix, a hyphen and a recording's id stay well under the 200 characters of a job name."""


SPEAKERS_MAX = range(2, 31)
"""How many speakers Amazon Transcribe tells apart (API reference, `Settings`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings(TaskSettings):
    """Environment of the API."""

    server: ServerSettings
    identity: IdentitySettings
    region: str
    event_store_table: str
    private_data: PrivateDataSettings
    content_bucket: str
    live_table: str
    """Tickets of live voice."""

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            identity=IdentitySettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            private_data=PrivateDataSettings.read(environment),
            content_bucket=environment.text("CONTENT_BUCKET"),
            live_table=environment.text("LIVE_TABLE"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings(TaskSettings):
    """Environment of the worker."""

    server: ServerSettings
    region: str
    event_store_table: str
    content_bucket: str
    content_key_arn: str
    queue_url: str
    transcription_job_prefix: str
    speakers_max: int
    sentiment_model: str
    sonic_model: str
    """The speech model that hears recordings; empty where Amazon Transcribe does."""
    sonic_region: str

    @classmethod
    @override
    def read(cls, environment: Environment) -> Self:
        return cls(
            server=ServerSettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            content_bucket=environment.text("CONTENT_BUCKET"),
            content_key_arn=environment.text("CONTENT_KEY_ARN"),
            queue_url=environment.url("QUEUE_URL"),
            transcription_job_prefix=environment.bounded_text(
                "TRANSCRIPTION_JOB_PREFIX", JOB_PREFIX_CHARACTERS_MAX
            ),
            speakers_max=environment.integer("SPEAKERS_MAX", SPEAKERS_MAX),
            sentiment_model=environment.text("SENTIMENT_MODEL"),
            sonic_model=(sonic_model := environment.optional_text("SONIC_MODEL")),
            sonic_region=environment.text("SONIC_REGION") if sonic_model else "",
        )
