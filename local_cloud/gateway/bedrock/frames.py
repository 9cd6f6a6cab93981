"""Frames of AWS's event streams (application/vnd.amazon.eventstream), as botocore decodes them.

A frame: total length, length of the headers, their CRC, headers, payload, CRC of all before it. Numbers are
big-endian; the CRC is that of zlib.
"""

import json
import struct
import zlib

from local_cloud.documents import Document

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
"""Type of a header's value: text with a length of two bytes."""
LENGTHS = struct.Struct(">II")
CHECKSUM = struct.Struct(">I")


def event(name: str, payload: Document) -> bytes:
    """Return one event of a stream."""
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return _frame(headers, json.dumps(payload).encode())


def exception(name: str, message: str) -> bytes:
    """Return an error that ends a stream which has begun; `name` is the stream's member for it."""
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return _frame(headers, json.dumps({"message": message}).encode())


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
