"""A wake-up names an aggregate, and nothing else in it counts."""

import json

import pytest
from nova_common.wake_ups import WakeUp
from pydantic import ValidationError


@pytest.mark.parametrize(
    "body",
    [
        {"aggregate": "Recording#1"},
        {"aggregate": "Recording#1", "version": "7", "data": "{}"},
        {
            "source": "nova.audio",
            "detail-type": "X",
            "detail": {"aggregate": "Recording#1", "user": "mallory"},
        },
        {"aggregate": "Other#2", "detail": {"aggregate": "Recording#1"}},
    ],
)
def test_a_bus_event_and_its_detail_alone_say_the_same(body: dict[str, object]) -> None:
    message = WakeUp.model_validate_json(json.dumps(body))
    assert (message.aggregate, message.kind) == ("Recording#1", "Recording")


@pytest.mark.parametrize(
    "body",
    ["", "[]", "null", "{}", '{"aggregate": ""}', '{"aggregate": 5}', '{"detail": {"aggregate": null}}'],
)
def test_a_message_without_an_aggregate_is_refused_without_its_content(body: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WakeUp.model_validate_json(body)
    assert "input_value" not in str(caught.value)
