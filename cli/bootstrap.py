"""Brings up what an AWS account and a region have once: the stack of ``bootstrap/``.

The state bucket is itself a part of the home region's stack, which therefore begins with its state in a
folder of this machine and moves into the bucket once there is one. How far it has come is read from what is
there: the folder goes when the move is proven, and a parameter in the home region says where the bucket is.
So every step can be repeated, and a run that was interrupted goes on where it was.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cli import aws_account
from cli.account_stack import AccountStack, Stage, find_stage, locate
from cli.errors import NovaError
from cli.home import Home
from cli.output import Output
from cli.tools import find_uv
from pulumi_cli import engine
from pulumi_cli.engine import Engine

EXPORT = "export.json"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for."""

    region: str = ""
    """Empty for that of the environment or the profile."""
    home_region: str = ""
    """Region of the account's first stack; empty for what the stack files say."""
    repository: str = ""
    """Whose workflows deploy; empty to leave it as it is."""
    preview: bool = False
    """Whether to show what would be done, and to change nothing in the account."""
    yes: bool = False
    """Whether to go on without asking."""


def bring_up(home: Home, output: Output, request: Request) -> None:
    """Bring the account's stack in a region up, or to what its settings say now.

    Raises ``NovaError`` with everything that is missing before it begins, and with what went wrong after
    that; running it again goes on.
    """
    region = request.region or aws_account.default_region()
    uv = find_uv()
    if missing := problems(region, request, uv):
        listed = "\n".join(f"  - {item}" for item in missing)
        raise NovaError(f"the account cannot be brought up yet:\n{listed}")
    stack = locate(home, uv or "", region, request.home_region)
    stage = find_stage(stack)
    for line in plan(stack, stage):
        output.note(line)
    if stack.write_file(stage):
        output.note(f"Wrote {stack.file.name} into bootstrap/: keep it under version control.")
    if stage in {Stage.NEW, Stage.BEGUN}:
        _begin(stack, stage, request)
        if request.preview:
            return
        stack = replace(stack, state_url=str(stack.on_this_machine().outputs()["state_url"]))
        _move(stack, output)
    else:
        _go_on(stack, stage, request, output)
        if request.preview:
            return
    for line in next_steps(stack, stack.in_bucket().outputs()):
        output.line(line)


def problems(region: str, request: Request, uv: str | None) -> list[str]:
    """Return everything that is missing, each with its remedy, without asking AWS."""
    found = [engine.problem()]
    if uv is None:
        found.append("uv is missing: start with ./nova, which gets it")
    found.extend(
        f"this shell does not talk to AWS itself ({name} is set, as for the local cloud): open another one"
        for name in sorted(os.environ)
        if name.startswith("AWS_ENDPOINT_URL")
    )
    if not region:
        found.append("no region is chosen: give --region, such as us-east-1, or set AWS_REGION")
    found.extend(
        f"{name} is no region of AWS, such as us-east-1"
        for name in (region, request.home_region)
        if name and _REGION.fullmatch(name) is None
    )
    if not (request.yes or request.preview or sys.stdin.isatty()):
        found.append("nobody can answer here: add --yes, or look first with --preview")
    return [problem for problem in found if problem]


def plan(stack: AccountStack, stage: Stage) -> Iterator[str]:
    """Say what will be done, before anything is."""
    yield f"Account {stack.caller.account} as {stack.caller.arn}, region {stack.region}: stack {stack.name}"
    steps: list[str] = []
    if stage is Stage.NEW:
        steps.append(f"keep its state in {stack.state_folder}, as there is no state bucket yet")
    if stage in {Stage.NEW, Stage.BEGUN}:
        steps.append("show everything that is to be made, ask, and make it: among it the state bucket")
    if stage in {Stage.NEW, Stage.BEGUN, Stage.MOVING}:
        steps.append("move the state into the bucket, and see that nothing would change there")
        steps.append(f"delete {stack.state_folder}")
    if stage is Stage.JOINING:
        steps.append(f"begin its state in {stack.state_url}")
    if stage in {Stage.MOVING, Stage.JOINING, Stage.SETTLED}:
        steps.append("show everything that is to be changed, ask, and change it")
    yield from (f"  {number}. {step}" for number, step in enumerate(steps, start=1))


def next_steps(stack: AccountStack, outputs: Mapping[str, Any]) -> Iterator[str]:
    """Say what is there now and what a person does with it; ``outputs`` are the stack's."""
    yield f"The account stack {stack.name} is up; its state is in {stack.state_url}"
    if not stack.is_home:
        return
    yield f"pulumi login '{stack.state_url}'"
    for environment, provider in sorted(outputs["secrets_providers"].items()):
        yield f"pulumi stack init {environment} --secrets-provider '{provider}'"
        yield f"pulumi config set permissionsBoundary {outputs['permissions_boundary']} --stack {environment}"
    for environment, arn in sorted(outputs["deploy_role_arns"].items()):
        yield f"jobs of GitHub's environment {environment} take on {arn}"
    if outputs.get("preview_role_arn"):
        yield f"jobs of GitHub's environment preview take on {outputs['preview_role_arn']}"
    if outputs["deploy_role_arns"]:
        yield "what GitHub has to know of all this stands in docs/operations/delivery.md"


def _begin(stack: AccountStack, stage: Stage, request: Request) -> None:
    stack.state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    local = stack.on_this_machine()
    if stage is Stage.NEW:
        local.init("passphrase")
    _update(local, request)


def _move(stack: AccountStack, output: Output) -> None:
    """Bring the state into the bucket; all of it can be repeated, as the folder keeps it until the end."""
    file = stack.state_folder / EXPORT
    moving = stack.in_bucket(moving=True)
    with output.step("Moving the state into the bucket") as step:
        stack.on_this_machine().export_to(file)
        if not moving.exists():
            moving.init("passphrase")
        moving.import_from(file)
        # The import keeps the passphrase: only this has the state encrypted by the account's key.
        moving.encrypt_with(str(moving.outputs()["own_secrets_provider"]))
        step.update("seeing that nothing would change")
        stack.in_bucket().check_unchanged()
        shutil.rmtree(stack.state_folder)
        step.summary = stack.state_url


def _go_on(stack: AccountStack, stage: Stage, request: Request, output: Output) -> None:
    if stage is Stage.MOVING:
        if request.preview:
            raise NovaError("the state is on its way into the bucket: run this without --preview first")
        _move(stack, output)
    if stage is Stage.JOINING:
        stack.in_bucket().init(stack.secrets_provider())
    _update(stack.in_bucket(), request)


def _update(stack: Engine, request: Request) -> None:
    if request.repository:
        stack.set("repository", request.repository)
    if request.preview:
        stack.show("preview")
    elif request.yes:
        stack.show("up", "--yes")
    else:
        stack.show("up")
