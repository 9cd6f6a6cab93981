"""Data that a request brings along: JSON that stands on a line of its own in its system prompt.

The offline model follows no prompt, and knows no prompt of any application. What is data there it can quote
like a tool's result.
"""

import json
from collections.abc import Sequence
from typing import cast

from local_cloud.documents import Document
from local_cloud.gateway.bedrock.records import Result

NAME = "attached"


def attached(system: Sequence[Document]) -> list[Result]:
    """Return the data in the blocks of a system prompt."""
    lines = [line for block in system for line in str(block.get("text") or "").splitlines()]
    values = [value for line in lines if line.startswith("{") and (value := _object(line)) is not None]
    return [Result(NAME, failed=False, values=[value]) for value in values]


def _object(line: str) -> Document | None:
    try:
        value: object = json.loads(line)
    except ValueError:
        return None
    return cast("Document", value) if isinstance(value, dict) else None
