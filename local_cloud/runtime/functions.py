"""Functions from container images: their environments, how many at a time, and invocations of both kinds.

An invocation takes an environment that waits or starts one, up to `ENVIRONMENTS_MAX` for a function; more
wait their turn. A reservation limits a function as on AWS: what is above it is refused.
"""

import asyncio
import contextlib
import json
import logging
import random
import secrets
import shutil
import time

from local_cloud.documents import Document, part
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.ministack import Credentials
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime import environment
from local_cloud.runtime.following import Follower
from local_cloud.runtime.function_environment import FunctionEnvironment, Outcome, failure
from local_cloud.runtime.images import ImageError
from local_cloud.runtime.tasks import Tools

logger = logging.getLogger(__name__)

PRINCIPAL = "lambda.amazonaws.com"
ENVIRONMENTS_MAX = 4
"""Of one function on this machine; Lambda starts as many as there are invocations at a time."""
WAITING_MAX = 1000
"""Invocations of one function that wait; Lambda refuses what exceeds an account's limit, usually 1,000."""
INIT_SECONDS = 20.0
"""Added to the time-out of an environment's first event, for which modules are read from this disk."""
CREDENTIALS_LEFT_SECONDS = 900
"""An environment whose credentials end sooner is replaced: they outlive every time-out (15 minutes)."""
IDLE_SECONDS = 300.0
"""After so long without work an environment ends."""
PAUSE_FIRST_SECONDS = 1.0
"""Before an event is tried again; Lambda waits a minute, which nobody waits for here."""


class Function:
    """One function as it is configured now."""

    def __init__(self, described: Document, tools: Tools) -> None:
        self.described = described
        configuration = part(described, "Configuration")
        self.name: str = configuration["FunctionName"]
        self.arn: str = configuration["FunctionArn"]
        self.timeout_seconds = float(configuration.get("Timeout") or 3)
        self._configuration = configuration
        self._image: str = part(described, "Code").get("ImageUri") or configuration.get("ImageUri") or ""
        self._tools = tools
        self._slots = asyncio.Semaphore(ENVIRONMENTS_MAX)
        self._idle: list[tuple[float, FunctionEnvironment]] = []
        self._at_work: set[asyncio.Task[Outcome]] = set()
        self._retired = False

    async def invoke(self, payload: bytes) -> Outcome:
        """Run one event; it runs to its end, also when the caller goes away.

        Raises:
            AwsError: there is no room for it, or its image or role cannot be used.

        """
        reserved = part(self.described, "Concurrency").get("ReservedConcurrentExecutions")
        if len(self._at_work) >= (WAITING_MAX if reserved is None else int(reserved)):
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
        running = asyncio.create_task(self._run(payload))
        self._at_work.add(running)
        running.add_done_callback(self._at_work.discard)
        return await asyncio.shield(running)

    async def retire(self) -> None:
        """End environments: those that wait now, those at work when they are done."""
        self._retired = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(waiting.end() for _, waiting in idle))

    async def stop(self) -> None:
        """End everything, what is at work too."""
        for task in list(self._at_work):
            task.cancel()
        await asyncio.gather(*self._at_work, return_exceptions=True)
        await self.retire()

    async def prune(self) -> None:
        """End environments that have waited long."""
        limit = time.monotonic() - IDLE_SECONDS
        old = [waiting for since, waiting in self._idle if since < limit]
        self._idle = [entry for entry in self._idle if entry[0] >= limit]
        await asyncio.gather(*(waiting.end() for waiting in old))

    async def _run(self, payload: bytes) -> Outcome:
        async with self._slots:
            used, seconds = await self._waiting(), self.timeout_seconds
            if used is None:
                try:
                    used, seconds = await self._start(), self.timeout_seconds + INIT_SECONDS
                except OSError as error:
                    return failure("Runtime.InvalidEntrypoint", f"{error}")
            keep = False
            try:
                outcome = await used.invoke(payload, seconds)
                keep = used.usable and not self._retired and self._lasts(used)
                return outcome
            finally:
                if keep:
                    self._idle.append((time.monotonic(), used))
                else:
                    await used.end()

    def _lasts(self, used: FunctionEnvironment) -> bool:
        return used.expires_at - time.time() > CREDENTIALS_LEFT_SECONDS

    async def _waiting(self) -> FunctionEnvironment | None:
        while self._idle:
            _, found = self._idle.pop()
            if self._lasts(found):
                return found
            await found.end()
        return None

    async def _start(self) -> FunctionEnvironment:
        tools, identity = self._tools, secrets.token_hex(16)
        try:
            image = await tools.images.resolve(self._image)
            session = tools.ministack.open_session(self._configuration["Role"], self.name, PRINCIPAL)
        except ImageError as error:
            raise AwsError("InvalidImageException", str(error), 502) from error
        except PermissionError as error:
            raise AwsError("InvalidParameterValueException", str(error)) from error
        overrides = part(self._configuration, "ImageConfigResponse", "ImageConfig")
        command = [
            *(overrides.get("EntryPoint") or image.entrypoint),
            *(overrides.get("Command") or image.command),
        ]
        if not command:
            raise AwsError("InvalidImageException", f"the image of {self.name} has no command", 502)
        directory = tools.home / "run" / "functions" / identity
        declared = {**image.environment, **part(self._configuration, "Environment", "Variables")}
        added = environment.added_variables(
            declared, tools.endpoint, "", "", tools.region, str(tools.roots), tools.models
        )
        place = environment.Place(str(image.programs), str(directory), {})
        variables = environment.process_environment(declared, added, place, tools.address)
        log = tools.logs.of(self.name)
        started = await FunctionEnvironment.start(
            self.arn,
            command,
            variables | self._reserved(session, command, identity),
            directory,
            tools.orphans,
            lambda line: log.write(identity, line),
        )
        started.expires_at = session.expires_at or 0.0
        return started

    def _reserved(self, session: Credentials, command: list[str], identity: str) -> dict[str, str]:
        """Return the variables that Lambda itself sets ("Defined runtime environment variables")."""
        logging_config = part(self._configuration, "LoggingConfig")
        return {
            "AWS_ACCESS_KEY_ID": session.access_key_id,
            "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
            "AWS_SESSION_TOKEN": session.session_token or "",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._configuration.get("MemorySize") or 128),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": str(logging_config.get("LogFormat") or "Text"),
            "AWS_LAMBDA_LOG_LEVEL": str(logging_config.get("ApplicationLogLevel") or ""),
            "AWS_LAMBDA_LOG_GROUP_NAME": str(logging_config.get("LogGroup") or f"/aws/lambda/{self.name}"),
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d', time.gmtime())}/[$LATEST]{identity}",
            "_HANDLER": command[-1],
            "TZ": ":UTC",
        }


