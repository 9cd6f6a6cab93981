"""The credentials endpoint of tasks: each gets those of its own task role, and nobody else's."""

import hmac
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from local_cloud.documents import Document
from local_cloud.gateway.ministack import Credentials, MiniStack

TASKS_PRINCIPAL = "ecs-tasks.amazonaws.com"
REFRESH_SECONDS = 1200
"""New credentials are given this long before the old ones expire: botocore asks again 15 minutes before."""


@dataclass(slots=True)
class _Entry:
    token: str
    role_arn: str
    current: Credentials
    service: str
    name: str


class TaskCredentials:
    """Opens sessions of task roles and serves them (the protocol of ECS's container credentials)."""

    def __init__(self, ministack: MiniStack) -> None:
        self._ministack = ministack
        self._entries: dict[str, _Entry] = {}

    def admit(self, task: str, role_arn: str, service: str = TASKS_PRINCIPAL, name: str = "") -> str:
        """Return the token with which this task may fetch its role's credentials.

        A service other than ECS says as whose session it takes the role (`name`).

        Raises:
            PermissionError: the role does not exist or does not trust the service.

        """
        current = self._ministack.open_session(role_arn, name or task, service)
        entry = _Entry(secrets.token_urlsafe(32), role_arn, current, service, name or task)
        self._entries[task] = entry
        return entry.token

    def session(self, role_arn: str, task: str) -> Credentials:
        """Return credentials of an execution role, with which ECS itself reads the task's secrets.

        Raises:
            PermissionError: the role does not exist or does not trust ECS tasks.

        """
        return self._ministack.open_session(role_arn, task, TASKS_PRINCIPAL)

    def dismiss(self, task: str) -> None:
        """Serve this task no longer."""
        self._entries.pop(task, None)

    def answer(self, task: str, token: str) -> Document | None:
        """Return the credentials document of a task, None for a wrong token."""
        entry = self._entries.get(task)
        if entry is None or not hmac.compare_digest(entry.token.encode(), token.encode()):
            return None
        if (entry.current.expires_at or 0) < time.time() + REFRESH_SECONDS:
            entry.current = self._ministack.open_session(entry.role_arn, entry.name, entry.service)
        expires_at = datetime.fromtimestamp(entry.current.expires_at or 0, UTC)
        return {
            "RoleArn": entry.role_arn,
            "AccessKeyId": entry.current.access_key_id,
            "SecretAccessKey": entry.current.secret_access_key,
            "Token": entry.current.session_token,
            "Expiration": expires_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
