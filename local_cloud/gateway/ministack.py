"""The one module that knows MiniStack (pinned to 1.5.33; its state is in module globals: one per process).

MiniStack reads its configuration from the environment when it is imported, so `MiniStack` sets that first.
Services of ours take the place of MiniStack's handlers: signature check, authorization and routing stay
MiniStack's.
"""

import asyncio
import contextlib
import contextvars
import importlib
import json
import os
import secrets
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from local_cloud.documents import Document
from local_cloud.gateway.account import ACCOUNT
from local_cloud.gateway.asgi import Application, Receive, Send
from local_cloud.gateway.iam import trust as iam_trust
from local_cloud.gateway.protocol import Answer, Handler

ADMINISTRATOR = "nova-administrator"
ALLOW_EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
PRESIGNED = "bedrock-agentcore"
"""The one service beside S3 whose requests come presigned here."""
SESSION_SECONDS = 3600
"""Life of a role's credentials: the default of AssumeRole and of ECS task roles' refresh window (AWS)."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials of one principal; `expires_at` in epoch seconds, None for long-lived ones."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires_at: float | None = None


def _environment(home: Path, port: int, region: str) -> dict[str, str]:
    """Return what MiniStack is told; its root key is random and given to nobody."""
    temporary = home / "run" / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": region,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AUTH": "true",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(home / "state"),
        "S3_DATA_DIR": str(home / "s3"),
        "LOG_LEVEL": "ERROR",
        "TMPDIR": str(temporary),
        "DOCKER_HOST": "unix:///nonexistent",
        "AWS_ACCESS_KEY_ID": f"root-{secrets.token_hex(16)}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(32),
        "AWS_DEFAULT_REGION": region,
    }


def _log_stream(events: list[Document]) -> Document:
    """Return events, oldest first, in the shape of MiniStack's log streams."""
    first, last = (events[0]["timestamp"], events[-1]["timestamp"]) if events else (0, 0)
    return {
        "events": [event | {"ingestionTime": event["timestamp"]} for event in events],
        "uploadSequenceToken": "1",
        "creationTime": first,
        "firstEventTimestamp": first,
        "lastEventTimestamp": last,
        "lastIngestionTime": last,
    }


