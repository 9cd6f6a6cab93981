"""What Converse and ConverseStream are asked, with Bedrock's own refusals of what no model takes."""

import itertools
import json
import re
from dataclasses import dataclass
from typing import Any, cast

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.protocol import AwsError

MODEL_ID = re.compile(
    r"(?:arn:aws:bedrock:[a-z0-9-]*:(?:\d{12})?:[a-z-]+/)?(?:[a-z-]+\.)?[a-z0-9-]+\.[a-z0-9][a-zA-Z0-9.:-]*"
    r"|arn:aws:bedrock:[a-z0-9-]+:\d{12}:[a-z-]+/[a-zA-Z0-9.:-]+"
)
"""A foundation model's id, with the prefix of an inference profile or not, or the ARN of either."""
UNSUPPORTED = ("outputConfig", "promptVariables")
KNOWN_BLOCKS = frozenset(("text", "toolUse", "toolResult", "cachePoint", "video"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that the caller offers; `schema` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoObject:
    """A video that the conversation is about: where it lies."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A checked request: the messages in turns, the tools, and whether one has to be called.

    `choice` is "auto", "any", or the name of the tool to call.
    """

    messages: list[Document]
    tools: list[Tool]
    choice: str
    max_tokens: int | None
    text: str
    """All text of the request, which its tokens are counted from."""
    video: VideoObject | None = None
    """The video to look at, if there is one."""
    system: tuple[Document, ...] = ()
    """Blocks of the system prompt."""


def is_embedding_model(model_id: str) -> bool:
    """Whether a model id names a model that makes embeddings."""
    return "embed" in model_id.rpartition("/")[2]


def check_model(model_id: str) -> None:
    """Accept a well-formed model id or ARN.

    Raises:
        AwsError: ValidationException.

    """
    if not MODEL_ID.fullmatch(model_id):
        raise AwsError("ValidationException", "The provided model identifier is invalid.")


def conversation(request: Document) -> Conversation:
    """Return a request, of the right shape already, as a conversation.

    Raises:
        AwsError: ValidationException.

    """
    for member in UNSUPPORTED:
        if request.get(member):
            raise _invalid(f"The offline model does not support {member}.")
    if part(request, "inferenceConfig").get("stopSequences"):
        raise _invalid("The offline model does not support inferenceConfig.stopSequences.")
    messages = parts(request, "messages")
    _check_turns(messages)
    for number, message in enumerate(messages):
        _check_content(message, f"messages.{number}.content")
    _check_tool_turns(messages, "toolConfig" in request)
    tools = [
        Tool(
            name=spec["name"],
            description=spec.get("description") or "",
            schema=part(spec, "inputSchema", "json"),
        )
        for spec in (part(tool, "toolSpec") for tool in parts(part(request, "toolConfig"), "tools"))
        if spec
    ]
    return Conversation(
        messages=messages,
        tools=tools,
        choice=_choice(part(request, "toolConfig", "toolChoice"), tools),
        max_tokens=part(request, "inferenceConfig").get("maxTokens"),
        text=_all_text([request.get("system"), messages, part(request, "toolConfig")]),
        video=_video(messages),
        system=tuple(parts(request, "system")),
    )


def _check_turns(messages: list[Document]) -> None:
    roles = [message["role"] for message in messages]
    if not roles or roles[0] != "user":
        raise _invalid(
            "A conversation must start with a user message. Try again with a conversation that starts with a "
            "user message."
        )
    if any(role == following for role, following in itertools.pairwise(roles)) or "system" in roles:
        raise _invalid(
            "A conversation must alternate between user and assistant roles. Make sure the conversation "
            "alternates between user and assistant roles and try again."
        )
    if roles[-1] != "user":
        raise _invalid(
            "This model does not support assistant message prefill. The conversation must end with a user "
            "message."
        )


def _check_content(message: Document, path: str) -> None:
    blocks = parts(message, "content")
    if not blocks:
        raise _invalid(
            f"The content field in the Message object at {path.removesuffix('.content')} is empty. Add a "
            "ContentBlock object to the content field and try again."
        )
    for number, block in enumerate(blocks):
        (kind,) = (name for name, value in block.items() if value is not None)
        if kind not in KNOWN_BLOCKS:
            raise _invalid(f"The offline model does not support the {kind} content block at {path}.{number}.")
        if kind == "text" and not block["text"].strip():
            raise _invalid(
                f"The text field in the ContentBlock object at {path}.{number} is blank. Add text to the "
                "text field, and try again."
            )


def _check_tool_turns(messages: list[Document], configured: bool) -> None:
    """Accept a conversation in which each use of a tool is followed by its result, and by nothing else."""
    open_ids: list[str] = []
    for number, message in enumerate(messages):
        path = f"messages.{number}.content"
        used, answered = ids(message, "toolUse"), ids(message, "toolResult")
        if (used or answered) and not configured:
            raise _invalid(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            )
        if len(answered) > len(open_ids):
            raise _invalid(
                f"The number of toolResult blocks at {path} exceeds the number of toolUse blocks of previous "
                "turn."
            )
        if message["role"] == "user" and set(open_ids) != set(answered):
            missing = ", ".join(sorted(set(open_ids) - set(answered)))
            raise _invalid(f"Expected toolResult blocks at {path} for the following Ids: {missing}")
        if len(set(used)) != len(used):
            raise _invalid(f"The toolUse blocks at {path} contain duplicate Ids.")
        if used and message["role"] == "user":
            raise _invalid(f"The toolUse blocks at {path} belong into a message of the assistant.")
        open_ids = used


def ids(message: Document, kind: str) -> list[str]:
    """Return the toolUseIds of a message's blocks of one kind (toolUse or toolResult)."""
    return [block[kind]["toolUseId"] for block in parts(message, "content") if block.get(kind)]


def _video(messages: list[Document]) -> VideoObject | None:
    """Return the one video of a conversation, which its owner's account keeps in S3."""
    found = [
        block["video"] for message in messages for block in parts(message, "content") if block.get("video")
    ]
    if not found:
        return None
    if len(found) > 1:
        raise _invalid("A conversation may have one video.")
    location = part(found[0], "source", "s3Location")
    if not location:
        raise _invalid("The offline model looks at videos in S3 only: give source.s3Location.")
    if location.get("bucketOwner") not in (None, ACCOUNT):
        raise AwsError("AccessDeniedException", "The bucket of the video does not belong to bucketOwner.")
    bucket, _, key = str(location["uri"]).removeprefix("s3://").partition("/")
    return VideoObject(bucket=bucket, key=key)


def _choice(choice: Document, tools: list[Tool]) -> str:
    if "tool" in choice:
        name: str = choice["tool"]["name"]
        if name not in {tool.name for tool in tools}:
            raise _invalid(f"The tool {name} of toolChoice is not among the tools of toolConfig.")
        return name
    return "any" if "any" in choice else "auto"


def _all_text(value: object) -> str:
    """Return the texts of a document, one a line; names and keys count as well, as models are given them."""
    return value if isinstance(value, str) else json.dumps(cast("Any", value), ensure_ascii=False)


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
