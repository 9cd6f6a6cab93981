"""Delivery of pipes: DynamoDB stream -> filter -> template -> bus or queue; checkpoint, retries, DLQ."""

import asyncio
import base64
import contextlib
import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import Credentials, MiniStack
from local_cloud.gateway.protocol import AwsError
from local_cloud.runtime import templates

logger = logging.getLogger(__name__)

IDLE_SECONDS = 5.0
"""A stream is read when the gateway saw a write, and this often in any case."""
RETRY_FIRST_SECONDS, RETRY_LAST_SECONDS = 0.5, 60.0
DEFAULT_BATCH = 10
RENEW_SECONDS = 300.0
"""A role session is replaced this long before it ends."""
KEPT_RECORDS = 100
"""Delivered stream records that survive a restart, for other readers of the stream."""


class Pipes:
    """All pipes and their runners; `document` holds pipes and checkpoints (last delivered sequence numbers).

    MiniStack's sequence numbers begin with the time in milliseconds, 20 digits, so they compare as text and a
    moment can stand for a position.
    """

    def __init__(self, aws: Aws, ministack: MiniStack, document: Document, touch: Callable[[], None]) -> None:
        self.all: dict[str, Document] = document.setdefault("pipes", {})
        self._checkpoints: dict[str, str] = document.setdefault("checkpoints", {})
        self._aws = aws
        self._ministack = ministack
        self._touch = touch
        self._runners: dict[str, asyncio.Task[None]] = {}
        self._wakes: dict[str, asyncio.Event] = {}

    def start(self) -> None:
        """Run the persisted pipes."""
        for pipe in list(self.all.values()):
            self.put(pipe)

    def wake(self) -> None:
        """Have all pipes look at their streams now."""
        for wake in self._wakes.values():
            wake.set()

    def put(self, pipe: Document) -> None:
        """Store a pipe and run it as its state says."""
        name: str = pipe["Name"]
        self._cancel(name)
        self.all[name] = pipe
        if name not in self._checkpoints:
            latest = pipe["SourceParameters"]["DynamoDBStreamParameters"]["StartingPosition"] == "LATEST"
            self._checkpoints[name] = f"{int(time.time() * 1000):020d}{0:010d}" if latest else ""
        if pipe["DesiredState"] == "RUNNING":
            self._wakes[name] = asyncio.Event()
            self._runners[name] = asyncio.create_task(self._run(pipe))
            self._runners[name].add_done_callback(lambda runner: _report(name, runner))
        self._touch()

    def remove(self, name: str) -> None:
        """Delete a pipe."""
        self._cancel(name)
        del self.all[name]
        self._checkpoints.pop(name, None)
        self._touch()

    def _cancel(self, name: str) -> None:
        if runner := self._runners.pop(name, None):
            runner.cancel()
        self._wakes.pop(name, None)

    async def stop(self) -> None:
        """Stop all runners."""
        runners = list(self._runners.values())
        for runner in runners:
            runner.cancel()
        await asyncio.gather(*runners, return_exceptions=True)

    def status(self) -> Document:
        """Return each pipe's state."""
        return {
            name: {"state": pipe["CurrentState"], "reason": pipe.get("StateReason")}
            for name, pipe in self.all.items()
        }

    def keep(self, table: str, records: list[Document]) -> list[Document]:
        """Return the stream records of a table to keep over a restart: undelivered ones and a few more."""
        positions = [
            self._checkpoints[name]
            for name, pipe in self.all.items()
            if f":table/{table}/stream/" in pipe["Source"]
        ]
        oldest = min(positions, default="9")
        undelivered = sum(record["dynamodb"]["SequenceNumber"] > oldest for record in records)
        return records[-max(undelivered, KEPT_RECORDS) :]

    async def _run(self, pipe: Document) -> None:
        runner = _Runner(self._aws, self._ministack, pipe)
        delay = RETRY_FIRST_SECONDS
        while True:
            try:
                delivered = await runner.step(self._checkpoints[pipe["Name"]])
            except (AwsError, PermissionError) as error:
                pipe["StateReason"] = str(error)
                logger.warning("pipe %s: %s", pipe["Name"], error)
                await asyncio.sleep(delay)
                delay = min(RETRY_LAST_SECONDS, delay * 2)
                continue
            pipe.pop("StateReason", None)
            delay = RETRY_FIRST_SECONDS
            if delivered is not None:
                self._checkpoints[pipe["Name"]] = delivered
                self._touch()
                continue
            wake = self._wakes[pipe["Name"]]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await wake.wait()
            wake.clear()


class _Runner:
    """One running pipe: its role, its place in the stream, its delivery."""

    def __init__(self, aws: Aws, ministack: MiniStack, pipe: Document) -> None:
        self._aws = aws
        self._ministack = ministack
        self._pipe = pipe
        self._stream: Document = pipe["SourceParameters"]["DynamoDBStreamParameters"]
        self._target = part(pipe, "TargetParameters")
        self._credentials: Credentials | None = None
        self._shard = ""
        self._iterator = ""

    async def _call(self, service: str, operation: str, parameters: Document) -> Document:
        expires_at = (self._credentials.expires_at if self._credentials else None) or 0.0
        if expires_at < time.time() + RENEW_SECONDS:
            self._credentials = self._ministack.open_session(
                self._pipe["RoleArn"], self._pipe["Name"], "pipes.amazonaws.com"
            )
        return await self._aws.call(service, operation, parameters, credentials=self._credentials)

    async def _locate(self, checkpoint: str) -> str:
        """Return an iterator behind the checkpoint, or at the oldest record when that has been trimmed."""
        source = self._pipe["Source"]
        shards = (await self._call("dynamodbstreams", "DescribeStream", {"StreamArn": source}))[
            "StreamDescription"
        ]["Shards"]
        self._shard = shards[0]["ShardId"]
        parameters = {"StreamArn": source, "ShardId": self._shard, "ShardIteratorType": "TRIM_HORIZON"}
        with contextlib.suppress(AwsError):
            exact = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": checkpoint}
            found = (
                await self._call("dynamodbstreams", "GetShardIterator", parameters | exact)
                if checkpoint
                else {}
            )
            if found:
                return found["ShardIterator"]
        return (await self._call("dynamodbstreams", "GetShardIterator", parameters))["ShardIterator"]

    async def step(self, checkpoint: str) -> str | None:
        """Read and deliver one batch; return the new checkpoint, None when there was nothing.

        Raises:
            AwsError, PermissionError: the stream cannot be read; the batch is tried again.

        """
        self._iterator = self._iterator or await self._locate(checkpoint)
        parameters = {
            "ShardIterator": self._iterator,
            "Limit": self._stream.get("BatchSize") or DEFAULT_BATCH,
        }
        try:
            output = await self._call("dynamodbstreams", "GetRecords", parameters)
        except AwsError:
            self._iterator = ""
            raise
        records = [_plain(record, self._pipe["Source"]) for record in output["Records"]]
        fresh = [record for record in records if record["dynamodb"]["SequenceNumber"] > checkpoint]
        wanted = [record for record in fresh if self._passes(record)]
        if wanted:
            await self._deliver(wanted)
        self._iterator = output.get("NextShardIterator") or ""
        return fresh[-1]["dynamodb"]["SequenceNumber"] if fresh else (checkpoint if records else None)

    def _passes(self, record: Document) -> bool:
        criteria = part(self._pipe, "SourceParameters", "FilterCriteria")
        patterns = [entry["Pattern"] for entry in parts(criteria, "Filters")]
        return not patterns or any(self._ministack.matches_pattern(pattern, record) for pattern in patterns)

    async def _deliver(self, records: list[Document]) -> None:
        """Deliver records in order; what fails is retried alone, and given up by age or attempts."""
        attempts, delay, pending = 0, RETRY_FIRST_SECONDS, records
        while pending:
            pending = await self._attempt(pending)
            given_up = [record for record in pending if self._exhausted(record, attempts)]
            if given_up:
                await self._dead_letter(given_up)
            pending = [record for record in pending if record not in given_up]
            attempts += 1
            if pending:
                await asyncio.sleep(delay)
                delay = min(RETRY_LAST_SECONDS, delay * 2)

    async def _attempt(self, records: list[Document]) -> list[Document]:
        """Send records to the target; return those that failed."""
        try:
            if ":event-bus/" in self._pipe["Target"]:
                output = await self._call(
                    "events", "PutEvents", {"Entries": [self._event(record) for record in records]}
                )
                failed = [index for index, entry in enumerate(output["Entries"]) if entry.get("ErrorCode")]
            else:
                output = await self._call("sqs", "SendMessageBatch", await self._messages(records))
                failed = [int(entry["Id"]) for entry in output.get("Failed", [])]
        except (AwsError, PermissionError, ValueError) as error:  # ValueError: a time that is none
            self._pipe["StateReason"] = str(error)
            logger.warning("pipe %s: %s", self._pipe["Name"], error)
            return records
        return [records[index] for index in failed]

    def _body(self, record: Document) -> str:
        template = self._target.get("InputTemplate")
        if not template:
            return json.dumps(record)
        variables = {
            "aws.pipes.pipe-arn": self._pipe["Arn"],
            "aws.pipes.pipe-name": self._pipe["Name"],
            "aws.pipes.source-arn": self._pipe["Source"],
            "aws.pipes.target-arn": self._pipe["Target"],
            "aws.pipes.event": record,
            "aws.pipes.event.json": record,
            "aws.pipes.event.ingestion-time": datetime.now(UTC).isoformat(),
        }
        return templates.render(template, record, variables)

    def _event(self, record: Document) -> Document:
        parameters = part(self._target, "EventBridgeEventBusParameters")
        entry: Document = {
            "EventBusName": self._pipe["Target"],
            "Source": templates.value_of(record, parameters.get("Source") or f"Pipe {self._pipe['Name']}"),
            "DetailType": templates.value_of(
                record, parameters.get("DetailType") or "Event from aws:dynamodb"
            ),
            "Detail": self._body(record),
        }
        if parameters.get("Resources"):
            entry["Resources"] = [
                templates.value_of(record, resource) for resource in parameters["Resources"]
            ]
        if parameters.get("Time"):
            text = templates.value_of(record, parameters["Time"])
            entry["Time"] = (
                datetime.fromtimestamp(float(text), UTC)
                if text.replace(".", "").isdigit()
                else datetime.fromisoformat(text)
            )
        return entry

    async def _messages(self, records: list[Document]) -> Document:
        parameters, entries = part(self._target, "SqsQueueParameters"), list[Document]()
        for index, record in enumerate(records):
            entry: Document = {"Id": str(index), "MessageBody": self._body(record)}
            for member in ("MessageGroupId", "MessageDeduplicationId"):
                if parameters.get(member):
                    entry[member] = templates.value_of(record, parameters[member])
            entries.append(entry)
        return {"QueueUrl": queue_url(self._pipe["Target"]), "Entries": entries}

    def _exhausted(self, record: Document, attempts: int) -> bool:
        most, oldest = (
            self._stream.get("MaximumRetryAttempts", -1),
            self._stream.get("MaximumRecordAgeInSeconds", -1),
        )
        age = time.time() - record["dynamodb"]["ApproximateCreationDateTime"]
        return (0 <= most <= attempts) or (0 < oldest < age)

    async def _dead_letter(self, records: list[Document]) -> None:
        """Send the records' place in the stream to the dead-letter queue, as stream sources do."""
        arn = part(self._stream, "DeadLetterConfig").get("Arn")
        if not arn:
            return
        first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
        body = {
            "context": {"partnerResourceArn": self._pipe["Arn"], "condition": "RetryAttemptsExhausted"},
            "version": "1.0",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "DDBStreamBatchInfo": {
                "shardId": self._shard,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": first["ApproximateCreationDateTime"],
                "approximateArrivalOfLastRecord": last["ApproximateCreationDateTime"],
                "batchSize": len(records),
                "streamArn": self._pipe["Source"],
            },
        }
        try:
            await self._call(
                "sqs", "SendMessage", {"QueueUrl": queue_url(arn), "MessageBody": json.dumps(body)}
            )
        except AwsError as error:
            logger.warning("pipe %s: its dead-letter queue refuses: %s", self._pipe["Name"], error)


def _report(name: str, runner: asyncio.Task[None]) -> None:
    """Log how a runner ended: only by cancellation, anything else is a defect that has to be seen."""
    if not runner.cancelled() and (error := runner.exception()):
        logger.error("pipe %s has stopped", name, exc_info=error)


def queue_url(arn: str) -> str:
    """Return the URL of a queue of this cloud; only its path counts."""
    _, _, _, _, account, name = arn.split(":")
    return f"http://127.0.0.1/{account}/{name}"


def _plain(record: Document, source: str) -> Document:
    """Return a stream record as the JSON that a pipe sees."""

    def encode(value: Any) -> Any:  # noqa: ANN401 (json's hook)
        return value.timestamp() if isinstance(value, datetime) else base64.b64encode(value).decode()

    return {**json.loads(json.dumps(record, default=encode)), "eventSourceARN": source}
