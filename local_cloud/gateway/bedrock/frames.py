"""Frames of AWS's event streams (application/vnd.amazon.eventstream), as botocore decodes them.

A frame: total length, length of the headers, their CRC, headers, payload, CRC of all before it. Numbers are
big-endian; the CRC is that of zlib.
"""

import json
import struct
import zlib
from collections.abc import Iterator

from local_cloud.documents import Document

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
"""Type of a header's value: text with a length of two bytes."""
LENGTHS = struct.Struct(">II")
CHECKSUM = struct.Struct(">I")
FRAME_BYTES_MIN = LENGTHS.size + 2 * CHECKSUM.size
FRAME_BYTES_MAX = 16 * 1024 * 1024
"""Payloads have at most 16 MB (AWS SDKs, event stream specification)."""


def event(name: str, payload: Document) -> bytes:
    """Return one event of a stream."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return _frame(headers, json.dumps(payload).encode())


def exception(name: str, message: str) -> bytes:
    """Return an error that ends a stream which has begun; `name` is the stream's member for it."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return _frame(headers, json.dumps({"message": message}).encode())


class CorruptFrame(ValueError):  # noqa: N818 (what is said of it is up to the caller)
    """Bytes that are no frame."""


def payloads(buffer: bytearray) -> Iterator[bytes]:
    """Yield the payload of each whole frame at the beginning of a buffer, and take the frame off it.

    Raises:
        CorruptFrame: the checksum is wrong, or the frame is larger than any may be.

    """
    while len(buffer) >= LENGTHS.size:
        total, headers = LENGTHS.unpack_from(buffer)
        if not FRAME_BYTES_MIN + headers <= total <= FRAME_BYTES_MAX:
            raise CorruptFrame(f"a frame of {total} bytes with {headers} bytes of headers")
        if len(buffer) < total:
            return
        frame = bytes(buffer[:total])
        del buffer[:total]
        if zlib.crc32(frame[: -CHECKSUM.size]) != CHECKSUM.unpack(frame[-CHECKSUM.size :])[0]:
            raise CorruptFrame("the checksum of a frame does not match its content")
        yield frame[LENGTHS.size + CHECKSUM.size + headers : -CHECKSUM.size]


def _frame(headers: dict[str, str], payload: bytes) -> bytes:
    encoded = b"".join(
        struct.pack(
            f">B{len(name)}sBH{len(value)}s", len(name), name.encode(), STRING, len(value), value.encode()
        )
        for name, value in headers.items()
    )
    total = LENGTHS.size + CHECKSUM.size + len(encoded) + len(payload) + CHECKSUM.size
    prelude = LENGTHS.pack(total, len(encoded))
    frame = prelude + CHECKSUM.pack(zlib.crc32(prelude)) + encoded + payload
    return frame + CHECKSUM.pack(zlib.crc32(frame))
