"""One transcription, in a process of its own: media from S3, speech to words, result to S3.

`python -m local_cloud.gateway.transcriber` reads one JSON job on stdin and writes one JSON outcome on stdout:
{"status": "COMPLETED"} or {"status": "FAILED", "reason": ...}. The environment has endpoint and credentials.
"""

import importlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import av
import av.error
import boto3
from botocore.exceptions import ClientError

from local_cloud.gateway.speakers import Voice, speakers, voice

RATE = 16000
"""Samples per second of the acoustic model; media is resampled to it."""
LEAST_SECONDS = 0.5
"""Shortest media that Transcribe takes (Amazon Transcribe quotas)."""
PAUSE_SECONDS = 0.3
"""Window of the voice activity detector: a pause of about this length ends an utterance."""
STOP_SECONDS = 0.2
"""A shorter pause within an utterance, where somebody else may go on."""
UTTERANCE_SECONDS = 30
"""An utterance is cut here, so that a recording without pauses is decoded in bounded pieces."""
NICENESS = 5
UNREADABLE = (
    "The S3 URI that you provided can't be accessed. Make sure that you have read permission and try your "
    "request again."
)
CONTAINERS = {
    "wav": "wav", "mp3": "mp3", "mp4": "mp4", "m4a": "m4a", "webm": "webm", "ogg": "ogg", "flac": "flac",
    "amr": "amr",
}  # fmt: skip
"""MediaFormat -> a name of PyAV's container format."""

type Word = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Piece:
    """What is said without a stop: words {word, start, end, confidence}, times in seconds; and the voice."""

    words: list[Word]
    voice: Voice | None


type Utterance = list[Piece]
"""What is said between two pauses."""


class JobFailure(Exception):  # noqa: N818 (an outcome, as Transcribe names it)
    """The job ends FAILED; the message is its FailureReason."""


def samples(path: Path, media_format: str | None) -> Iterator[bytes]:
    """Yield a recording's sound as 16-bit mono samples at RATE.

    Raises:
        JobFailure: it is not media, has no sound, or is not what its declared format says.

    """
    try:
        with av.open(str(path)) as media:
            if not media.streams.audio:
                raise JobFailure("Unsupported media format: the file has no audio track.")
            names = media.format.name.split(",")
            if media_format and CONTAINERS.get(media_format, media_format) not in names:
                raise JobFailure("The media format provided does not match the detected media format.")
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in media.decode(audio=0):
                for part in resampler.resample(frame):
                    yield bytes(part.planes[0])[: part.samples * 2]
            for part in resampler.resample(None):
                yield bytes(part.planes[0])[: part.samples * 2]
    except (av.error.FFmpegError, EOFError) as error:
        raise JobFailure(
            f"Unsupported media format: the file cannot be decoded ({error.__class__.__name__})."
        ) from error


