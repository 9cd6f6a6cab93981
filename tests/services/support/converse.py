"""A model behind Converse that answers what a test says, and remembers what it was asked."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import copy
from typing import Any

from botocore.exceptions import ClientError

SUMMARY = "A yard at night."


def refusal(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Converse")


def described(**changes: Any) -> dict[str, Any]:
    """An analysis of a video of two seconds."""
    analysis: dict[str, Any] = {
        "summary": SUMMARY,
        "scenes": [
            {"start": 0, "end": 1, "description": "A gate."},
            {"start": 1, "end": 2, "description": "A truck."},
        ],
        "anomalies": [
            {
                "kind": "black_picture",
                "severity": "HIGH",
                "start": 0.5,
                "end": 1,
                "description": "Nothing is seen.",
            },
            {
                "kind": "open_gate",
                "severity": "LOW",
                "start": 1,
                "end": 2,
                "description": "The gate is open.",
            },
        ],
    }
    return analysis | changes


def reported(arguments: Any, stop_reason: str = "tool_use", name: str = "report_analysis") -> dict[str, Any]:
    """An answer of the model that uses the tool."""
    block = {"toolUse": {"toolUseId": "use-1", "name": name, "input": arguments}}
    return {
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": stop_reason,
    }


def spoken(text: str) -> dict[str, Any]:
    """An answer of the model without the tool."""
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}] if text else []}},
        "stopReason": "end_turn",
    }


class FakeConverse:
    """Bedrock's client as far as it is used: gives the next answer, the last one again and again."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[dict[str, Any]] = []

    def will(self, *answers: dict[str, Any] | Exception) -> None:
        """Give these answers from now on."""
        self.answers = list(answers)

    def converse(self, **request: Any) -> dict[str, Any]:
        # The conversation goes on in the same list.
        self.requests.append(copy.deepcopy(request))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer
