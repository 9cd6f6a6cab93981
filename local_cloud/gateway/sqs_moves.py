"""Message move tasks of SQS: dead letters go back to the queue that they came from.

Corrects: MiniStack's SQS has no StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask
(services/sqs.py, "Actions").
"""

import asyncio
import base64
import json
import logging
import time
import uuid

from local_cloud.documents import Document, part
from local_cloud.gateway.aws import Aws
from local_cloud.gateway.ministack import MiniStack
from local_cloud.gateway.protocol import AwsError, Handler, TargetService

TASKS_SHOWN_MAX = 10
"""Most that ListMessageMoveTasks returns, and that are remembered for a queue (SQS API reference)."""
BATCH_MESSAGES = 10
PER_SECOND_MAX = 500

logger = logging.getLogger(__name__)


class MessageMoves:
    """The three operations; the moving is done with SQS's own calls."""

    def __init__(self, aws: Aws, ministack: MiniStack) -> None:
        self._aws = aws
        self._ministack = ministack
        self._tasks: dict[str, list[Document]] = {}
        self._moving: set[asyncio.Task[None]] = set()

    def handler(self, otherwise: Handler) -> TargetService:
        """Return the service's handler."""
        operations = {
            "StartMessageMoveTask": self.start,
            "ListMessageMoveTasks": self.list_tasks,
            "CancelMessageMoveTask": self.cancel,
        }
        return TargetService(operations, otherwise)

    async def start(self, request: Document) -> Document:
        """Begin to move all messages of a dead-letter queue; one task a queue at a time."""
        region, source = self._ministack.region(), str(request.get("SourceArn", ""))
        feeding = await self._queues_feeding(source, region)
        if not feeding:
            raise AwsError("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
        per_second = int(request.get("MaxNumberOfMessagesPerSecond") or 0)
        if not 0 <= per_second <= PER_SECOND_MAX:
            raise AwsError("InvalidParameterValue", f"MaxNumberOfMessagesPerSecond is 1 to {PER_SECOND_MAX}.")
        known = self._tasks.setdefault(source, [])
        if any(task["Status"] in ("RUNNING", "CANCELLING") for task in known):
            message = "There is already a task running. Only one active task is allowed for a source queue."
            raise AwsError("AWS.SimpleQueueService.UnsupportedOperation", message)
        # Which queue a message came from is not kept here: with several it has to be said where they go.
        target = str(request.get("DestinationArn") or (feeding[0] if len(feeding) == 1 else ""))
        if not target:
            raise AwsError("InvalidParameterValue", "Several queues feed this one: name a DestinationArn.")
        task: Document = {
            "TaskHandle": base64.b64encode(
                json.dumps({"taskId": str(uuid.uuid4()), "sourceArn": source}).encode()
            ).decode(),
            "Status": "RUNNING",
            "SourceArn": source,
            "ApproximateNumberOfMessagesMoved": 0,
            "ApproximateNumberOfMessagesToMove": await self._depth(source, region),
            "StartedTimestamp": int(time.time() * 1000),
        }
        if request.get("DestinationArn"):
            task["DestinationArn"] = target
        known.insert(0, task)
        del known[TASKS_SHOWN_MAX:]
        moving = asyncio.create_task(self._move(task, source, target, region, per_second))
        self._moving.add(moving)
        moving.add_done_callback(self._moving.discard)
        return {"TaskHandle": task["TaskHandle"]}

    async def list_tasks(self, request: Document) -> Document:
        """Return the latest tasks of a queue, newest first; only a running one has a handle."""
        most = int(request.get("MaxResults") or 1)
        shown = [
            {key: value for key, value in task.items() if key != "TaskHandle" or task["Status"] == "RUNNING"}
            for task in self._tasks.get(str(request.get("SourceArn", "")), [])[:most]
        ]
        return {"Results": shown}

    async def cancel(self, request: Document) -> Document:
        """Stop a running task; what was moved stays moved."""
        for task in (task for tasks in self._tasks.values() for task in tasks):
            if task["TaskHandle"] == request.get("TaskHandle") and task["Status"] == "RUNNING":
                task["Status"] = "CANCELLING"
                return {"ApproximateNumberOfMessagesMoved": task["ApproximateNumberOfMessagesMoved"]}
        raise AwsError("ResourceNotFoundException", "The task does not exist or is not running.")

    async def _move(self, task: Document, source: str, target: str, region: str, per_second: int) -> None:
        try:
            source_url, target_url = await self._url(source, region), await self._url(target, region)
            while task["Status"] == "RUNNING":
                received = await self._aws.call(
                    "sqs",
                    "ReceiveMessage",
                    {
                        "QueueUrl": source_url,
                        "MaxNumberOfMessages": BATCH_MESSAGES,
                        "MessageAttributeNames": ["All"],
                    },
                    region=region,
                )
                messages: list[Document] = received.get("Messages") or []
                if not messages:
                    break
                for message in messages:
                    await self._move_one(message, source_url, target_url, region)
                    task["ApproximateNumberOfMessagesMoved"] += 1
                if per_second:
                    await asyncio.sleep(len(messages) / per_second)
            task["Status"] = "CANCELLED" if task["Status"] == "CANCELLING" else "COMPLETED"
        except AwsError as error:
            task.update(Status="FAILED", FailureReason=error.code)
            logger.warning("messages of %s cannot be moved: %r", source, error)

    async def _move_one(self, message: Document, source_url: str, target_url: str, region: str) -> None:
        sent: Document = {"QueueUrl": target_url, "MessageBody": message["Body"]}
        if message.get("MessageAttributes"):
            sent["MessageAttributes"] = message["MessageAttributes"]
        await self._aws.call("sqs", "SendMessage", sent, region=region)
        deleted = {"QueueUrl": source_url, "ReceiptHandle": message["ReceiptHandle"]}
        await self._aws.call("sqs", "DeleteMessage", deleted, region=region)

    async def _queues_feeding(self, source: str, region: str) -> list[str]:
        """Return the ARNs of the queues whose dead letters go to a queue."""
        urls = await self._aws.call("sqs", "ListQueues", {}, region=region)
        found: list[str] = []
        known: list[str] = urls.get("QueueUrls") or []
        for url in known:
            attributes = await self._attributes(url, region)
            policy: Document = json.loads(attributes.get("RedrivePolicy") or "{}")
            if source and policy.get("deadLetterTargetArn") == source:
                found.append(str(attributes["QueueArn"]))
        return found

    async def _depth(self, queue: str, region: str) -> int:
        attributes = await self._attributes(await self._url(queue, region), region)
        return int(attributes.get("ApproximateNumberOfMessages") or 0)

    async def _attributes(self, url: str, region: str) -> Document:
        parameters = {"QueueUrl": url, "AttributeNames": ["All"]}
        answer = await self._aws.call("sqs", "GetQueueAttributes", parameters, region=region)
        return part(answer, "Attributes")

    async def _url(self, arn: str, region: str) -> str:
        name = arn.rpartition(":")[2]
        return str(
            (await self._aws.call("sqs", "GetQueueUrl", {"QueueName": name}, region=region))["QueueUrl"]
        )
