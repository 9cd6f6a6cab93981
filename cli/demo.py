"""Uploads a recording or video through the public API, as a client would, and prints what comes of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from cli import public_api
from cli.errors import NovaError


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A kind of content: where the API takes it, what comes of it, and what is said of both."""

    path: str
    result: str
    noun: str
    doing: str


AUDIO = Medium(path="/audio", result="transcript", noun="recording", doing="Transcribing")
VIDEO = Medium(path="/video", result="analysis", noun="video", doing="Analysing")

# What the API takes; the services have the last word.
CONTENT_TYPES = {
    ".flac": (AUDIO, "audio/flac"),
    ".m4a": (AUDIO, "audio/mp4"),
    ".mp3": (AUDIO, "audio/mpeg"),
    ".ogg": (AUDIO, "audio/ogg"),
    ".wav": (AUDIO, "audio/wav"),
    ".webm": (AUDIO, "audio/webm"),
    ".3gp": (VIDEO, "video/3gpp"),
    ".flv": (VIDEO, "video/x-flv"),
    ".mkv": (VIDEO, "video/x-matroska"),
    ".mov": (VIDEO, "video/quicktime"),
    ".mp4": (VIDEO, "video/mp4"),
    ".mpeg": (VIDEO, "video/mpeg"),
    ".mpg": (VIDEO, "video/mpg"),
    ".wmv": (VIDEO, "video/x-ms-wmv"),
}
RESULT_TIMEOUT_S = 600
POLL_INTERVAL_S = 0.5
CHUNK_BYTES = 1 << 20


def process(api: str, token: str, file: Path, progress: Callable[[str], None]) -> tuple[str, dict[str, Any]]:
    """Upload `file`, wait for what comes of it, return its id and that.

    Raises NovaError with the platform's own words.
    """
    medium, content_type = check(file)
    with public_api.client(api, token) as client:
        size = file.stat().st_size
        body = {"filename": file.name, "content_type": content_type, "size_bytes": size}
        announced = public_api.answer(client.post(medium.path, json=body), f"the {medium.noun} was refused")
        progress(f"uploading {size:,} bytes")
        _upload(announced["upload"], file, size)
        _await_completion(client, medium, announced["id"], progress)
        result = client.get(f"{medium.path}/{announced['id']}/{medium.result}")
        return announced["id"], public_api.answer(result, f"there is no {medium.result}")


def check(file: Path) -> tuple[Medium, str]:
    """Return what a file is and its content type; raises NovaError for one that can be neither."""
    if not file.exists():
        raise NovaError(f"{file} does not exist")
    if not file.is_file():
        raise NovaError(f"{file} is not a file")
    if file.stat().st_size == 0:
        raise NovaError(f"{file} is empty")
    found = CONTENT_TYPES.get(file.suffix.lower())
    if found is None:
        allowed = ", ".join(suffix.lstrip(".") for suffix in CONTENT_TYPES)
        raise NovaError(f"{file.name} is not a recording or video that the platform takes; types: {allowed}")
    return found


def summary(medium: Medium, result: dict[str, Any]) -> str:
    """Return in a few words what came of an upload."""
    if medium is AUDIO:
        return f"{result['language']}, {len(result['text'].split())} words"
    return f"{len(result['scenes'])} scenes, {len(result['anomalies'])} anomalies"


def seen(analysis: dict[str, Any]) -> Iterator[str]:
    """Yield an analysis for people: its summary, each scene, and what is wrong, from when to when."""
    yield analysis["summary"]
    for scene in analysis["scenes"]:
        yield f"{clock(scene['start'])} - {clock(scene['end'])}  {scene['description']}"
    for found in analysis["anomalies"]:
        span = f"{clock(found['start'])} - {clock(found['end'])}"
        yield f"{span}  {found['severity']} {found['kind']}: {found['description']}"


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


def _await_completion(
    client: httpx2.Client, medium: Medium, upload_id: str, progress: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + RESULT_TIMEOUT_S
    while time.monotonic() < deadline:
        answer = client.get(f"{medium.path}/{upload_id}")
        found = public_api.answer(answer, f"the {medium.noun} cannot be read")
        if found["status"] == "completed":
            return
        if found["status"] == "failed":
            raise NovaError(f"there will be no {medium.result}: {found.get('reason')}")
        progress(str(found["status"]).replace("_", " "))
        time.sleep(POLL_INTERVAL_S)
    raise NovaError(f"no {medium.result} of {upload_id} after {RESULT_TIMEOUT_S} s")