def chunks(parts: Iterator[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield pieces of exactly `size` bytes, the last one maybe shorter, with whether it is the last."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        while len(buffer) > size:
            yield bytes(buffer[:size]), False
            del buffer[:size]
    yield bytes(buffer), True


def recognize(parts: Iterator[bytes], told_apart: bool) -> list[Utterance]:
    """Return the utterances that have words; their voices where speakers are to be told apart.

    Raises:
        JobFailure: the recording is too short, or cannot be decoded.

    """
    sphinx: Any = importlib.import_module("pocketsphinx")
    detector, decoder = (
        sphinx.Endpointer(window=PAUSE_SECONDS),
        sphinx.Decoder(samprate=RATE, loglevel="FATAL"),
    )
    utterances: list[Utterance] = []
    begun: float | None = None
    spoken, total = bytearray(), 0
    for piece, last in chunks(parts, detector.frame_bytes):
        total += len(piece)
        speech = detector.end_stream(piece) if last else detector.process(piece)
        if speech is None:
            continue
        begun = float(detector.speech_start) if begun is None else begun
        spoken += speech
        ended = last or not detector.in_speech
        if ended or seconds(len(spoken)) >= UTTERANCE_SECONDS:
            if heard := words(decoder, bytes(spoken), begun):
                utterances.append(pieces(heard, bytes(spoken), begun) if told_apart else [Piece(heard, None)])
            begun = None if ended else begun + seconds(len(spoken))
            spoken.clear()
    if seconds(total) < LEAST_SECONDS:
        raise JobFailure(f"Your audio file must have a duration of at least {LEAST_SECONDS} seconds.")
    return utterances


def seconds(size: int) -> float:
    """Return how long so many bytes of 16-bit mono sound last."""
    return size / (RATE * 2)


def words(decoder: Any, sound: bytes, begun: float) -> list[Word]:  # noqa: ANN401 (pocketsphinx has no types)
    """Return the words of one utterance that began at `begun` seconds; a frame is 10 ms.

    The decoder gets the utterance as a whole: it normalizes over all of it and hears better than from pieces.
    """
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()
    return [
        {
            "word": re.sub(r"\(\d+\)$", "", segment.word),
            "start": begun + segment.start_frame / 100,
            "end": begun + (segment.end_frame + 1) / 100,
            "confidence": min(1.0, decoder.get_logmath().exp(segment.prob)),
        }
        for segment in decoder.seg() or ()
        if segment.word[0] not in "<["
    ]


def pieces(heard: list[Word], sound: bytes, begun: float) -> Utterance:
    """Split an utterance that began at `begun` seconds where somebody else may go on."""
    groups = [[heard[0]]]
    for word in heard[1:]:
        if word["start"] - groups[-1][-1]["end"] >= STOP_SECONDS:
            groups.append([])
        groups[-1].append(word)
    return [
        Piece(group, voice(sound[place(group[0]["start"] - begun) : place(group[-1]["end"] - begun)]))
        for group in groups
    ]


def place(at: float) -> int:
    """Return where in 16-bit mono sound a time in seconds is."""
    return max(0, round(at * RATE)) * 2


def turns(utterances: list[Utterance], most: int) -> list[tuple[list[Word], str | None]]:
    """Return what each speaker says within an utterance, with the speaker's label if there may be `most`."""
    if not most:
        return [(piece.words, None) for utterance in utterances for piece in utterance]
    who = iter(speakers([piece.voice for utterance in utterances for piece in utterance], most))
    found: list[tuple[list[Word], str | None]] = []
    for utterance in utterances:
        labelled = [(f"spk_{next(who)}", piece) for piece in utterance]
        for label, group in groupby(labelled, key=lambda pair: pair[0]):
            found.append(([word for _, piece in group for word in piece.words], label))
    return found


def result(job: dict[str, Any], utterances: list[Utterance]) -> dict[str, Any]:
    """Return the result document in Amazon Transcribe's shape: times and confidences are strings."""
    said = turns(utterances, job.get("speakers") or 0)
    items: list[dict[str, Any]] = []
    segments: list[dict[str, Any]] = []
    labels: list[dict[str, Any]] = []
    for number, (words_said, label) in enumerate(said):
        speaker = {"speaker_label": label} if label else {}
        first = len(items)
        for word in words_said:
            alternative = {"confidence": f"{word['confidence']:.3f}", "content": word["word"]}
            span = {"start_time": f"{word['start']:.2f}", "end_time": f"{word['end']:.2f}"}
            items.append(
                {"id": len(items), "type": "pronunciation", "alternatives": [alternative], **span, **speaker}
            )
        stop = {"confidence": "0.0", "content": "."}
        items.append({"id": len(items), "type": "punctuation", "alternatives": [stop], **speaker})
        span = {"start_time": items[first]["start_time"], "end_time": items[-2]["end_time"]}
        text = " ".join(word["word"] for word in words_said) + "."
        numbers = list(range(first, len(items)))
        segments.append({"id": number, "transcript": text, **span, "items": numbers, **speaker})
        spans = [{key: item[key] for key in ("start_time", "end_time")} | speaker for item in items[first:-1]]
        labels.append({**span, **speaker, "items": spans})
    results: dict[str, Any] = {
        "transcripts": [{"transcript": " ".join(segment["transcript"] for segment in segments)}],
        "items": items,
        "audio_segments": segments,
    }
    if job.get("speakers"):
        count = len({label for _, label in said})
        results["speaker_labels"] = {"channel_label": "ch_0", "speakers": count, "segments": labels}
    return {"jobName": job["name"], "accountId": job["account"], "status": "COMPLETED", "results": results}


def perform(job: dict[str, Any]) -> None:
    """Do one job.

    Raises:
        JobFailure: it ends FAILED.

    """
    s3: Any = boto3.client("s3")  # pyright: ignore[reportUnknownMemberType]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "media"
        try:
            s3.download_file(job["media_bucket"], job["media_key"], str(path))
        except ClientError as error:
            raise JobFailure(UNREADABLE) from error
        parts = samples(path, job.get("media_format"))
        document = result(job, recognize(parts, told_apart=bool(job.get("speakers"))))
    body = json.dumps(document).encode()
    encryption = (
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": job["kms_key"]} if job.get("kms_key") else {}
    )
    try:
        s3.put_object(
            Bucket=job["output_bucket"],
            Key=job["output_key"],
            Body=body,
            ContentType="application/json",
            **encryption,
        )
    except ClientError as error:
        raise JobFailure(f"The result cannot be written to {job['output_bucket']}: {error}") from error


def main() -> int:
    """Do the job on stdin."""
    os.nice(NICENESS)
    try:
        perform(json.load(sys.stdin))
        outcome = {"status": "COMPLETED"}
    except JobFailure as failure:
        outcome = {"status": "FAILED", "reason": str(failure)}
    json.dump(outcome, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
