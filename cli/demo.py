"""Uploads a recording through the public API, exactly as a client would, and prints its transcript."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2

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
REQUEST_TIMEOUT_S = 30
TRANSCRIPT_TIMEOUT_S = 600
POLL_INTERVAL_S = 0.5
CHUNK_BYTES = 1 << 20


def transcribe(api: str, token: str, file: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """Upload `file`, wait for its transcript, return it; raises NovaError with the platform's own words."""
    content_type = check(file)
    with httpx2.Client(
        base_url=api,
        headers={"Authorization": f"Bearer {token}"},
        timeout=REQUEST_TIMEOUT_S,
        trust_env=False,
    ) as client:
        try:
            size = file.stat().st_size
            body = {"filename": file.name, "content_type": content_type, "size_bytes": size}
            recording = _json(client.post("/audio", json=body), "the recording was refused")
            progress(f"uploading {size:,} bytes")
            _upload(recording["upload"], file, size)
            _await_completion(client, recording["id"], progress)
            return _json(client.get(f"/audio/{recording['id']}/transcript"), "there is no transcript")
        except httpx2.HTTPError as error:
            raise NovaError(f"the platform does not answer at {api}: {error}") from error


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
        yield f"{_clock(segment['start'])} - {_clock(segment['end'])}  {speaker}{segment['text']}"


def _clock(seconds: float) -> str:
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
        timeout=REQUEST_TIMEOUT_S,
        trust_env=False,
    )
    if not answer.is_success:
        raise NovaError(f"the upload was refused ({answer.status_code}): {answer.text[:500]}")


def _await_completion(client: httpx2.Client, recording_id: str, progress: Callable[[str], None]) -> None:
    deadline = time.monotonic() + TRANSCRIPT_TIMEOUT_S
    while time.monotonic() < deadline:
        recording = _json(client.get(f"/audio/{recording_id}"), "the recording cannot be read")
        if recording["status"] == "completed":
            return
        if recording["status"] == "failed":
            raise NovaError(f"the recording could not be transcribed: {recording.get('reason')}")
        progress(str(recording["status"]).replace("_", " "))
        time.sleep(POLL_INTERVAL_S)
    raise NovaError(f"no transcript of {recording_id} after {TRANSCRIPT_TIMEOUT_S} s")


def _json(answer: httpx2.Response, failure: str) -> dict[str, Any]:
    if answer.is_success:
        return answer.json()
    is_problem = "json" in answer.headers.get("content-type", "")
    problem: dict[str, Any] = answer.json() if is_problem else {}
    detail = problem.get("detail") or problem.get("title") or problem.get("message") or answer.text[:500]
    errors: list[Any] = problem.get("errors") or []
    fields = "; ".join(str(item) for item in errors)
    raise NovaError(f"{failure} ({answer.status_code}): {detail}{f' ({fields})' if fields else ''}")
