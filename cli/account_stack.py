"""The account stack of a region: where it belongs, how its state is reached, and how far it has come."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import yaml

from cli import aws_account as aws
from cli.engine import engine_for
from cli.errors import NovaError
from cli.home import CHECKOUT, Home
from pulumi_cli.engine import Engine

FOLDER = CHECKOUT / "bootstrap"
PROJECT = "nova-account"
ADDRESS_PARAMETER = f"/{PROJECT}/state"
"""Name of the parameter by which the home region's stack says where all state is."""
BOUNDARY = "{platform}-boundary"
"""Name of the policy that an account has once its first stack is up."""
DEFAULT_PLATFORM = "nova"
STACK_CONTEXT = "context_stack"
"""Part of a secrets provider that names the stack whose secrets it encrypts."""
PASSPHRASE = {"PULUMI_CONFIG_PASSPHRASE": ""}
"""Opens a state that is kept in a folder: the account stack has no secrets, and the engine wants a word."""

_STACK_FILE = """\
# What this account's stack sets; bootstrap/Pulumi.yaml describes every setting. It holds no secret: keep it
# under version control.
config:
  pulumi:disable-default-providers: ["*"]
  {project}:region: {region}
  {project}:home: {home}
"""


class Stage(Enum):
    """How far an account stack has come."""

    NEW = auto()
    """There is nothing yet, and no bucket."""
    BEGUN = auto()
    """Its state lies in a folder of this machine."""
    MOVING = auto()
    """Its state is on the way into the bucket; the folder still has all of it."""
    JOINING = auto()
    """There is nothing of it yet, but the bucket of the home region."""
    SETTLED = auto()
    """Its state lies in the bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStack:
    """The account stack of a region."""

    caller: aws.Caller
    region: str
    home_region: str
    """Region of the account's first stack, which holds what the account has once."""
    state_url: str
    """Where the account's state is; empty before there is a bucket."""
    state_folder: Path
    """Where the state is kept until there is."""
    uv: str

    @property
    def name(self) -> str:
        """The stack's name."""
        return f"{self.caller.account}-{self.region}"

    @property
    def is_home(self) -> bool:
        """Whether the stack holds what the account has once."""
        return self.region == self.home_region

    @property
    def file(self) -> Path:
        """The stack's settings."""
        return FOLDER / f"Pulumi.{self.name}.yaml"

    def on_this_machine(self) -> Engine:
        """Return the stack with its state in the folder."""
        return self._engine(self.name, self.state_folder.as_uri(), PASSPHRASE)

    def in_bucket(self, *, moving: bool = False) -> Engine:
        """Return the stack with its state in the bucket; while it moves, the passphrase still opens it."""
        return self._engine(self.name, self.state_url, PASSPHRASE if moving else {})

    def secrets_provider(self) -> str:
        """Return what encrypts the stack's secrets in the bucket: the home stack's key, in its own name."""
        home = self._engine(f"{self.caller.account}-{self.home_region}", self.state_url, {})
        return provider_for(str(home.outputs()["own_secrets_provider"]), self.name)

    def write_file(self, stage: Stage) -> bool:
        """Write the stack's settings unless there are some; False when there are.

        Raises ``NovaError`` for a stack that was brought up with settings which are not here: others would
        take away what those had it make.
        """
        if self.file.exists():
            return False
        if stage not in {Stage.NEW, Stage.JOINING}:
            raise NovaError(
                f"bootstrap/{self.file.name} is missing, the settings that stack {self.name} was brought up "
                "with: get it from version control, or from whoever did"
            )
        home = str(self.is_home).lower()
        self.file.write_text(_STACK_FILE.format(project=PROJECT, region=self.region, home=home), "utf-8")
        return True

    def _engine(self, stack: str, backend: str, variables: dict[str, str]) -> Engine:
        return engine_for(FOLDER, stack, backend=backend, uv=self.uv, variables=variables)


def locate(home: Home, uv: str, region: str, home_region: str) -> AccountStack:
    """Find the stack of ``region`` in the account whose credentials these are.

    ``home_region`` is what the stack files say where it is empty. Raises ``NovaError`` where the files
    contradict it.
    """
    caller = aws.caller(region)
    homes = dict(_home_regions(caller.account))
    home_region = home_region or next(iter(homes), region)
    for known, file in homes.items():
        if known != home_region:
            raise NovaError(
                f"{file.name} is the account's first stack: its region is {known}, not {home_region}"
            )
    stack = AccountStack(
        caller=caller,
        region=region,
        home_region=home_region,
        state_url=aws.text_parameter(ADDRESS_PARAMETER, home_region),
        state_folder=home.path / "account-state" / f"{caller.account}-{region}",
        uv=uv,
    )
    if stack.file.exists() and not stack.is_home and region in homes:
        raise NovaError(f"{stack.file.name} says home: true, and the first stack's region is {home_region}")
    return stack


def find_stage(stack: AccountStack) -> Stage:
    """Look how far ``stack`` has come; raises ``NovaError`` where it cannot go on from here."""
    here = stack.state_folder.is_dir() and stack.on_this_machine().exists()
    there = bool(stack.state_url) and stack.in_bucket(moving=here).exists()
    if here:
        return Stage.MOVING if there else Stage.BEGUN
    if there:
        return Stage.SETTLED
    if stack.state_url and stack.is_home:
        raise NovaError(
            f"the account's state is in {stack.state_url}, and stack {stack.name} is not there: who began it "
            f"has it in {stack.state_folder.parent.name}/{stack.name} of their state directory (.nova) "
            "and ends the move by running this command on that machine"
        )
    if stack.state_url:
        return Stage.JOINING
    if not stack.is_home:
        raise NovaError(
            f"the account has no state bucket in {stack.home_region} yet: run "
            f"`./nova bootstrap --region {stack.home_region}` first"
        )
    boundary = BOUNDARY.format(platform=_setting(stack.file, "platform") or DEFAULT_PLATFORM)
    if aws.has_policy(stack.caller.policy_arn(boundary), stack.region):
        raise NovaError(
            f"account {stack.caller.account} has policy {boundary} already, and no state in {stack.region}: "
            "its first stack is in another region, which --home names"
        )
    return Stage.NEW


def provider_for(provider: str, stack: str) -> str:
    """Return the secrets provider for ``stack``, given that of another stack under the same key."""
    parts = urlsplit(provider)
    context = dict(parse_qsl(parts.query, strict_parsing=True)) | {STACK_CONTEXT: stack}
    # Put together by hand: urlunsplit knows no scheme awskms and would drop the slashes.
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(context)}"


def _home_regions(account: str) -> Iterator[tuple[str, Path]]:
    """Yield the region and the file of each stack of ``account`` that says that it is the first."""
    for file in sorted(FOLDER.glob(f"Pulumi.{account}-*.yaml")):
        region = re.fullmatch(rf"Pulumi\.{account}-(.+)\.yaml", file.name)
        if region and _setting(file, "home") == "true":
            yield region[1], file


def _setting(file: Path, key: str) -> str:
    if not file.exists():
        return ""
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8")) or {}
    value = cast("dict[str, Any]", document.get("config") or {}).get(f"{PROJECT}:{key}", "")
    return str(value).lower() if isinstance(value, bool) else str(value)
