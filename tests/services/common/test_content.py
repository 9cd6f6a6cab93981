"""The content bucket: what is signed, what is read, and that deletion leaves nothing."""

# ruff: noqa: ANN401 - stand-ins and keyword tables take whatever the real thing takes

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from nova_audio.media import probe
from nova_common import content as storage
from nova_common.content import ContentStore
from nova_common.contracts.documents import DocumentReference
from nova_common.documents import ContentCorruptError, ContentMissingError

from tests.services.support.audio import tone
from tests.services.support.tables import CONTENT_BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture
def content(s3: "S3Client") -> ContentStore:
    return ContentStore(s3, CONTENT_BUCKET)


def put(s3: "S3Client", key: str, body: bytes) -> str:
    return s3.put_object(Bucket=CONTENT_BUCKET, Key=key, Body=body)["VersionId"]


def test_an_upload_is_signed_with_type_and_length(s3: "S3Client", content: ContentStore) -> None:
    upload = content.presign_upload("uploads/a", "audio/wav", 5)
    query = parse_qs(urlsplit(upload.url).query)
    assert query["X-Amz-SignedHeaders"] == ["content-length;content-type;host"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["3600"]
    assert not [name for name in query if "checksum" in name.lower()]
    assert upload.headers == {"Content-Type": "audio/wav"}
    answer = requests.request(upload.method, upload.url, data=b"12345", headers=upload.headers, timeout=5)
    assert answer.status_code == 200
    assert s3.head_object(Bucket=CONTENT_BUCKET, Key="uploads/a")["ContentType"] == "audio/wav"


def test_playback_is_of_one_type_whatever_was_sent(s3: "S3Client", content: ContentStore) -> None:
    s3.put_object(Bucket=CONTENT_BUCKET, Key="uploads/a", Body=b"12345", ContentType="text/html")
    playback = content.presign_playback("uploads/a", "audio/wav")
    left = (playback.expires_at - datetime.now(UTC)).total_seconds()
    assert parse_qs(urlsplit(playback.url).query)["X-Amz-Expires"] == ["3600"]
    assert 3500 < left <= 3600
    answer = requests.get(playback.url, headers={"Range": "bytes=1-3"}, timeout=5)
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["Content-Type"] == playback.content_type == "audio/wav"


def test_documents_are_read_in_their_version_and_checked(s3: "S3Client", content: ContentStore) -> None:
    reference = content.write_document("transcripts/a.json", b'{"a": 1}')
    put(s3, "transcripts/a.json", b"something else")
    assert content.read_document(reference) == b'{"a": 1}'
    assert content.read("transcripts/a.json") == b"something else"
    forged = reference.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ContentCorruptError):
        content.read_document(forged)


def test_what_is_missing_is_said_to_be_missing(content: ContentStore) -> None:
    with pytest.raises(ContentMissingError):
        content.read("transcripts/none.json")
    with pytest.raises(ContentMissingError):
        content.describe("uploads/none")
    with pytest.raises(ContentMissingError):
        content.read_document(DocumentReference(key="transcripts/none", version_id="v1", sha256="0" * 64))


def test_deletion_leaves_no_version_and_no_neighbour_harmed(s3: "S3Client", content: ContentStore) -> None:
    for body in (b"1", b"2"):
        put(s3, "uploads/a", body)
    s3.delete_object(Bucket=CONTENT_BUCKET, Key="uploads/a")
    put(s3, "uploads/ab", b"neighbour")
    content.delete_all_versions(["uploads/a", "uploads/none"])
    left = s3.list_object_versions(Bucket=CONTENT_BUCKET)
    assert [version.get("Key") for version in left.get("Versions", [])] == ["uploads/ab"]
    assert not left.get("DeleteMarkers")
    content.delete_all_versions(["uploads/a"])


def test_a_failed_deletion_is_an_error(
    content: ContentStore, monkeypatch: pytest.MonkeyPatch, s3: "S3Client"
) -> None:
    put(s3, "uploads/a", b"1")

    def refuse(**_: object) -> dict[str, Any]:
        return {"Errors": [{"Key": "uploads/a", "Code": "AccessDenied"}]}

    monkeypatch.setattr(s3, "delete_objects", refuse)
    with pytest.raises(OSError, match="AccessDenied"):
        content.delete_all_versions(["uploads/a"])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "BLOCK_BYTES", 1000)


@pytest.mark.usefixtures("small_blocks")
def test_a_ranged_reader_is_a_file(s3: "S3Client", content: ContentStore) -> None:
    body = bytes(range(256)) * 20
    put(s3, "uploads/a", body)
    reader = content.open(content.describe("uploads/a"))
    file, twin = io.BufferedReader(reader, buffer_size=64), io.BytesIO(body)
    steps = [(0, 0, 10), (995, 0, 10), (-7, 2, 100), (4000, 0, 1), (-1, 1, 1), (9999, 0, 5)]
    for offset, whence, count in steps:
        assert file.seek(offset, whence) == twin.seek(offset, whence)
        assert file.read(count) == twin.read(count)
        assert file.tell() == twin.tell()
    file.seek(0)
    assert file.read() == body
    with pytest.raises(ValueError, match="cannot seek"):
        reader.seek(-1)


@pytest.mark.usefixtures("small_blocks")
def test_a_ranged_reader_keeps_few_blocks(
    s3: "S3Client", content: ContentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(s3, "uploads/a", bytes(10_000))
    ranges: list[str] = []
    get_object = s3.get_object

    def count(**request: Any) -> Any:
        ranges.append(request["Range"])
        return get_object(**request)

    monkeypatch.setattr(s3, "get_object", count)
    reader = content.open(content.describe("uploads/a"))
    for position in (0, 9_000, 0, 5_000, 0, 9_500):
        reader.seek(position)
        reader.read(10)
    assert ranges == ["bytes=0-999", "bytes=9000-9999", "bytes=5000-5999"]
    for position in (1_000, 2_000, 3_000, 0):
        reader.seek(position)
        reader.read(1)
    assert len(ranges) == 7


def test_content_that_changes_while_it_is_read_is_an_error(s3: "S3Client", content: ContentStore) -> None:
    put(s3, "uploads/a", tone("wav"))
    reader = content.open(content.describe("uploads/a"))
    put(s3, "uploads/a", tone("flac"))
    with pytest.raises(Exception, match=r"PreconditionFailed|pre-conditions"):
        reader.read(10)
    with pytest.raises(Exception, match=r"PreconditionFailed|pre-conditions"):
        reader.check()


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("media_format", ["wav", "mp4", "webm"])
def test_media_are_probed_over_ranges(s3: "S3Client", content: ContentStore, media_format: str) -> None:
    put(s3, "uploads/a", tone(media_format, 2.0))
    with content.open(content.describe("uploads/a")) as reader:
        assert probe(reader, media_format).duration_seconds == pytest.approx(2.0, abs=0.1)
