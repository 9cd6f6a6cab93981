"""The platform that a command works on: the one on this machine, or a stack in AWS."""

import os
from dataclasses import dataclass
from typing import Any, cast

import boto3
from botocore.config import Config

from cli import platform
from cli.engine import engine_for
from cli.errors import NovaError
from cli.home import CHECKOUT, Home
from cli.tools import find_uv
from pulumi_cli.engine import BACKEND, Engine, problem

LOCAL = "local"
"""The stack of the platform on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A platform's outputs, and clients of its AWS APIs."""

    outputs: dict[str, Any]
    region: str
    session: boto3.session.Session
    endpoint: str | None
    """Of the local cloud; None where the clients know AWS's own."""

    def client(self, service: str, special: Config | None = None, *, region: str = "") -> Any:  # noqa: ANN401 (made at run time)
        """Return a client of an AWS API, with special settings or in another region perhaps."""
        config = Config(retries={"mode": "standard", "total_max_attempts": 4}).merge(special or Config())
        return cast("Any", self.session).client(
            service, endpoint_url=self.endpoint, region_name=region or self.region, config=config
        )

    def output(self, name: str) -> Any:  # noqa: ANN401 (JSON)
        """Return an output; NovaError when the stack was brought up by an older program."""
        if name not in self.outputs:
            raise NovaError(f"the stack has no output {name}: bring it up with this version of the program")
        return self.outputs[name]


def find_target(home: Home, stack: str) -> Target:
    """Return the stack of that name in AWS, with the credentials of the shell; the local one without a name.

    Raises NovaError when it is not there.
    """
    if stack in ("", LOCAL):
        daemon, outputs = platform.require(home)
        session = boto3.session.Session(
            aws_access_key_id=daemon.access_key_id, aws_secret_access_key=daemon.secret_access_key
        )
        return Target(
            outputs=outputs, region=platform.region(outputs), session=session, endpoint=daemon.endpoint
        )
    return stack_of(named_engine(stack))


def named_engine(stack: str) -> Engine:
    """Return the engine for a stack in AWS; raises NovaError where there is no engine."""
    if missing := problem():
        raise NovaError(missing)
    backend = os.environ.get(BACKEND, "")
    return engine_for(CHECKOUT, stack, backend=backend, uv=find_uv() or "uv", passphrase=True)


def stack_of(engine: Engine) -> Target:
    """Return the stack in AWS that ``engine`` is for, with the credentials of the shell."""
    outputs = engine.outputs()
    return Target(
        outputs=outputs, region=platform.region(outputs), session=boto3.session.Session(), endpoint=None
    )
