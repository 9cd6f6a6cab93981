"""The coordinator's runtime as an image's program that tells, as a session, what ids it makes."""

# ruff: noqa: T201, S311 - it is a program, and asks for what shows a shared state

import json
import random
import uuid

from fastapi.testclient import TestClient
from nova_agent_core import runtime_app
from nova_common import aws
from nova_common.backoff import Backoff
from nova_common.telemetry import spans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


def main() -> None:
    """Answer as a session does, and print what it made on the way."""
    recorded = InMemorySpanExporter()
    spans.configure("agent-core", SimpleSpanProcessor(recorded))
    settings = runtime_app.read_settings()
    client = TestClient(runtime_app.create_app(settings))
    answers = [client.get("/ping"), client.post("/invocations", json={"text": "Hello?"})]
    ids = [answer.headers["x-request-id"] for answer in answers]
    for span in recorded.get_finished_spans():
        context = span.get_span_context()
        assert context is not None
        ids += [f"{context.trace_id:032x}", f"{context.span_id:016x}"]
    credentials = aws.session().get_credentials()
    assert credentials is not None
    drawn = [random.random(), Backoff(first=1, last=64).pause_seconds(3)]
    told = {
        "statuses": [answer.status_code for answer in answers],
        "ids": [*ids, str(uuid.uuid4())],
        "drawn": drawn,
        "key": credentials.access_key,
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
