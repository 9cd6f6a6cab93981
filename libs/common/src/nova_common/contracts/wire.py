"""What all models on the wire share."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer

from nova_common.events import format_timestamp

type Timestamp = Annotated[datetime, PlainSerializer(format_timestamp, return_type=str)]
"""A moment, written as ISO-8601 in UTC with microseconds."""


class Contract(BaseModel):
    """Base of the models on the wire: immutable; errors do not show inputs, which may be personal."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


def is_none(value: object) -> bool:
    """Whether a field is left out of an answer."""
    return value is None
