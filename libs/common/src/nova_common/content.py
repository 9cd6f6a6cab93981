"""The content bucket.

Presigned uploads and playback, objects with their versions, and deletion that leaves no version behind.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, override

from botocore.exceptions import ClientError

from nova_common.contracts.uploads import Playback, Upload
from nova_common.documents import ContentCorruptError, DocumentStore, missing_or

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

UPLOAD_SECONDS_MAX = 3600
"""How long a presigned upload may begin; a task's credentials, which sign it, live for up to six hours."""

PLAYBACK_SECONDS_MAX = 3600
"""How long content may be read by one address: whoever plays longer asks for another."""

BLOCK_BYTES = 4 * 1024 * 1024
BLOCKS_KEPT_MAX = 3
"""Blocks of a ranged reader in memory: the index at either end of a file, and the place being read."""

SMALL_OBJECT_BYTES_MAX = 64 * 1024 * 1024
"""Far above what a service tells of four hours of speech (about 100 bytes a word and alternative)."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as it is now: size in bytes, and the entity tag that pins reads to this content."""

    key: str
    size_bytes: int
    etag: str


class ContentStore(DocumentStore):
    """Uploads, and what is made of them, in one versioned bucket."""

    def presign_upload(self, key: str, content_type: str, size_bytes: int) -> Upload:
        """Return how to send exactly so many bytes of this type.

        Type and length are part of the signature.
        """
        url = self._client.generate_presigned_url(
            "put_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ContentType": content_type,
                "ContentLength": size_bytes,
            },
            ExpiresIn=UPLOAD_SECONDS_MAX,
            HttpMethod="PUT",
        )
        return Upload(url=url, headers={"Content-Type": content_type})

    def presign_playback(self, key: str, content_type: str) -> Playback:
        """Return where browsers read an object, as content of this type and nothing that they would run."""
        expires_at = datetime.now(UTC) + timedelta(seconds=PLAYBACK_SECONDS_MAX)
        url = self._client.generate_presigned_url(
            "get_object",
            Params={
                "Bucket": self._bucket,
                "Key": key,
                "ResponseContentType": content_type,
                "ResponseContentDisposition": "inline",
            },
            ExpiresIn=PLAYBACK_SECONDS_MAX,
            HttpMethod="GET",
        )
        return Playback(url=url, content_type=content_type, expires_at=expires_at)

    def describe(self, key: str) -> StoredObject:
        """Return the newest version of an object; ContentMissingError."""
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            raise missing_or(error, key) from error
        return StoredObject(key=key, size_bytes=answer["ContentLength"], etag=answer["ETag"])

    def open(self, stored: StoredObject) -> RangedReader:
        """Return a file over an object that reads what is needed, and fails if the object changes."""
        return RangedReader(self._client, self._bucket, stored)

    def read(self, key: str) -> bytes:
        """Return the newest version of a small object; ContentMissingError."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            raise missing_or(error, key) from error
        with answer["Body"] as body:
            content = body.read(SMALL_OBJECT_BYTES_MAX + 1)
        if len(content) > SMALL_OBJECT_BYTES_MAX:
            message = f"{key} has more than {SMALL_OBJECT_BYTES_MAX} bytes"
            raise ContentCorruptError(message)
        return content


class RangedReader(io.RawIOBase):
    """A read-only, seekable file over one state of an S3 object, read in blocks of `BLOCK_BYTES`.

    Raises ContentMissingError or OSError when the object vanishes or changes while it is read. It is not
    thread-safe.
    """

    def __init__(self, client: S3Client, bucket: str, stored: StoredObject) -> None:
        super().__init__()
        self._client = client
        self._bucket = bucket
        self._stored = stored
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._failure: Exception | None = None

    def check(self) -> None:
        """Raise what a read raised, if any: a decoder may call it invalid data, or take it for the end."""
        if self._failure is not None:
            raise self._failure

    @override
    def readable(self) -> bool:
        return True

    @override
    def seekable(self) -> bool:
        return True

    @override
    def tell(self) -> int:
        return self._position

    @override
    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._stored.size_bytes}[whence]
        if base + offset < 0:
            message = f"cannot seek to {base + offset}"
            raise ValueError(message)
        self._position = base + offset
        return self._position

    @override
    def readinto(self, buffer: Any, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        target = memoryview(buffer).cast("B")
        if self._position >= self._stored.size_bytes or not target:
            return 0
        number, offset = divmod(self._position, BLOCK_BYTES)
        chunk = self._block(number)[offset : offset + len(target)]
        target[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        block = self._fetch(number)
        self._blocks[number] = block
        if len(self._blocks) > BLOCKS_KEPT_MAX:
            self._blocks.popitem(last=False)
        return block

    def _fetch(self, number: int) -> bytes:
        first = number * BLOCK_BYTES
        last = min(first + BLOCK_BYTES, self._stored.size_bytes) - 1
        try:
            answer = self._client.get_object(
                Bucket=self._bucket,
                Key=self._stored.key,
                Range=f"bytes={first}-{last}",
                IfMatch=self._stored.etag,
            )
            with answer["Body"] as body:
                return body.read()
        except Exception as error:
            self._failure = error
            raise
