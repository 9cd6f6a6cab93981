"""Server-sent events: who wants them, and how they are framed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_agent_core.sse import encode, wants_stream
from nova_common.problems import Problem

from tests.services.agent_core.callers import parse


@pytest.mark.parametrize(
    ("accept", "stream"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/*", False),
        ("text/event-stream", True),
        ("TEXT/Event-Stream; charset=utf-8", True),
        ("text/*", True),
        ("text/event-stream, */*", True),
        ("text/event-stream, application/json", True),
        ("application/json, text/event-stream;q=0.5", False),
        ("application/json;q=0.4, text/event-stream;q=0.5", True),
        ("text/event-stream;q=0.1, */*;q=0.2", False),
        ("text/event-stream;q=0, */*", False),
        ("application/json;q=0, */*", True),
        ("text/html, */*;q=0.8", False),
        ("text/event-stream;q=what, application/json", False),
    ],
)
def test_what_a_caller_wants(accept: str | None, stream: bool) -> None:
    assert wants_stream(accept) is stream


@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/json;q=0", "*/*;q=0", "nonsense"])
def test_what_there_is_not(accept: str) -> None:
    with pytest.raises(Problem) as refused:
        wants_stream(accept)
    assert refused.value.status_code == 406


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_text_of_any_kind_keeps_the_frames(texts: list[str]) -> None:
    written = b"".join(encode("token", {"text": text}) for text in texts)
    assert [data["text"] for _, data in parse(written.decode())] == texts


@given(st.text(st.sampled_from("a\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")))
def test_readers_that_know_more_line_breaks_read_the_same(text: str) -> None:
    name, data, end = (encode("token", {"text": text}).decode() + "|").splitlines()[:3]
    assert (name, json.loads(data.removeprefix("data: ")), end) == ("event: token", {"text": text}, "")


def test_half_a_surrogate_pair_does_not_break_the_stream() -> None:
    assert parse(encode("token", {"text": "\ud83d"}).decode())[0][1]["text"] == "\ud83d"
