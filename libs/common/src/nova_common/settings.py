"""The only reader of environment variables: typed, and it names everything that is wrong at once."""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

PORT_MAX = 65535


class SettingsError(Exception):
    """The environment lacks variables or holds impossible values; the message lists all of them."""


class Environment:
    """Reads variables one by one and collects what is wrong; `check()` raises once, at the end.

    Until `check()` has passed, values read may be placeholders and must not be used.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self._problems: list[str] = []

    def text(self, name: str) -> str:
        """Return a required variable."""
        value = self._variables.get(name, "").strip()
        if not value:
            self._problems.append(f"{name} is not set")
        return value

    def bounded_text(self, name: str, characters_max: int) -> str:
        """Return a required variable of at most so many characters."""
        value = self.text(name)
        if len(value) > characters_max:
            self._problems.append(f"{name} has {len(value)} characters, allowed are {characters_max}")
        return value

    def optional_text(self, name: str, default: str = "") -> str:
        """Return a variable that may be absent."""
        return self._variables.get(name, "").strip() or default

    def port(self, name: str, default: int) -> int:
        """Return a TCP port, 1 to 65535."""
        value = self.optional_text(name, str(default))
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= PORT_MAX):
            self._problems.append(f"{name} is {value!r}, allowed are 1 to {PORT_MAX}")
            return default
        return int(value)

    def integer(self, name: str, allowed: Sequence[int]) -> int:
        """Return a required whole number out of a few."""
        value = self.text(name)
        if value and value not in {str(number) for number in allowed}:
            self._problems.append(f"{name} is {value!r}, allowed are {', '.join(map(str, allowed))}")
            return allowed[0]
        return int(value or allowed[0])

    def whole_number(self, name: str, most: int) -> int:
        """Return a required whole number, 0 to `most`."""
        value = self.text(name)
        if value and not (value.isascii() and value.isdigit() and int(value) <= most):
            self._problems.append(f"{name} is {value!r}, allowed are 0 to {most}")
            return 0
        return int(value or 0)

    def log_level(self, name: str, default: str) -> str:
        """Return the name of a logging level."""
        value = self.optional_text(name, default).upper()
        allowed = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        if value not in allowed:
            self._problems.append(f"{name} is {value!r}, allowed are {', '.join(allowed)}")
        return value

    def url(self, name: str, default: str | None = None) -> str:
        """Return an http(s) URL without a trailing slash; required unless a default is given."""
        value = self.text(name) if default is None else self.optional_text(name, default)
        if value and not value.startswith(("https://", "http://")):
            self._problems.append(
                f"{name} is {value!r}, allowed is a URL that starts with https:// or http://"
            )
        return value.rstrip("/")

    def region(self) -> str:
        """Return the AWS region; ECS sets both names, boto's own libraries read only the second."""
        value = self.optional_text("AWS_REGION") or self.optional_text("AWS_DEFAULT_REGION")
        problem = "AWS_REGION is not set"
        if not value and problem not in self._problems:
            self._problems.append(problem)
        return value

    def check(self) -> None:
        """Raise SettingsError when anything read so far was missing or wrong."""
        if self._problems:
            message = "the environment is incomplete: " + "; ".join(dict.fromkeys(self._problems))
            raise SettingsError(message)


class TaskSettings(ABC):
    """Base of what a task finds in its environment: subclasses are dataclasses that say how they are read."""

    __slots__ = ()

    @classmethod
    @abstractmethod
    def read(cls, environment: Environment) -> Self:
        """Read all variables; what is wrong is collected by the environment."""

    @classmethod
    def from_env(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the variables; SettingsError names all that are missing or wrong."""
        environment = Environment(variables)
        settings = cls.read(environment)
        environment.check()
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where a process runs and listens, and how it logs."""

    region: str
    host: str
    port: int
    log_level: str
    service_name: str
    metrics_namespace: str
    """Where what it counts is; empty to count nothing."""

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """AWS_REGION, HOST, PORT, LOG_LEVEL, SERVICE_NAME and METRICS_NAMESPACE."""
        return cls(
            region=environment.region(),
            host=environment.optional_text("HOST", "0.0.0.0"),  # noqa: S104 - a container has its own interface
            port=environment.port("PORT", 8000),
            log_level=environment.log_level("LOG_LEVEL", logging.getLevelName(logging.INFO)),
            service_name=environment.text("SERVICE_NAME"),
            metrics_namespace=environment.optional_text("METRICS_NAMESPACE"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySettings:
    """Whose access tokens are accepted."""

    issuer: str
    client_id: str
    jwks_url: str
    data_keys_table: str
    """Where it is noted who was erased."""

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """USER_POOL_ISSUER, USER_POOL_CLIENT_ID, NOVA_JWKS_URL (by default the issuer's), DATA_KEYS_TABLE."""
        issuer = environment.url("USER_POOL_ISSUER")
        return cls(
            issuer=issuer,
            client_id=environment.text("USER_POOL_CLIENT_ID"),
            jwks_url=environment.url("NOVA_JWKS_URL", f"{issuer}/.well-known/jwks.json" if issuer else ""),
            data_keys_table=environment.text("DATA_KEYS_TABLE"),
        )
