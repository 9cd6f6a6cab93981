"""What is said in sessions is neither logged nor traced, whatever the level of logs is."""

import logging

import pytest
from fastapi.testclient import TestClient
from nova_common.logs import configure_logging
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.services.agent_core.callers import ask, start, stream
from tests.services.agent_core.scripted import ScriptedModel, fail, say, use

SECRETS = ["my-question", "my-answer", "my-argument", "harbour opens"]


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """What would be exported if somebody switched tracing on."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setattr("strands.telemetry.tracer._tracer_instance", None)
    return exporter


def converse(client: TestClient, model: ScriptedModel) -> None:
    session_id = start(client)
    model.rounds += [use(("search_recordings", {"query": "my-argument"})), say("my-answer")]
    assert stream(client, session_id, "my-question")[-1][0] == "done"
    model.rounds += [use(("my-argument!", {"query": "my-argument"}), before="my-answer"), say("my-answer")]
    assert ask(client, session_id, "my-question").status_code == 200
    model.rounds.append(fail(ValueError("boom"), "my-answer"))
    assert ask(client, session_id, "my-question").status_code == 500


def test_spans_hold_no_content(spans: InMemorySpanExporter, client: TestClient, model: ScriptedModel) -> None:
    converse(client, model)
    finished = spans.get_finished_spans()
    assert len(finished) > 5
    written = "".join(span.to_json() for span in finished)
    assert "search_recordings" in written
    assert [secret for secret in SECRETS if secret in written] == []


def test_logs_hold_no_content(
    client: TestClient, model: ScriptedModel, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        configure_logging("agent-core", "DEBUG")
        # The test client is a user of the same library.
        converse(client, model)
    finally:
        root.handlers[:], _ = handlers, root.setLevel(level)
    written = capsys.readouterr().out
    assert "turn ended" in written
    assert [secret for secret in SECRETS if secret in written] == []
