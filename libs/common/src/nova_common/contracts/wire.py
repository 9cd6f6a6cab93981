"""What all models on the wire share."""

import base64
import binascii
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from nova_common.events import format_timestamp

type Timestamp = Annotated[datetime, PlainSerializer(format_timestamp, return_type=str)]
"""A moment, written as ISO-8601 in UTC with microseconds."""

_BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        message = "the content is not base64"
        raise ValueError(message) from error


type Base64 = Annotated[
    bytes,
    BeforeValidator(_decoded),
    PlainSerializer(lambda content: base64.b64encode(content).decode(), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64", "pattern": _BASE64}),
]
"""Bytes, written as base64."""


class Contract(BaseModel):
    """Base of the models on the wire: immutable; errors do not show inputs, which may be personal."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


def is_none(value: object) -> bool:
    """Whether a field is left out of an answer."""
    return value is None
