"""Contracts of every upload: what is announced, how to send it, and where it is played from."""

from typing import Literal

from pydantic import ConfigDict, Field

from nova_common.contracts.wire import Contract, Timestamp

FILENAME_CHARACTERS_MAX = 255
"""The longest file name of the usual file systems."""


class UploadRequest(Contract):
    """What the caller is about to upload. Size in bytes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    filename: str = Field(min_length=1, max_length=FILENAME_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")
    content_type: str = Field(min_length=1, max_length=128)
    size_bytes: int = Field(gt=0)


class Upload(Contract):
    """How to send the content: one request with this method, URL and headers, body of the declared size.

    The size is signed too; every HTTP client sends `Content-Length` by itself, and browsers forbid setting
    it.
    """

    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]


class UploadExpected(Contract):
    """Answer to an accepted request: what was announced has this id, and is sent by this upload."""

    id: str
    upload: Upload


class Playback(Contract):
    """Where the content of a recording or video is read: by GET, in ranges too, until `expires_at`."""

    url: str
    content_type: str
    expires_at: Timestamp