class Functions(Follower):
    """All functions from images; follows what Lambda calls create, change and delete."""

    def __init__(self, tools: Tools) -> None:
        super().__init__()
        self._tools = tools
        self._functions: dict[str, Function] = {}
        self._events: set[asyncio.Task[None]] = set()
        shutil.rmtree(tools.home / "run" / "functions", ignore_errors=True)

    async def _refresh(self) -> None:
        aws = self._tools.aws
        listed = (await aws.call("lambda", "ListFunctions")).get("Functions", [])
        names = [item["FunctionName"] for item in listed if item.get("PackageType") == "Image"]
        for name in self._functions.keys() - set(names):
            await self._functions.pop(name).retire()
        for name in names:
            described = await aws.call("lambda", "GetFunction", {"FunctionName": name})
            known = self._functions.get(name)
            if known is not None and _same(known.described, described):
                known.described = described
                continue
            self._functions[name] = Function(described, self._tools)
            if known is not None:
                await known.retire()

    async def find(self, name_or_arn: str) -> Function | None:
        """Return a function by name or ARN; None for one that is not there or not from an image."""
        await self.refresh_if_changed()
        return self._functions.get(name_or_arn.partition(":function:")[2] or name_or_arn)

    async def event(self, function: Function, payload: bytes) -> None:
        """Run an event that nobody waits for: tried again after failures, then sent to the dead letters."""
        if len(self._events) >= WAITING_MAX:
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", 429)
        configured: Document = {}
        with contextlib.suppress(AwsError):  # there is none
            configured = await self._tools.aws.call(
                "lambda", "GetFunctionEventInvokeConfig", {"FunctionName": function.name}
            )
        attempts = 1 + int(configured.get("MaximumRetryAttempts", 2))
        task = asyncio.create_task(self._attempt(function, payload, attempts))
        self._events.add(task)
        task.add_done_callback(self._events.discard)

    async def _attempt(self, function: Function, payload: bytes, attempts: int) -> None:
        cause = ""
        for attempt in range(attempts):
            if attempt:
                pause = PAUSE_FIRST_SECONDS * 2.0**attempt
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 (no secret)
            try:
                outcome = await function.invoke(payload)
            except AwsError as error:
                cause = error.message
                continue
            if not outcome.error:
                return
            cause = outcome.payload.decode("utf-8", "replace")[:1024]
        await self._give_up(function, payload, cause)

    async def _give_up(self, function: Function, payload: bytes, cause: str) -> None:
        """Send an event to the function's dead letters, with the function's own rights."""
        target: str = part(function.described, "Configuration", "DeadLetterConfig").get("TargetArn") or ""
        if ":sqs:" not in target:
            logger.warning("an event of %s is given up: %s", function.name, cause)
            return
        role = part(function.described, "Configuration")["Role"]
        queue = target.rpartition(":")[2]
        try:
            session = self._tools.ministack.open_session(role, function.name, PRINCIPAL)
            await self._tools.aws.call(
                "sqs",
                "SendMessage",
                {
                    "QueueUrl": f"{self._tools.endpoint}/{ACCOUNT}/{queue}",
                    "MessageBody": payload.decode("utf-8", "replace"),
                    "MessageAttributes": {
                        "ErrorMessage": {"DataType": "String", "StringValue": cause or "unknown"}
                    },
                },
                credentials=session,
            )
        except (AwsError, PermissionError) as error:
            logger.warning("an event of %s cannot be kept: %s", function.name, error)

    async def prune(self) -> None:
        """End environments that nobody needs any more."""
        for function in list(self._functions.values()):
            await function.prune()

    def status(self) -> Document:
        """Return the functions by name."""
        return {name: {"arn": function.arn} for name, function in self._functions.items()}

    async def close(self) -> None:
        """End all environments."""
        for task in self._events:
            task.cancel()
        await asyncio.gather(*(function.stop() for function in self._functions.values()))


def _same(before: Document, after: Document) -> bool:
    """Whether environments that were started for one description serve another one."""

    def shape(described: Document) -> str:
        configuration = part(described, "Configuration")
        names = (
            "Role", "Timeout", "MemorySize", "Environment", "ImageConfigResponse", "ImageUri", "CodeSha256",
            "LoggingConfig",
        )  # fmt: skip
        kept = {name: configuration.get(name) for name in names}
        return json.dumps([kept, part(described, "Code").get("ImageUri")], sort_keys=True, default=str)

    return shape(before) == shape(after)
