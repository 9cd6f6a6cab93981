"""The documents of turns in the content bucket: what people and the model wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_common.contracts.documents import DocumentReference
from nova_common.contracts.sessions import TurnBody
from nova_common.documents import DocumentStore

from nova_agent_core import domain

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import ObjectIdentifierTypeDef


class TurnDocuments(DocumentStore):
    """Writes, reads and erases the documents of turns in one versioned bucket."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        super().__init__(client, bucket)

    def write(self, session_id: str, turn_id: str, body: TurnBody) -> DocumentReference:
        """Store a turn's document and return the reference to exactly this version."""
        return self.write_document(domain.body_key(session_id, turn_id), body.model_dump_json().encode())

    def read(self, reference: DocumentReference) -> TurnBody:
        """Return a turn's document; ContentMissingError, ContentCorruptError when the hash differs."""
        return TurnBody.model_validate_json(self.read_document(reference))

    def erase(self, session_id: str) -> int:
        """Delete every version of every document of a session, also of turns that were never noted.

        Return how many there were.
        """
        deleted = 0
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=domain.body_prefix(session_id)
        )
        for page in pages:
            versions: list[ObjectIdentifierTypeDef] = [
                {"Key": entry.get("Key", ""), "VersionId": entry.get("VersionId", "null")}
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
            self._delete(versions)
            deleted += len(page.get("Versions", []))
        return deleted
