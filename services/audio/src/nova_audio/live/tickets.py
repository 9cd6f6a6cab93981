"""Tickets: each opens one WebSocket of one person, once, within 60 seconds.

A browser sends no Authorization header with a WebSocket; what it sends instead stands in the address, which
logs may keep. So a ticket is worth nothing a moment later. The table knows it by its hash alone, and keeps
the person's access token under a key that only the ticket gives: who reads the table can use neither.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nova_common.aws import error_code
from nova_common.contracts.live import TICKET_SECONDS

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TICKET_BYTES = 32
_TICKET_CHARACTERS = 43
"""32 bytes in base64url without padding."""
_NONCE_BYTES = 12
_PURPOSE = b"nova live voice: access token of a ticket"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose ticket it was: the verified subject, and the header that its services are called with."""

    user: str
    authorization: str = field(repr=False)


class Tickets:
    """Tickets in a DynamoDB table with a time to live."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def check_ready(self) -> None:
        """Raise unless the table answers."""
        self.redeem(_encoded(bytes(TICKET_BYTES)))

    def issue(self, holder: Holder) -> tuple[str, datetime]:
        """Return a new ticket, and when it ends."""
        secret, nonce = secrets.token_bytes(TICKET_BYTES), secrets.token_bytes(_NONCE_BYTES)
        expires_at = self._clock() + timedelta(seconds=TICKET_SECONDS)
        sealed = AESGCM(_key(secret)).encrypt(nonce, holder.authorization.encode(), holder.user.encode())
        self._client.put_item(
            TableName=self._table,
            Item={
                "pk": {"S": _place(secret)},
                "sk": {"S": "ticket"},
                "user": {"S": holder.user},
                "sealed": {"B": nonce + sealed},
                "expires_at": {"N": str(int(expires_at.timestamp()))},
            },
            ConditionExpression="attribute_not_exists(pk)",
        )
        return _encoded(secret), expires_at

    def redeem(self, ticket: str) -> Holder | None:
        """Return whose ticket it is, the first time within its life; else None.

        The deletion is what redeems it, so that of two who come at once one finds nothing. An answer that is
        lost costs the ticket: its holder asks for another.
        """
        secret = _decoded(ticket)
        if secret is None:
            return None
        try:
            deleted = self._client.delete_item(
                TableName=self._table,
                Key={"pk": {"S": _place(secret)}, "sk": {"S": "ticket"}},
                ConditionExpression="attribute_exists(pk)",
                ReturnValues="ALL_OLD",
            )
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return None
            raise
        item = deleted.get("Attributes", {})
        # DynamoDB removes what has expired only some time later.
        if int(item["expires_at"].get("N", "0")) <= self._clock().timestamp():
            return None
        return _opened(secret, item["user"].get("S", ""), bytes(item["sealed"].get("B", b"")))


def _opened(secret: bytes, user: str, sealed: bytes) -> Holder | None:
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        plain = AESGCM(_key(secret)).decrypt(nonce, ciphertext, user.encode())
    except (InvalidTag, ValueError):
        # Somebody has written into the table: the ticket is bound to its user.
        return None
    return Holder(user, plain.decode())


def _place(secret: bytes) -> str:
    return f"ticket#{hashlib.sha256(secret).hexdigest()}"


def _key(secret: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)


def _encoded(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


def _decoded(ticket: str) -> bytes | None:
    if len(ticket) != _TICKET_CHARACTERS or not ticket.isascii():
        return None
    try:
        secret = base64.b64decode(ticket + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    # The last character has bits to spare: only one way of writing a ticket is that ticket.
    return secret if _encoded(secret) == ticket else None
