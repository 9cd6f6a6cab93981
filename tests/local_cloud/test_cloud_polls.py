"""Polls of queues: they wait for messages, until the local cloud stops."""

import asyncio
import time

from local_cloud.gateway.protocol import Answer, json_answer
from local_cloud.gateway.sqs_polls import LongPolls

RECEIVE = {"x-amz-target": "AmazonSQS.ReceiveMessage"}


class Queue:
    """Answers after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.cancelled = False

    async def __call__(self, *_request: object) -> Answer:
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return json_answer({"Messages": [{"Body": "x"}]})


def ask(queue: Queue, headers: dict[str, str], *, closed_after: float | None = None) -> tuple[Answer, float]:
    async def scenario() -> tuple[Answer, float]:
        polls, begun = LongPolls(), time.monotonic()
        if closed_after is not None:
            asyncio.get_running_loop().call_later(closed_after, polls.close)
        answer = await polls.handler(queue)("POST", "/", headers, b"{}", {})
        return answer, time.monotonic() - begun

    return asyncio.run(scenario())


def test_a_poll_waits_for_a_message() -> None:
    answer, _seconds = ask(Queue(0.3), RECEIVE)
    assert b'"Body": "x"' in answer[2]


def test_a_poll_ends_with_the_local_cloud_and_takes_nothing() -> None:
    queue = Queue(20)
    answer, seconds = ask(queue, RECEIVE, closed_after=0.1)
    assert (answer[0], answer[2]) == (200, b"{}")
    assert seconds < 5
    assert queue.cancelled


def test_other_calls_are_answered_to_the_last() -> None:
    answer, _seconds = ask(Queue(0.3), {"x-amz-target": "AmazonSQS.DeleteMessage"}, closed_after=0)
    assert b'"Body": "x"' in answer[2]
