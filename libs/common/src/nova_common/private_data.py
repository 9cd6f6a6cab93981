"""What is private in an event: encrypted under the data key of the event's user with the AWS Encryption SDK.

A ciphertext is bound to its event: moved to another event, aggregate or user it does not open. The SDK is
loaded when it is first needed (`PrivateData.check_ready`, at the latest the first private event), because it
takes half a second, which no task without private data should spend.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from pydantic import JsonValue

from nova_common import aws
from nova_common.data_keys import DataKeys
from nova_common.settings import Environment

if TYPE_CHECKING:
    from aws_encryption_sdk import EncryptionSDKClient
    from types_boto3_dynamodb import DynamoDBClient

PRIVATE_BYTES_MAX = 16 * 1024
"""Largest private part of one event as UTF-8 JSON: names and sentences, while documents belong to S3."""

_PROVIDER = "nova"
_KEY_NAME = b"user"
"""What the SDK writes beside a wrapped message key; which user's key it is says the encryption context."""


class PrivateDataTooLargeError(ValueError):
    """The private part of an event exceeds `PRIVATE_BYTES_MAX`."""


class PrivateDataCorruptError(RuntimeError):
    """A private part does not open under its user's key, or belongs to another event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateDataSettings:
    """Where data keys are, and which key of KMS wraps them."""

    table: str
    wrapping_key: str

    @classmethod
    def read(cls, environment: Environment) -> Self:
        """DATA_KEYS_TABLE and DATA_KEYS_WRAPPING_KEY (an ARN)."""
        return cls(
            table=environment.text("DATA_KEYS_TABLE"),
            wrapping_key=environment.text("DATA_KEYS_WRAPPING_KEY"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The event that a private part belongs to, and nobody else's."""

    user: str
    aggregate: str
    event: str

    def context(self) -> dict[str, str]:
        """Return the encryption context: it is authenticated and not secret."""
        return {"user": self.user, "aggregate": self.aggregate, "event": self.event}


class PrivateData:
    """Encrypts and decrypts the private parts of events."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    def check_ready(self) -> None:
        """Load what encrypts, and raise unless the keys' table answers."""
        _client()
        self._keys.check_ready()

    def encrypt(self, place: Place, private: Mapping[str, JsonValue]) -> bytes:
        """Return the ciphertext of a private part; UserErasedError, PrivateDataTooLargeError."""
        plain = json.dumps(private, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        if len(plain) > PRIVATE_BYTES_MAX:
            message = (
                f"the private part of an event of {place.aggregate} has {len(plain)} bytes, allowed are "
                f"{PRIVATE_BYTES_MAX}; store a document in S3 and refer to it"
            )
            raise PrivateDataTooLargeError(message)
        key = self._keys.for_writing(place.user)
        ciphertext, _ = cast("Any", _client()).encrypt(
            source=plain,
            key_provider=_master_key(key),
            encryption_context=place.context(),
            algorithm=_algorithm(),
            frame_length=0,
        )
        return ciphertext

    def decrypt(self, place: Place, ciphertext: bytes) -> dict[str, JsonValue]:
        """Return a private part, empty for a person who was erased.

        DataKeyMissingError, PrivateDataCorruptError.
        """
        from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError  # noqa: PLC0415 - see above
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - comes with the SDK

        key = self._keys.for_reading(place.user)
        if key is None:
            return {}
        message = f"the private part of event {place.event} of {place.aggregate} cannot be opened"
        try:
            plain, header = cast("Any", _client()).decrypt(
                source=ciphertext, key_provider=_master_key(key), max_body_length=PRIVATE_BYTES_MAX
            )
        except (AWSEncryptionSDKClientError, InvalidTag) as error:
            raise PrivateDataCorruptError(message) from error
        if header.encryption_context != place.context():
            raise PrivateDataCorruptError(message)
        return json.loads(plain)


def private_data(dynamodb: DynamoDBClient, settings: PrivateDataSettings, region: str) -> PrivateData:
    """Return what a task reads and writes private data with, by the settings of its environment."""
    keys = DataKeys(dynamodb, aws.kms(region), table=settings.table, wrapping_key=settings.wrapping_key)
    return PrivateData(keys)


@functools.cache
def _client() -> EncryptionSDKClient:
    """Return the SDK's client: messages commit to their key, and have exactly one."""
    from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient  # noqa: PLC0415 - see above

    return EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=1
    )


def _algorithm() -> object:
    """Return the committing suite without signatures: whoever may read may write here anyway."""
    from aws_encryption_sdk.identifiers import Algorithm  # noqa: PLC0415 - see above

    return Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY


def _master_key(key: bytes) -> object:
    """Return a person's data key as the SDK takes it: it wraps the one-time key of each message."""
    from aws_encryption_sdk.identifiers import EncryptionKeyType, WrappingAlgorithm  # noqa: PLC0415
    from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey  # noqa: PLC0415
    from aws_encryption_sdk.key_providers.raw import RawMasterKey  # noqa: PLC0415

    wrapping_key = WrappingKey(
        wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
        wrapping_key=key,
        wrapping_key_type=EncryptionKeyType.SYMMETRIC,
    )
    return RawMasterKey(provider_id=_PROVIDER, key_id=_KEY_NAME, wrapping_key=wrapping_key)
