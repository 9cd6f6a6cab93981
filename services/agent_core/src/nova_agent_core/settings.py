"""What a task of the coordinator finds in its environment, and the limits that it keeps to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from nova_agent_tools.mcp_servers import McpServer, own_server, read_servers
from nova_agent_tools.services import ServiceUrls
from nova_common.embeddings import EmbeddingSettings
from nova_common.settings import Environment, IdentitySettings, ServerSettings, SettingsError
from nova_common.vector_index import VectorSettings

HEARTBEAT_SECONDS_DEFAULT = 15
"""Between two signs of life of a stream: half of the shortest idle time-out on the way (REST APIs, 30 s)."""

HEARTBEAT_SECONDS_MAX = 30
"""Beyond it a REST API may close a stream that is only waiting."""

QUOTA_USD_MAX = 1_000_000
"""Beyond it a quota is a slip of the pen."""

MEMORY_KINDS = ("redis", "process")
"""Where sessions are remembered: in Redis, shared by all tasks, or in the process that has the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """How long one message may keep a model busy, and how much of it."""

    connect_seconds_max: float = 3
    read_seconds_max: float = 60
    """The longest silence of the model: before its first token, and between two."""

    attempts_max: int = 2
    """Calls of one request, the first one included: somebody is waiting, so there is one retry."""

    turn_seconds_max: float = 180

    turns_at_once_max: int = 64
    """Messages that one task answers at a time: each holds a thread and a connection while it streams."""


MODEL_LIMITS = ModelLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """Where short-term memory is, and as whom the coordinator signs in there."""

    url: str
    username: str
    password: str = field(repr=False)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """REDIS_URL, REDIS_USERNAME and REDIS_PASSWORD."""
        return cls(
            url=environment.text("REDIS_URL"),
            username=environment.text("REDIS_USERNAME"),
            password=environment.text("REDIS_PASSWORD"),
        )

    def check(self) -> None:
        """Raise SettingsError for an address without TLS or with credentials in it; names no credentials."""
        address = urlsplit(self.url)
        if address.scheme != "rediss" or not address.hostname:
            message = "REDIS_URL does not start with rediss:// and a host; memory is reached over TLS only"
            raise SettingsError(message)
        if address.username or address.password:
            message = "REDIS_URL holds credentials; allowed are REDIS_USERNAME and REDIS_PASSWORD only"
            raise SettingsError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardrailSettings:
    """The guardrail that questions and answers pass."""

    id: str
    """Its id or ARN."""
    version: str

    @classmethod
    def read(cls, environment: Environment) -> Self | None:
        """GUARDRAIL_ID and GUARDRAIL_VERSION; None where neither is set."""
        names = ("GUARDRAIL_ID", "GUARDRAIL_VERSION")
        if not any(environment.optional_text(name) for name in names):
            return None
        guardrail, version = (environment.text(name) for name in names)
        return cls(id=guardrail, version=version)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Environment of the API."""

    server: ServerSettings
    identity: IdentitySettings
    region: str
    event_store_table: str
    content_bucket: str
    usage_table: str
    quota_usd_per_month: int
    """Of each user; 0 for none."""
    behaviour: str
    """Version of the behaviour that serves."""
    model_id: str
    """What the model is called by: its id, or the ARN of a profile."""
    model_name: str
    """What it is, whatever it is called by: the id of the model or of the profile of a geography."""
    model_region: str
    guardrail: GuardrailSettings | None
    vectors: VectorSettings
    """The index of what people want kept."""
    embedding: EmbeddingSettings
    memory: MemorySettings | None
    """None where a session has a process of its own, which remembers it."""
    services: ServiceUrls
    mcp_servers: tuple[McpServer, ...]
    own_mcp_server: McpServer | None
    """The platform's own, which pays for what its tools answer; None where it buys nothing."""
    heartbeat_seconds: int

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the variables; SettingsError names all that are missing or wrong."""
        environment = Environment(variables)
        heartbeat = environment.optional_text("HEARTBEAT_SECONDS", str(HEARTBEAT_SECONDS_DEFAULT))
        kind = environment.optional_text("SESSION_MEMORY", MEMORY_KINDS[0])
        memory = MemorySettings.read(environment) if kind != "process" else None
        is_count = heartbeat.isascii() and heartbeat.isdigit()
        settings = cls(
            server=ServerSettings.read(environment),
            identity=IdentitySettings.read(environment),
            region=environment.region(),
            event_store_table=environment.text("EVENT_STORE_TABLE"),
            content_bucket=environment.text("CONTENT_BUCKET"),
            usage_table=environment.text("USAGE_TABLE"),
            quota_usd_per_month=environment.whole_number("QUOTA_USD_PER_MONTH", QUOTA_USD_MAX),
            behaviour=environment.text("BEHAVIOUR"),
            model_id=environment.text("MODEL_ID"),
            model_name=environment.text("MODEL_NAME"),
            model_region=environment.text("MODEL_REGION"),
            guardrail=GuardrailSettings.read(environment),
            vectors=VectorSettings.read(environment),
            embedding=EmbeddingSettings.read(environment),
            memory=memory,
            services=ServiceUrls.read(environment),
            mcp_servers=read_servers(environment.optional_text("MCP_SERVERS")),
            own_mcp_server=own_server(
                environment.optional_text("MCP_SERVER_URL"), environment.optional_text("MCP_SERVER_TOOLS")
            ),
            heartbeat_seconds=int(heartbeat) if is_count else 0,
        )
        environment.check()
        if kind not in MEMORY_KINDS:
            message = f"SESSION_MEMORY is {kind!r}, allowed are {', '.join(MEMORY_KINDS)}"
            raise SettingsError(message)
        if memory is not None:
            memory.check()
        if not 1 <= settings.heartbeat_seconds <= HEARTBEAT_SECONDS_MAX:
            message = f"HEARTBEAT_SECONDS is {heartbeat!r}, allowed are 1 to {HEARTBEAT_SECONDS_MAX}"
            raise SettingsError(message)
        return settings
