"""EventBridge Pipes: the API; `runtime/pipes.py` delivers.

Corrects: MiniStack's pipes deliver to SNS and Step Functions only, and keep neither filters nor templates
(services/pipes.py `_deliver_batch`, `_create_pipe`).
"""

import re
import time
from urllib.parse import unquote

from local_cloud.documents import Document, part, parts
from local_cloud.gateway.ministack import ACCOUNT, MiniStack
from local_cloud.gateway.protocol import Answer, AwsError, json_answer, parse
from local_cloud.runtime.pipes import Pipes

JSON = "application/json"
NAME = re.compile(r"^[.\-_A-Za-z0-9]{1,64}$")
SOURCE = re.compile(r"^arn:aws:dynamodb:[^:]+:\d+:table/[^/]+/stream/.+$")
TARGET = re.compile(r"^arn:aws:(events:[^:]+:\d+:event-bus/.+|sqs:[^:]+:\d+:.+)$")
TARGET_BATCH = 10
"""Largest batch towards a bus or a queue; AWS refuses more at CreatePipe."""
UPDATABLE = ("Description", "RoleArn", "Target", "TargetParameters", "LogConfiguration", "KmsKeyIdentifier")


class PipesService:
    """The handler of the Pipes API."""

    def __init__(self, pipes: Pipes, ministack: MiniStack) -> None:
        self._pipes = pipes
        self._ministack = ministack

    async def __call__(
        self, method: str, path: str, _headers: dict[str, str], body: bytes, query: dict[str, list[str]]
    ) -> Answer:
        """Answer one request."""
        try:
            if path.startswith("/tags/"):
                answer = self._tags(method, unquote(path.removeprefix("/tags/")), parse(body), query)
            elif path in ("/v1/pipes", "/v1/pipes/"):
                answer = self._list(query)
            else:
                name, _, verb = unquote(path.removeprefix("/v1/pipes/")).partition("/")
                answer = self._operate(method, name, verb, parse(body))
        except AwsError as error:
            return error.answer()
        return json_answer(answer, 200, JSON)

    def _operate(self, method: str, name: str, verb: str, request: Document) -> Document:
        if method == "POST" and not verb:
            return self._create(name, request)
        pipe = self._pipes.all.get(name)
        if pipe is None:
            raise AwsError("NotFoundException", f"Pipe {name} does not exist.", 404)
        if verb in ("start", "stop"):
            return self._set_state(pipe, "RUNNING" if verb == "start" else "STOPPED")
        if method == "PUT":
            return self._update(pipe, request)
        if method == "DELETE":
            self._pipes.remove(name)
            return _summary(pipe) | {"CurrentState": "DELETING", "DesiredState": "DELETED"}
        return pipe

    def _create(self, name: str, request: Document) -> Document:
        if name in self._pipes.all:
            raise AwsError("ConflictException", f"Pipe {name} already exists.", 409)
        if not NAME.match(name):
            raise AwsError("ValidationException", f"Invalid pipe name {name!r}")
        now = time.time()
        state = request.get("DesiredState") or "RUNNING"
        pipe: Document = {
            **{key: value for key, value in request.items() if key not in ("DesiredState", "Tags")},
            "Name": name,
            "Arn": f"arn:aws:pipes:{self._ministack.region()}:{ACCOUNT}:pipe/{name}",
            "DesiredState": state,
            "CurrentState": state,
            "Tags": request.get("Tags") or {},
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        self._validate(pipe)
        self._pipes.put(pipe)
        return _summary(pipe) | {"CurrentState": "CREATING"}

    def _validate(self, pipe: Document) -> None:
        for member in ("Source", "Target", "RoleArn"):
            if not pipe.get(member):
                raise AwsError("ValidationException", f"{member} must not be null")
        if not SOURCE.match(pipe["Source"]) or not TARGET.match(pipe["Target"]):
            raise AwsError(
                "ValidationException",
                "The local cloud's pipes lead from a DynamoDB stream to a bus or a queue",
            )
        source = part(pipe, "SourceParameters")
        stream = part(source, "DynamoDBStreamParameters")
        if stream.get("StartingPosition") not in ("LATEST", "TRIM_HORIZON"):
            raise AwsError("ValidationException", "StartingPosition must be LATEST or TRIM_HORIZON")
        if stream.get("BatchSize", 1) > TARGET_BATCH:
            raise AwsError("ValidationException", f"BatchSize must be at most {TARGET_BATCH} for this target")
        for entry in parts(part(source, "FilterCriteria"), "Filters"):
            if reason := self._ministack.pattern_error(entry.get("Pattern", "")):
                raise AwsError("ValidationException", f"Event pattern is not valid. Reason: {reason}")

    def _update(self, pipe: Document, request: Document) -> Document:
        changed = pipe | {key: request[key] for key in UPDATABLE if key in request}
        source = dict(part(changed, "SourceParameters"))
        updates = part(request, "SourceParameters")
        if "FilterCriteria" in updates:
            source["FilterCriteria"] = updates["FilterCriteria"]
        if "DynamoDBStreamParameters" in updates:
            current = part(source, "DynamoDBStreamParameters")
            source["DynamoDBStreamParameters"] = current | updates["DynamoDBStreamParameters"]
        changed |= {"SourceParameters": source, "LastModifiedTime": time.time()}
        if state := request.get("DesiredState"):
            changed |= {"DesiredState": state, "CurrentState": state}
        self._validate(changed)
        self._pipes.put(changed)
        return _summary(changed)

    def _set_state(self, pipe: Document, state: str) -> Document:
        self._pipes.put(
            {**pipe, "DesiredState": state, "CurrentState": state, "LastModifiedTime": time.time()}
        )
        return _summary(self._pipes.all[pipe["Name"]])

    def _list(self, query: dict[str, list[str]]) -> Document:
        prefix = query.get("NamePrefix", [""])[0]
        found = [pipe for name, pipe in sorted(self._pipes.all.items()) if name.startswith(prefix)]
        return {
            "Pipes": [_summary(pipe) | {"Source": pipe["Source"], "Target": pipe["Target"]} for pipe in found]
        }

    def _tags(self, method: str, arn: str, request: Document, query: dict[str, list[str]]) -> Document:
        pipe = self._pipes.all.get(arn.rpartition("/")[2])
        if pipe is None:
            raise AwsError("NotFoundException", f"Resource {arn} does not exist.", 404)
        if method == "GET":
            return {"tags": pipe["Tags"]}
        removed = query.get("tagKeys", []) if method == "DELETE" else []
        tags = {key: value for key, value in pipe["Tags"].items() if key not in removed}
        self._pipes.put({**pipe, "Tags": tags | (request.get("tags") or {})})
        return {}


def _summary(pipe: Document) -> Document:
    members = (
        "Arn",
        "Name",
        "DesiredState",
        "CurrentState",
        "StateReason",
        "CreationTime",
        "LastModifiedTime",
    )
    return {member: pipe[member] for member in members if member in pipe}
