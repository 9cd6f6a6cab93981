"""`nova destroy`: a stack in AWS is taken down in an order that AWS lets go of.

The managed agent goes first: AWS keeps its network interfaces for hours, and with them subnets and security
groups. Which phase it is in follows from the engine's state and from AWS, so that a run which was interrupted
goes on where it was, on whatever machine.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cli.errors import NovaError
from cli.graph import configuration
from cli.output import Output
from cli.state import Found, State, read_state
from cli.target import LOCAL, Target, named_engine, stack_of
from pulumi_cli.engine import Engine

RUNTIMES = (
    "aws:bedrock/agentcoreAgentRuntime:AgentcoreAgentRuntime",
    "aws:bedrock/agentcoreAgentRuntimeEndpoint:AgentcoreAgentRuntimeEndpoint",
)
GROUP = "aws:ec2/securityGroup:SecurityGroup"
INTERFACE_TYPE = "agentic_ai"
"""What EC2 calls interfaces of AgentCore (terraform-provider-aws 46569)."""
POLL_INTERVAL_S = 60.0
WAIT_MAX_S = 12 * 3600
"""AWS says about eight hours (terraform-provider-aws 45099)."""
GROUPS_ASKED = 200
"""Values that one filter of EC2 takes (DescribeNetworkInterfaces)."""
UNPROTECT = (
    "set nova:protectStatefulResources to false in the stack's file, and nova:production, as nobody may "
    "depend on it any more, and bring it up (`pulumi up`), which takes the protection away here and at AWS"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asks for."""

    stack: str
    named: str
    """The stack's name once more, from who means it; empty to be asked for it."""
    preview: bool
    """Whether to print the plan alone."""
    ask: Callable[[str], str]
    """Asks the person for a text."""


def destroy(request: Request, output: Output) -> None:
    """Take the stack down; what it holds is gone then.

    Raises ``NovaError`` before anything is changed where something stands in the way, where the stack is not
    named once more, and when the engine or AWS ends a phase early: the same command goes on then.
    """
    if request.stack == LOCAL:
        raise NovaError("the platform on this machine is deleted with ./nova down --volumes")
    engine = named_engine(request.stack)
    state = read_state(engine)
    if not state.resources:
        output.line(f"Stack {request.stack} has nothing left: {_forgetting(request.stack)}")
        return
    target = stack_of(engine)
    blocked = obstacles(state, target)
    for line in plan(state, target):
        output.line(line)
    for line in blocked:
        output.warning(f"in the way: {line}")
    if request.preview:
        return
    if blocked:
        raise NovaError("nothing was changed:\n" + "\n".join(f"  - {line}" for line in blocked))
    _check_named(request)
    _remove_runtimes(engine, state, output)
    _await_interfaces(state, target, output)
    engine.show("destroy", "--yes", "--skip-preview")
    output.line(f"Stack {request.stack} is gone: {_forgetting(request.stack)}")


def _forgetting(stack: str) -> str:
    return f"`pulumi stack rm {stack} --preserve-config` forgets it, and leaves its file in the checkout"


def plan(state: State, target: Target) -> Iterator[str]:
    """Yield what will be done, and what goes and stays with it."""
    runtimes = state.of_type(*RUNTIMES)
    dependents = state.needing([found.urn for found in runtimes])
    interfaces = len(_interfaces(state, target))
    yield (
        f"1. delete the managed agent and what names it: {len(dependents)} resources"
        if runtimes
        else ("1. delete the managed agent: done, or there was none")
    )
    if runtimes or interfaces:
        yield f"2. wait until AWS lets go of its network interfaces, up to 8 hours: {interfaces} now"
    else:
        yield "2. wait for its network interfaces: there are none"
    yield f"3. delete the rest: {len(state.resources) - len(dependents)} resources"
    stores = state.of_type(
        "aws:dynamodb/table:Table", "aws:s3/bucket:Bucket", "aws:cognito/userPool:UserPool"
    )
    yield f"For good: what is in {', '.join(found.name for found in stores) or 'no table or bucket'}"
    for found in state.of_type("aws:kms/key:Key"):
        yield f"{found.name} is destroyed {found.inputs.get('deletionWindowInDays', 30):g} days later"
    for found in state.of_type("aws:elasticache/replicationGroup:ReplicationGroup"):
        if name := found.inputs.get("finalSnapshotIdentifier"):
            yield f"{found.name} leaves the snapshot {name}, which is paid for until somebody deletes it"


def obstacles(state: State, target: Target) -> list[str]:
    """Say what AWS or the engine would refuse to delete, each with what to do about it."""
    found: list[str] = []
    if protected := [one.name for one in state.resources if one.protected]:
        found.append(f"the engine protects {', '.join(sorted(protected))}: {UNPROTECT}")
    if guarded := [one.name for one in state.resources if _guarded(one)]:
        found.append(f"AWS protects {', '.join(sorted(guarded))} from deletion: {UNPROTECT}")
    found += [
        f"bucket {bucket.id} is not empty, and nobody may empty it: {UNPROTECT}"
        for bucket in state.of_type("aws:s3/bucket:Bucket")
        if not bucket.inputs.get("forceDestroy") and _holds_something(target, bucket.id)
    ]
    found += [
        f"vault {vault.id} holds recovery points: {UNPROTECT}"
        for vault in state.of_type("aws:backup/vault:Vault")
        if not vault.inputs.get("forceDestroy") and _has_recovery_points(target, vault.id)
    ]
    if target.outputs.get("replica"):
        found.append(
            "another region has replicas, which other stacks may work on: set nova:replicaRegion to ''"
        )
    return found


def _guarded(found: Found) -> bool:
    inputs = found.inputs
    return (
        inputs.get("deletionProtectionEnabled") is True
        or inputs.get("enableDeletionProtection") is True
        or inputs.get("deletionProtection") == "ACTIVE"
    )


def _holds_something(target: Target, bucket: str) -> bool:
    with _told(f"bucket {bucket} cannot be looked into"):
        listed = target.client("s3").list_object_versions(Bucket=bucket, MaxKeys=1)
    return bool(listed.get("Versions") or listed.get("DeleteMarkers"))


def _has_recovery_points(target: Target, vault: str) -> bool:
    with _told(f"vault {vault} cannot be looked into"):
        listed = target.client("backup").list_recovery_points_by_backup_vault(
            BackupVaultName=vault, MaxResults=1
        )
    return bool(listed.get("RecoveryPoints"))


def _check_named(request: Request) -> None:
    production = configuration(request.stack).get("nova:production") == "true"
    named = request.named
    if production and named != request.stack:
        raise NovaError(
            f"people depend on stack {request.stack}: nothing was changed. Whoever means it says "
            f"--delete {request.stack}"
        )
    if not named:
        named = request.ask(f"Type the name of the stack, {request.stack}, to delete it for good")
    if named != request.stack:
        raise NovaError(f"{named!r} is not {request.stack}: nothing was changed")


def _remove_runtimes(engine: Engine, state: State, output: Output) -> None:
    runtimes = state.of_type(*RUNTIMES)
    if not runtimes:
        return
    output.note("Deleting the managed agent ...")
    targets = [text for found in runtimes for text in ("--target", found.urn)]
    engine.show("destroy", *targets, "--target-dependents", "--yes", "--skip-preview")


def _await_interfaces(state: State, target: Target, output: Output) -> None:
    with output.step("Waiting until AWS lets go of the agent's network interfaces") as step:
        started = time.monotonic()
        while left := _interfaces(state, target):
            waited = time.monotonic() - started
            if waited > WAIT_MAX_S:
                raise NovaError(
                    f"AWS still keeps {', '.join(left)} after {waited / 3600:.0f} hours: run the command "
                    "again later, or ask AWS's support to release them"
                )
            step.update(f"{len(left)} left after {waited / 60:.0f} minutes; it may take hours")
            time.sleep(POLL_INTERVAL_S)
        step.summary = "none is left"


def _interfaces(state: State, target: Target) -> list[str]:
    """Return the ids of AgentCore's interfaces that hold a security group of the stack."""
    groups = [found.id for found in state.of_type(GROUP)]
    ec2 = target.client("ec2")
    found: list[str] = []
    for start in range(0, len(groups), GROUPS_ASKED):
        filters: list[dict[str, Any]] = [
            {"Name": "interface-type", "Values": [INTERFACE_TYPE]},
            {"Name": "group-id", "Values": groups[start : start + GROUPS_ASKED]},
        ]
        with _told("network interfaces cannot be listed"):
            for page in ec2.get_paginator("describe_network_interfaces").paginate(Filters=filters):
                found += [str(one["NetworkInterfaceId"]) for one in page["NetworkInterfaces"]]
    return found


@contextmanager
def _told(failure: str) -> Generator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise NovaError(f"{failure}: {error}") from error