async def _send_all(chunks: AsyncGenerator[bytes], send: Send) -> None:
    async for chunk in chunks:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class MiniStack:
    """MiniStack in this process."""

    def __init__(self, home: Path, port: int, region: str) -> None:
        os.environ.update(_environment(home, port, region))
        os.environ.pop("AWS_SESSION_TOKEN", None)
        tempfile.tempdir = None
        self._state = home / "state"
        self._region = region
        self._module: Any = importlib.import_module("ministack.app")
        self._persistence: Any = importlib.import_module("ministack.core.persistence")
        self._evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
        self._router: Any = importlib.import_module("ministack.core.router")
        self._responses: Any = importlib.import_module("ministack.core.responses")
        self.app: Application = self._module.app
        self.handlers: dict[str, Handler] = self._module.SERVICE_HANDLERS
        self._written: dict[str, int] = {}
        self._close_root_keys()
        self._know_services()
        self._name_guardrails()
        self._know_presigned_conversations()

    def _service(self, name: str) -> Any:  # noqa: ANN401 (a MiniStack module)
        return importlib.import_module(f"ministack.services.{name}")

    def detect_service(
        self, method: str, path: str, headers: dict[str, str], query: dict[str, list[str]]
    ) -> str:
        """Return MiniStack's name of the service that this request is for."""
        return self._router.detect_service(method, path, headers, query)

    def add_service(self, name: str) -> None:
        """Route requests that are signed for a service that MiniStack does not know, by its API model's name.

        Its handler is put into `handlers`; actions are the model's operations in the service's own namespace.
        """
        actions: Any = importlib.import_module("ministack.core.iam_actions")
        self._router.SERVICE_PATTERNS[name] = {"host_patterns": [rf"{name}\."], "credential_scope": name}
        actions.SERVICE_TO_IAM_NAMESPACE[name] = name
        actions._BOTOCORE_SERVICE_MAP[name] = [name]

    def streamed(self, chunks: AsyncGenerator[bytes]) -> Any:  # noqa: ANN401 (a MiniStack type)
        """Return a response's body that is sent as its chunks are produced.

        When the client goes away, the generator is ended where it stands.
        """

        async def run(send: Send, receive: Receive) -> None:
            sending = asyncio.create_task(_send_all(chunks, send))
            leaving = asyncio.create_task(_until_gone(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (sending, leaving):
                    task.cancel()
                await asyncio.gather(sending, leaving, return_exceptions=True)
                await chunks.aclose()
            if not sending.cancelled() and (failure := sending.exception()):
                raise failure

        return self._responses.StreamingResponse(run)

    def _know_services(self) -> None:
        """Tell the router which names are AWS services: it reads every API model to learn it.

        That takes seconds, in which nothing else is served (core/router.py `_is_aws_service_name`). The names
        of the models are enough: the router knows the signing names that differ from them.
        """
        session: Any = importlib.import_module("botocore.session").get_session()
        self._router._KNOWN_AWS_SERVICE_NAMES = frozenset(session.get_available_services())

    def _know_presigned_conversations(self) -> None:
        """Tell the router for which service a presigned query is signed, where that is AgentCore.

        It takes a query that carries a signature for S3's (core/router.py `detect_service`).
        """
        detect = self._router.detect_service

        def detected(method: str, path: str, headers: dict[str, str], query: dict[str, list[str]]) -> str:
            scope = query.get("X-Amz-Credential", [""])[0].split("/")
            if PRESIGNED in scope and not headers.get("authorization"):
                return PRESIGNED
            return detect(method, path, headers, query)

        self._router.detect_service = self._module.detect_service = detected

    def _close_root_keys(self) -> None:
        """Leave no key that everybody knows.

        MiniStack takes `test` and any 12 digits for the account's root and does not check their signatures
        (core/iam_evaluator.py `is_root_access_key`).
        """
        own = os.environ["AWS_ACCESS_KEY_ID"]

        def is_root(access_key_id: str) -> bool:
            return access_key_id in ("", own)

        self._evaluator.is_root_access_key = is_root
        self._service("sts").is_root_access_key = is_root

    def _name_guardrails(self) -> None:
        """Give guardrails ids that AWS's own API model takes: small letters and digits.

        MiniStack's have a hyphen (services/bedrock.py `_create_guardrail`).
        """
        bedrock = self._service("bedrock")
        create = bedrock._create_guardrail

        def created(body: bytes) -> Answer:
            status, headers, content = create(body)
            given: str | None = json.loads(content).get("guardrailId")
            if given is None:
                return status, headers, content
            name = given.replace("-", "")
            record: Document = bedrock._guardrails.pop(given)
            tags = bedrock._tags.pop(record["GuardrailArn"], {})
            record |= {"GuardrailId": name, "GuardrailArn": bedrock._guardrail_arn(name)}
            bedrock._guardrails[name] = record
            bedrock._tags[record["GuardrailArn"]] = tags
            return status, headers, content.replace(given.encode(), name.encode())

        bedrock._create_guardrail = created

    def access_key(self, headers: dict[str, str], query: dict[str, list[str]]) -> str:
        """Return the access key id that signed this request, "" for none."""
        return self._router.extract_access_key_id(headers, query)

    def region(self) -> str:
        """Return the region of the request that is being served."""
        return self._responses.get_region()

    def allowed(self, access_key_id: str, action: str, resource: str) -> bool:
        """Whether the policies of a key's principal allow an action that is done on its behalf."""
        service = action.partition(":")[0]

        def decide() -> bool:
            return (
                self._evaluator.enforce(access_key_id, action, service, self.region(), resource_arn=resource)
                is None
            )

        return contextvars.copy_context().run(decide)

    async def administrator(self) -> Credentials:
        """Return the administrator's credentials; made on the first start, kept in MiniStack's own state."""
        iam = self._service("iam")
        for key_id, record in iam._access_keys.items():
            if record["UserName"] == ADMINISTRATOR:
                return Credentials(key_id, record["SecretAccessKey"])
        for parameters in (
            {"Action": "CreateUser", "UserName": ADMINISTRATOR},
            {
                "Action": "PutUserPolicy",
                "UserName": ADMINISTRATOR,
                "PolicyName": "administrator",
                "PolicyDocument": json.dumps(ALLOW_EVERYTHING),
            },
            {"Action": "CreateAccessKey", "UserName": ADMINISTRATOR},
        ):
            await self.handlers["iam"]("POST", "/", {}, urlencode(parameters).encode(), {})
        return await self.administrator()

    def open_session(self, role_arn: str, session_name: str, service: str) -> Credentials:
        """Return credentials of a role for a service principal, as AWS's own services get them.

        MiniStack's AssumeRole has no service callers (core/iam_evaluator.py `_principal_matches`), so the
        session is registered directly after the role's trust policy was checked, with the service acting for
        the resource that the session is named after.

        Raises:
            PermissionError: no such role, or it does not trust the service.

        """
        iam, sts = self._service("iam"), self._service("sts")
        name = role_arn.rsplit("/", 1)[-1]
        role: Document | None = iam._roles.get(name)
        if role is None or not iam_trust.service_may_assume(role, service, session_name, self.region()):
            reason = "does not exist" if role is None else f"does not trust {service}"
            owner = "ECS" if service.startswith("ecs") else service
            raise PermissionError(f"{owner} was unable to assume the role '{role_arn}': it {reason}")
        expires_at = time.time() + SESSION_SECONDS
        credentials = Credentials(
            iam._gen_session_access_key(), iam._gen_secret(), iam._gen_session_token(), expires_at
        )
        session: Document = {
            "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session_name}",
            "UserId": f"{role['RoleId']}:{session_name}",
            "SecretAccessKey": credentials.secret_access_key,
            "SessionToken": credentials.session_token,
            "Expiration": expires_at,
            "AccountId": ACCOUNT,
            "PrincipalType": "AssumedRole",
            "SessionTags": [],
            "SessionPolicies": None,
        }
        sts.register_session(credentials.access_key_id, session)
        return credentials

    def register_target(self, target_group: str, host: str, port: int) -> None:
        """Add a target to a target group.

        MiniStack's RegisterTargets knows one target per address (services/alb.py `_register_targets`); tasks
        on one machine share theirs and differ by port.
        """
        targets = self._targets(target_group)
        if not any(target["Id"] == host and int(target.get("Port", 0)) == port for target in targets):
            targets.append({"Id": host, "Port": port})

    def deregister_targets(self, target_group: str, unwanted: Callable[[str, int], bool]) -> None:
        """Remove the targets (host, port) that `unwanted` names."""
        targets = self._targets(target_group)
        targets[:] = [target for target in targets if not unwanted(target["Id"], int(target.get("Port", 0)))]

    def targets(self, target_group: str) -> list[tuple[str, int]]:
        """Return the registered targets of a target group."""
        return [(target["Id"], int(target.get("Port", 0))) for target in self._targets(target_group)]

    def _targets(self, target_group: str) -> list[Document]:
        alb, region = self._service("alb"), [*target_group.split(":"), "", "", "", ""][3]
        with self._responses.request_scope(ACCOUNT, region):
            return alb._targets.setdefault(target_group, []) if target_group in alb._tgs else []

    def function_urls(self) -> dict[str, Document]:
        """Return the records of Function URLs of the account's region, by the functions' names."""
        with self._responses.request_scope(ACCOUNT, self._region):
            return dict(self._service("lambda_svc")._function_urls.items())

    def function_policy(self, name: str) -> Document:
        """Return the resource policy of a function; empty for an unknown one."""
        with self._responses.request_scope(ACCOUNT, self._region):
            record: Document = self._service("lambda_svc")._functions.get(name) or {}
        return record.get("policy") or {}

    def put_service_event(self, source: str, detail_type: str, detail: Document, region: str) -> None:
        """Put an event of an AWS service on the default bus; PutEvents refuses such sources."""
        entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail)}
        with self._responses.request_scope(ACCOUNT, region):
            self._service("eventbridge")._put_events({"Entries": [entry]}, allow_aws_source=True)

    def pattern_error(self, pattern: str) -> str | None:
        """Return what is wrong with an event pattern, None when it is good."""
        return self._service("eventbridge")._parse_pattern_text(pattern)[1]

    def matches_pattern(self, pattern: str, document: Document) -> bool:
        """Whether a document matches an event pattern (EventBridge's language, which pipes use as well)."""
        eventbridge = self._service("eventbridge")
        alternatives: list[Any] = eventbridge._compiled_pattern(pattern) or []
        return any(eventbridge._matches_detail(document, alternative) for alternative in alternatives)

    def guardrail(self, identifier: str, version: str) -> Document | None:
        """Return the record of a guardrail of the request's region, by id or ARN, as it was at a version."""
        bedrock, name = self._service("bedrock"), identifier.rpartition("/")[2]
        if version == "DRAFT":
            return bedrock._guardrails.get(name)
        return bedrock._guardrail_versions.get(f"{name}/{version}")

    def trusts(self, role_arn: str, service: str, name: str) -> bool:
        """Whether a role exists and trusts a service that acts for the resource of this name."""
        role: Document | None = self._service("iam")._roles.get(role_arn.rsplit("/", 1)[-1])
        return role is not None and iam_trust.service_may_assume(role, service, name, self.region())

    def agent_runtimes(self) -> list[Document]:
        """Return the records of AgentCore's runtimes; `_versions` has a copy of each version."""
        return list(self._service("bedrock_agentcore")._runtimes._data.values())

    def agent_endpoints(self, runtime: Document) -> dict[str, Document]:
        """Return the records of a runtime's endpoints, by name."""
        *_, region, account = runtime["agentRuntimeArn"].split(":")[:5]
        endpoints = self._service("bedrock_agentcore")._endpoints
        return endpoints.get_scoped(account, region, runtime["agentRuntimeId"], {})

    def close_docker(self) -> None:
        """Keep MiniStack's caches from Docker; it looks for containers at a start and for each new group."""
        elasticache = self._service("elasticache")
        elasticache._get_docker = lambda: None
        elasticache._ensure_live_containers = lambda: None

    def cache_groups(self) -> list[Document]:
        """Return the live records of all replication groups."""
        groups: Any = self._service("elasticache")._replication_groups
        return [record for _, record in groups.all_items()]

    def cache_group(self, group: str) -> Document:
        """Return the live record of a replication group in the request's region."""
        return self._service("elasticache")._replication_groups[group]

    def cache_user(self, user: str) -> Document:
        """Return the live record of a cache user in the request's region."""
        return self._service("elasticache")._users[user]

    def cache_users(self, groups: Iterable[str]) -> list[Document]:
        """Return the records of the users of some user groups, in all regions."""
        elasticache, wanted = self._service("elasticache"), set(groups)
        members: set[str] = set()
        for (_, _, group), record in elasticache._user_groups.all_items():
            members |= set(record["UserIds"]) if group in wanted else set()
        return [record for (_, _, user), record in elasticache._users.all_items() if user in members]

    def cache_group_answer(self, operation: str, group: str) -> Answer:
        """Return the answer of an operation on a replication group, from its record as it is now."""
        elasticache, record = self._service("elasticache"), self.cache_group(group)
        inner = f"<ReplicationGroup>{elasticache._rg_xml(record)}</ReplicationGroup>"
        return elasticache._xml(
            200, f"{operation}Response", f"<{operation}Result>{inner}</{operation}Result>"
        )

    def cache_user_answer(self, operation: str, user: str) -> Answer:
        """Return the answer of an operation on a cache user, from its record as it is now."""
        elasticache, record = self._service("elasticache"), self.cache_user(user)
        inner = elasticache._user_xml(record)
        return elasticache._xml(
            200, f"{operation}Response", f"<{operation}Result>{inner}</{operation}Result>"
        )

    def integration(self, api: str, resource: str, method: str) -> Document:
        """Return the live record of a REST API method's integration."""
        resources = self._service("apigateway_v1")._resources
        return resources[api][resource]["resourceMethods"][method]["methodIntegration"]

    @contextlib.contextmanager
    def with_log_streams(self, group: str, streams: Mapping[str, list[Document]]) -> Generator[None]:
        """Let a log group have more streams for a moment: events (timestamp in ms, message) by stream name.

        They are gone before anything else runs, unless the body of the `with` statement suspends.
        """
        record: Document | None = self._service("cloudwatch_logs")._log_groups.get(group)
        known: dict[str, Document] = record["streams"] if record is not None else {}
        added = {name: _log_stream(events) for name, events in streams.items() if name not in known}
        known.update(added)
        try:
            yield
        finally:
            for name in added:
                known.pop(name, None)

    def state_keys(self) -> list[str]:
        """Return the names of the services that hold state now."""
        return list(self._module._build_persistence_save_dict())

    def save(self, keys: Iterable[str]) -> set[str]:
        """Write the state of these services, each file replaced as a whole; return those to try again.

        A service that works in a thread may change its state meanwhile (RuntimeError); it is tried again.
        """
        states: dict[str, Callable[[], object]] = self._module._build_persistence_save_dict()
        again: set[str] = set()
        for key in keys:
            if key not in states:
                continue
            try:
                state = states[key]()
                if state is None:
                    continue
                version = self._persistence._state_format_version(key)
                text = json.dumps(
                    {"__ministack_format__": version, "payload": state},
                    default=self._persistence._json_default,
                )
            except RuntimeError:
                again.add(key)
                continue
            if self._written.get(key) == hash(text):
                continue
            target = self._state / f"{key}.json"
            temporary = target.with_suffix(".json.tmp")
            temporary.write_text(text)
            temporary.replace(target)
            self._written[key] = hash(text)
        return again

    def stream_records(self, keep: Callable[[str, list[Document]], list[Document]]) -> list[Document]:
        """Return the stream records to keep over a restart; MiniStack's own snapshot has none of them.

        `keep(table, records)` chooses, oldest first; what it leaves out counts as trimmed.
        """
        dynamodb = self._service("dynamodb")
        saved: list[Document] = []
        for (account, region, table), records in dynamodb._stream_records.all_items():
            kept = keep(table, records)
            trimmed = dynamodb._stream_trimmed.get_scoped(account, region, table, 0)
            saved.append({
                "scope": [account, region, table],
                "trimmed": trimmed + len(records) - len(kept),
                "records": kept,
            })  # fmt: skip
        return saved

    def restore_stream_records(self, saved: Iterable[Document]) -> None:
        """Put stream records back after MiniStack loaded its tables."""
        dynamodb = self._service("dynamodb")
        for entry in saved:
            account, region, table = entry["scope"]
            if dynamodb._tables.get_scoped(account, region, table) is not None:
                dynamodb._stream_records.set_scoped(account, region, table, entry["records"])
                dynamodb._stream_trimmed.set_scoped(account, region, table, entry["trimmed"])
