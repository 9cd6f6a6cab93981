"""The worker loop: one bad message stops nothing, a long one stays hidden, a stop loses nothing."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError
from fastapi.testclient import TestClient
from nova_common.data_keys import UserErasedError
from nova_common.logs import correlation_id
from nova_common.queue_worker import (
    RECEIVES_MAX,
    QueueWorker,
    WorkerLimits,
    create_worker_application,
    delivery,
    retry_delay_seconds,
)

from tests.services.support.tables import create_queue, queue_depth

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

FAST = WorkerLimits(
    concurrency=3, poll=0, visibility=5, retry_first=0.1, retry_last=0.1, drain=3.0, silence=5.0
)


def run(worker: QueueWorker, until: Callable[[], bool], seconds_max: float = 15.0) -> None:
    """Run the loop until something has happened, then stop it."""

    async def scenario() -> None:
        worker.start()
        deadline = time.monotonic() + seconds_max
        while not until() and time.monotonic() < deadline:  # noqa: ASYNC110 - the condition is any callable
            await asyncio.sleep(0.02)
        await worker.stop()

    asyncio.run(scenario())
    assert until(), "it did not happen in time"


def send(client: "SQSClient", url: str, *bodies: str) -> None:
    for body in bodies:
        client.send_message(QueueUrl=url, MessageBody=body)


def test_a_message_about_an_erased_person_is_done(sqs: "SQSClient") -> None:
    queue, dead = create_queue(sqs, receives_max=3)
    send(sqs, queue, "late")
    handled: list[str] = []

    def handle(body: str) -> None:
        handled.append(body)
        raise UserErasedError

    run(QueueWorker(sqs, queue, handle, FAST), lambda: bool(handled) and not queue_depth(sqs, queue))
    assert (handled, queue_depth(sqs, dead)) == (["late"], 0)


def test_messages_are_handled_and_deleted(sqs: "SQSClient") -> None:
    queue, dead = create_queue(sqs, receives_max=3)
    bodies = [str(number) for number in range(25)]
    send(sqs, queue, *bodies)
    seen: list[str] = []
    correlations: set[str | None] = set()

    def handle(body: str) -> None:
        seen.append(body)
        correlations.add(correlation_id.get())

    run(QueueWorker(sqs, queue, handle, FAST), lambda: len(seen) == 25)
    assert sorted(seen) == sorted(bodies)
    assert len(correlations) == 25
    assert queue_depth(sqs, queue) == queue_depth(sqs, dead) == 0


def test_poison_ends_in_the_dead_letter_queue_and_stops_nothing(sqs: "SQSClient") -> None:
    queue, dead = create_queue(sqs, receives_max=2)
    send(sqs, queue, "poison", *(str(number) for number in range(10)))
    seen: list[str] = []
    attempts: list[str] = []

    def handle(body: str) -> None:
        if body == "poison":
            attempts.append(body)
            raise ValueError(body)
        seen.append(body)

    run(QueueWorker(sqs, queue, handle, FAST), lambda: len(seen) == 10 and queue_depth(sqs, dead) == 1)
    assert len(attempts) == 2
    assert queue_depth(sqs, queue) == 0
    assert sqs.receive_message(QueueUrl=dead).get("Messages", [{}])[0].get("Body") == "poison"


def test_a_message_that_fails_once_is_handled_later(sqs: "SQSClient") -> None:
    queue, dead = create_queue(sqs, receives_max=5)
    send(sqs, queue, "flaky")
    attempts: list[float] = []
    counted: list[int] = []

    def handle(body: str) -> None:
        attempts.append(time.monotonic())
        counted.append(delivery.get())
        if len(attempts) == 1:
            raise OSError(body)

    run(QueueWorker(sqs, queue, handle, FAST), lambda: len(attempts) == 2)
    assert attempts[1] - attempts[0] >= 0.5
    assert counted == [1, 2]
    assert queue_depth(sqs, queue) == queue_depth(sqs, dead) == 0


def test_no_more_than_the_limit_is_handled_at_a_time(sqs: "SQSClient") -> None:
    queue, _ = create_queue(sqs, receives_max=3)
    send(sqs, queue, *(str(number) for number in range(12)))
    lock = threading.Lock()
    running = 0
    highest = 0
    done = 0

    def handle(body: str) -> None:
        nonlocal running, highest, done
        del body
        with lock:
            running += 1
            highest = max(highest, running)
        time.sleep(0.05)
        with lock:
            running -= 1
            done += 1

    run(QueueWorker(sqs, queue, handle, FAST), lambda: done == 12)
    assert highest == FAST.concurrency


def test_a_message_stays_hidden_while_its_handler_runs(sqs: "SQSClient") -> None:
    queue, _ = create_queue(sqs, receives_max=3)
    send(sqs, queue, "long")
    starts: list[str] = []
    done = threading.Event()

    def handle(body: str) -> None:
        starts.append(body)
        time.sleep(2.5)
        done.set()

    limits = WorkerLimits(concurrency=3, poll=0, visibility=1, drain=3.0)
    run(QueueWorker(sqs, queue, handle, limits), done.is_set)
    assert starts == ["long"]
    assert queue_depth(sqs, queue) == 0


def test_extension_ends_with_the_limit_of_handling(sqs: "SQSClient") -> None:
    queue, _ = create_queue(sqs, receives_max=9)
    send(sqs, queue, "stuck")
    starts: list[str] = []
    release = threading.Event()

    def handle(body: str) -> None:
        starts.append(body)
        release.wait(10)

    limits = WorkerLimits(concurrency=2, poll=0, visibility=1, handling=0.5, drain=0.2)
    run(QueueWorker(sqs, queue, handle, limits), lambda: len(starts) == 2)
    release.set()


def test_a_stop_lets_handlers_finish_and_takes_nothing_new(sqs: "SQSClient") -> None:
    queue, _ = create_queue(sqs, receives_max=3)
    send(sqs, queue, *(str(number) for number in range(9)))
    started: list[str] = []
    finished: list[str] = []

    def handle(body: str) -> None:
        started.append(body)
        time.sleep(0.4)
        finished.append(body)

    run(QueueWorker(sqs, queue, handle, FAST), lambda: len(started) >= 3)
    assert finished
    assert sorted(finished) == sorted(started)
    assert queue_depth(sqs, queue) == 9 - len(finished)


def test_a_stop_is_not_held_up_by_a_stuck_handler(sqs: "SQSClient") -> None:
    queue, _ = create_queue(sqs, receives_max=3)
    send(sqs, queue, "stuck")
    started = threading.Event()
    release = threading.Event()

    def handle(body: str) -> None:
        del body
        started.set()
        release.wait(30)

    limits = WorkerLimits(concurrency=1, poll=0, visibility=5, drain=0.3)
    begun = time.monotonic()
    run(QueueWorker(sqs, queue, handle, limits), started.is_set)
    assert time.monotonic() - begun < 5
    assert queue_depth(sqs, queue) == 1
    release.set()


class AbsentQueue:
    """A queue that cannot be reached."""

    def __init__(self) -> None:
        self.calls = 0

    def receive_message(self, **_: Any) -> Any:
        self.calls += 1
        raise EndpointConnectionError(endpoint_url="http://queue")


def test_an_absent_queue_makes_the_worker_unready_and_not_dead() -> None:
    queue = AbsentQueue()
    worker = QueueWorker(queue, "url", lambda _: None, FAST)  # pyright: ignore[reportArgumentType]
    run(worker, lambda: queue.calls >= 1)
    with pytest.raises(RuntimeError, match="not answered"):
        worker.check_ready()
    assert worker.alive


class LateQueue:
    """A queue whose message comes only when the worker is stopping."""

    def __init__(self) -> None:
        self.polled = threading.Event()
        self.stopping = threading.Event()
        self.visibilities: list[int] = []

    def receive_message(self, **_: Any) -> Any:
        self.polled.set()
        self.stopping.wait(5)
        return {"Messages": [{"MessageId": "m", "Body": "late", "ReceiptHandle": "r"}]}

    def change_message_visibility(self, **request: Any) -> None:
        self.visibilities.append(request["VisibilityTimeout"])


def test_what_comes_during_a_stop_is_given_back() -> None:
    queue = LateQueue()
    seen: list[str] = []
    worker = QueueWorker(queue, "url", seen.append, FAST)  # pyright: ignore[reportArgumentType]

    async def scenario() -> None:
        worker.start()
        await asyncio.to_thread(queue.polled.wait, 5)
        stop = asyncio.create_task(worker.stop())
        await asyncio.sleep(0)
        queue.stopping.set()
        await stop

    asyncio.run(scenario())
    assert seen == []
    assert queue.visibilities == [0]


def test_the_application_of_a_worker(sqs: "SQSClient") -> None:
    queue, _ = create_queue(sqs, receives_max=3)
    seen = threading.Event()
    workers: list[QueueWorker] = []

    def make() -> QueueWorker:
        workers.append(QueueWorker(sqs, queue, lambda _: seen.set(), FAST))
        return workers[-1]

    with TestClient(create_worker_application("test", make)) as client:
        send(sqs, queue, "hello")
        assert seen.wait(5)
        assert client.get("/health").status_code == 200
        assert client.get("/ready").json() == {"status": "ok", "checks": {"queue": "ok"}}
        assert client.get("/api/audio").status_code == 404


def test_a_dead_loop_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(self: QueueWorker, free: int) -> list[Any]:
        del self, free
        raise MemoryError

    monkeypatch.setattr(QueueWorker, "_receive", break_down)
    app = create_worker_application(
        "test",
        lambda: QueueWorker(AbsentQueue(), "url", lambda _: None, FAST),  # pyright: ignore[reportArgumentType]
    )
    with TestClient(app) as client:
        deadline = time.monotonic() + 5
        while client.get("/health").status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert client.get("/health").status_code == 503
        assert client.get("/ready").status_code == 503


def test_delays_grow_to_a_limit_and_are_jittered() -> None:
    limits = WorkerLimits(retry_first=10, retry_last=30)
    for deliveries, ceiling in [(1, 10), (2, 20), (3, 30), (4, 30)]:
        delays = {retry_delay_seconds(deliveries, limits) for _ in range(200)}
        assert min(delays) >= ceiling / 2
        assert max(delays) <= ceiling
        assert len(delays) > 3


def test_after_the_last_delivery_a_message_is_set_aside_at_once() -> None:
    assert {retry_delay_seconds(deliveries, WorkerLimits()) for deliveries in (RECEIVES_MAX, 1000)} == {1}


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"concurrency": 0}, "concurrency is 0"),
        ({"poll": 21}, "poll is 21"),
        ({"poll": 5, "visibility": 5}, "visibility is 5"),
    ],
)
def test_impossible_limits_are_refused(limits: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WorkerLimits(**limits)
