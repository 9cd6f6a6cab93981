"""Uploads a recording through the public API, exactly as a client would, and prints its transcript."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2

from cli import public_api
from cli.errors import NovaError

# What the API takes; the service has the last word.
CONTENT_TYPES = {
    ".flac": "audio/flac",
    ".m4a": "audio/mp4",
    ".mp3": "audio/mpeg",
    ".mp4": "audio/mp4",
    ".ogg": "audio/ogg",
    ".wav": "audio/wav",
    ".webm": "audio/webm",
}
TRANSCRIPT_TIMEOUT_S = 600
POLL_INTERVAL_S = 0.5
CHUNK_BYTES = 1 << 20


def transcribe(
    api: str, token: str, file: Path, progress: Callable[[str], None]
) -> tuple[str, dict[str, Any]]:
    """Upload `file`, wait for its transcript, return the recording's id and it.

    Raises NovaError with the platform's own words.
    """
    content_type = check(file)
    with public_api.client(api, token) as client:
        size = file.stat().st_size
        body = {"filename": file.name, "content_type": content_type, "size_bytes": size}
        recording = public_api.answer(client.post("/audio", json=body), "the recording was refused")
        progress(f"uploading {size:,} bytes")
        _upload(recording["upload"], file, size)
        _await_completion(client, recording["id"], progress)
        transcript = client.get(f"/audio/{recording['id']}/transcript")
        return recording["id"], public_api.answer(transcript, "there is no transcript")


def check(file: Path) -> str:
    """Return the content type of a recording; raises NovaError for a file that cannot be one."""
    if not file.exists():
        raise NovaError(f"{file} does not exist")
    if not file.is_file():
        raise NovaError(f"{file} is not a file")
    if file.stat().st_size == 0:
        raise NovaError(f"{file} is empty")
    content_type = CONTENT_TYPES.get(file.suffix.lower())
    if content_type is None:
        allowed = ", ".join(suffix.lstrip(".") for suffix in CONTENT_TYPES)
        raise NovaError(f"{file.name} is not a recording that the platform takes; types: {allowed}")
    return content_type


def lines(transcript: dict[str, Any]) -> Iterator[str]:
    """Yield each segment for people: from when to when (m:ss.s), the speaker if known, the words."""
    for segment in transcript["segments"]:
        speaker = f"{segment['speaker']}: " if segment.get("speaker") else ""
        yield f"{clock(segment['start'])} - {clock(segment['end'])}  {speaker}{segment['text']}"


def clock(seconds: float) -> str:
    """Return a place in a recording as m:ss.s."""
    minutes, rest = divmod(round(seconds * 10), 600)
    return f"{minutes}:{rest // 10:02d}.{rest % 10}"


def _upload(target: dict[str, Any], file: Path, size: int) -> None:
    def content() -> Iterator[bytes]:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK_BYTES):
                yield chunk

    # The link carries its own permission: the bearer token has no business at the storage.
    headers = {**target["headers"], "Content-Length": str(size)}
    answer = httpx2.request(
        target["method"],
        target["url"],
        content=content(),
        headers=headers,
        timeout=public_api.REQUEST_TIMEOUT_S,
        trust_env=False,
    )
    if not answer.is_success:
        raise NovaError(f"the upload was refused ({answer.status_code}): {answer.text[:500]}")


def _await_completion(client: httpx2.Client, recording_id: str, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + TRANSCRIPT_TIMEOUT_S
    while time.monotonic() < deadline:
        recording = public_api.answer(client.get(f"/audio/{recording_id}"), "the recording cannot be read")
        if recording["status"] == "completed":
            return
        if recording["status"] == "failed":
            raise NovaError(f"the recording could not be transcribed: {recording.get('reason')}")
        progress(str(recording["status"]).replace("_", " "))
        time.sleep(POLL_INTERVAL_S)
    raise NovaError(f"no transcript of {recording_id} after {TRANSCRIPT_TIMEOUT_S} s")
