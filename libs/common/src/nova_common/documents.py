"""Documents in a versioned bucket: written once, read by a reference to version and content, and erased.

Guarantees: what is read has the hash that its reference states; an erased object leaves no version behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from nova_common.aws import error_code
from nova_common.contracts.documents import DocumentReference

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})


class ContentMissingError(Exception):
    """There is no such object, or not in that version."""


class ContentCorruptError(Exception):
    """The object's content is not what its reference says."""


class DocumentStore:
    """Documents of one bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def write_document(self, key: str, content: bytes) -> DocumentReference:
        """Store a JSON document and return the reference to exactly this version."""
        answer = self._client.put_object(
            Bucket=self._bucket, Key=key, Body=content, ContentType="application/json"
        )
        return DocumentReference(
            key=key,
            # "null" is S3's own name for the version of an object that is not versioned.
            version_id=answer.get("VersionId", "null"),
            sha256=hashlib.sha256(content).hexdigest(),
        )

    def read_document(self, reference: DocumentReference) -> bytes:
        """Return what a reference refers to.

        ContentMissingError, ContentCorruptError when the hash differs.
        """
        try:
            answer = self._client.get_object(
                Bucket=self._bucket, Key=reference.key, VersionId=reference.version_id
            )
        except ClientError as error:
            raise missing_or(error, reference.key) from error
        with answer["Body"] as body:
            content = body.read()
        if hashlib.sha256(content).hexdigest() != reference.sha256:
            message = f"{reference.key} version {reference.version_id} does not have the content it had"
            raise ContentCorruptError(message)
        return content

    def discard(self, reference: DocumentReference) -> None:
        """Delete exactly the version that a reference refers to; the one before it is the newest then."""
        self._client.delete_object(Bucket=self._bucket, Key=reference.key, VersionId=reference.version_id)

    def delete_all_versions(self, keys: Iterable[str]) -> int:
        """Delete every version and delete marker of these objects; return how many versions there were.

        Objects that do not exist are fine.
        """
        deleted = 0
        for key in keys:
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._bucket, Prefix=key
            )
            for page in pages:
                entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                versions: list[ObjectIdentifierTypeDef] = [
                    {"Key": key, "VersionId": entry.get("VersionId", "null")}
                    for entry in entries
                    if entry.get("Key") == key
                ]
                self._delete(versions)
                deleted += sum(entry.get("Key") == key for entry in page.get("Versions", []))
        return deleted

    def _delete(self, versions: list[ObjectIdentifierTypeDef]) -> None:
        """Delete up to a page of versions, which is also the most that DeleteObjects takes (1,000)."""
        if not versions:
            return
        answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": versions, "Quiet": True})
        failures = answer.get("Errors", [])
        if failures:
            message = f"{len(failures)} versions could not be deleted, the first: {failures[0].get('Code')}"
            raise OSError(message)


def missing_or(error: ClientError, key: str) -> Exception:
    """Return ContentMissingError for a missing object, the error itself for anything else."""
    if error_code(error) in _MISSING:
        return ContentMissingError(f"{key} does not exist")
    return error
