"""Documents: read as they were written, or not at all."""

from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError
from nova_common.contracts.documents import DocumentReference
from nova_common.documents import ContentCorruptError, ContentMissingError, DocumentStore

from tests.services.support.tables import CONTENT_BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

KEY = "transcripts/a.json"


@pytest.fixture
def documents(s3: "S3Client") -> DocumentStore:
    return DocumentStore(s3, CONTENT_BUCKET)


def test_a_reference_keeps_to_its_version(documents: DocumentStore) -> None:
    first = documents.write_document(KEY, b"one")
    second = documents.write_document(KEY, b"two")
    assert (documents.read_document(first), documents.read_document(second)) == (b"one", b"two")
    with pytest.raises(ContentCorruptError):
        documents.read_document(first.model_copy(update={"sha256": second.sha256}))


def test_an_erased_document_leaves_no_version(documents: DocumentStore, s3: "S3Client") -> None:
    first = documents.write_document(KEY, b"one")
    documents.write_document(KEY, b"two")
    neighbour = documents.write_document(f"{KEY}.old", b"three")
    for _ in range(2):
        documents.delete_all_versions([KEY, "transcripts/none.json"])
        with pytest.raises(ContentMissingError):
            documents.read_document(first)
    assert documents.read_document(neighbour) == b"three"
    versions = s3.list_object_versions(Bucket=CONTENT_BUCKET)
    assert [version.get("Key") for version in versions.get("Versions", [])] == [f"{KEY}.old"]
    assert versions.get("DeleteMarkers", []) == []


def test_a_fault_that_is_no_absence_stays_what_it_is(s3: "S3Client") -> None:
    reference = DocumentReference(key=KEY, version_id="v", sha256="0" * 64)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        DocumentStore(s3, "somebody-elses").read_document(reference)
