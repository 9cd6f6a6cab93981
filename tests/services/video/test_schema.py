"""The schema that a model is given: complete, without references, and as flat at the top as Nova demands."""

import json

import pytest
from nova_common.contracts.video import VideoAnalysis
from nova_video.schema import tool_schema
from pydantic import BaseModel


class Titled(BaseModel):
    title: str


class Endless(BaseModel):
    inner: "Endless | None" = None


def test_nothing_has_to_be_looked_up() -> None:
    schema = tool_schema(VideoAnalysis)
    assert set(schema) == {"type", "properties", "required"}
    assert "$" not in json.dumps(
        {name: value for name, value in schema.items() if name != "pattern"}
    ).replace("{1,39}$", "")
    anomaly = schema["properties"]["anomalies"]["items"]
    assert anomaly["properties"]["severity"]["enum"] == ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    assert "CRITICAL: there is danger" in anomaly["properties"]["severity"]["description"]
    assert anomaly["properties"]["start"]["minimum"] == 0
    assert set(anomaly["required"]) == {"kind", "severity", "start", "end", "description"}
    assert schema["required"] == ["summary", "scenes", "anomalies"]


def test_a_property_may_be_called_title() -> None:
    assert tool_schema(Titled)["properties"] == {"title": {"type": "string"}}


def test_a_model_that_contains_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="nested"):
        tool_schema(Endless)
