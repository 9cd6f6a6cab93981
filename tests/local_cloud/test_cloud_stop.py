"""The end of a local cloud that still answers somebody: it does not wait for them."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import httpx2
from botocore.exceptions import BotoCoreError, ClientError

from tests.local_cloud.running import Running

SILENCE_SECONDS = 60
STOP_SECONDS_MAX = 20.0
"""With what the machine is busy with beside it; by itself it takes five."""


def test_an_answer_that_takes_long_is_not_waited_for(new_cloud: Callable[[str], Running]) -> None:
    cloud = new_cloud("answering").start()
    plan = {
        "operation": "bedrock-runtime:Converse",
        "fault": "silence",
        "seconds": SILENCE_SECONDS,
        "times": 1,
    }
    headers = {"X-Nova-Admin": cloud.administrator["secret_access_key"]}
    httpx2.post(f"{cloud.url}/_nova/faults", json=plan, headers=headers).raise_for_status()
    model = cloud.client("bedrock-runtime")

    def ask() -> None:
        with suppress(ClientError, BotoCoreError):
            question = {"role": "user", "content": [{"text": "Hello!"}]}
            model.converse(modelId="amazon.nova-lite-v1:0", messages=[question])

    threading.Thread(target=ask, daemon=True).start()
    time.sleep(1)  # until it is asked
    assert cloud.process is not None
    begun = time.monotonic()
    cloud.process.terminate()
    assert cloud.process.wait(SILENCE_SECONDS) == 0
    assert time.monotonic() - begun < STOP_SECONDS_MAX
