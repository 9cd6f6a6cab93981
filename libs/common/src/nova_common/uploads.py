"""What holds for every upload: which are accepted, where they lie, and how a worker hears of them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from nova_common.contracts.uploads import UploadRequest
from nova_common.events import is_aggregate_id
from nova_common.problems import Problem


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Bucket(_Message):
    name: str


class _Object(_Message):
    key: str


class _ObjectDetail(_Message):
    bucket: _Bucket
    object: _Object


class ObjectCreated(_Message):
    """EventBridge's notification of a new object in a bucket."""

    source: Literal["aws.s3"]
    detail_type: Literal["Object Created"] = Field(alias="detail-type")
    detail: _ObjectDetail

    def key_in(self, bucket: str) -> str:
        """Return the object's key; ValueError when it lies in another bucket."""
        if self.detail.bucket.name != bucket:
            message = "the message is about a bucket that is not ours"
            raise ValueError(message)
        return self.detail.object.key


def upload_key(kind: str, aggregate_id: str) -> str:
    """Return the object key of what was uploaded as a kind of media, such as `audio`."""
    return f"uploads/{kind}/{aggregate_id}"


def uploaded_id(kind: str, key: str) -> str:
    """Return the aggregate whose upload has this object key; ValueError for another key."""
    aggregate_id = key.rpartition("/")[2]
    if key != upload_key(kind, aggregate_id) or not is_aggregate_id(aggregate_id):
        message = f"{key[:80]!r} is not the key of an upload of {kind}"
        raise ValueError(message)
    return aggregate_id


def accepted_type(request: UploadRequest, formats: Mapping[str, str], bytes_max: int) -> str:
    """Return the content type of an upload without parameters, in lower case.

    A Problem 415 when it is none of `formats`, which maps content types to the name of their media format;
    413 when the content is larger than `bytes_max`.
    """
    essence = request.content_type.partition(";")[0].strip().lower()
    if essence not in formats:
        detail = f"this content type is not accepted here; accepted are {', '.join(sorted(formats))}"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    if request.size_bytes > bytes_max:
        detail = f"an upload may have at most {bytes_max} bytes here"
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
    return essence
