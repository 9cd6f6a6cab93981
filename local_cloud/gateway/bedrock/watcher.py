"""One video, in a process of its own: from S3, picture by picture, to what was measured.

`python -m local_cloud.gateway.bedrock.watcher` reads {"bucket", "key"} on stdin and writes summary, scenes
and anomalies on stdout, or {"reason": ...} for what is no video. The environment has endpoint and
credentials.
"""

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import boto3
from botocore.exceptions import ClientError

from local_cloud.documents import Document
from local_cloud.gateway.bedrock.footage import Picture, described

# Both are in the gateway's own environment alone.
cv2: Any = importlib.import_module("cv2")
np: Any = importlib.import_module("numpy")

PICTURES_A_SECOND = 12.5
"""At most so many are measured: a cut is found within 0.08 s, and half an hour in about a minute."""
PICTURES_MAX = 50_000
"""More than an hour of them: bounds what a file can cost that never ends."""
SIDE = 160
"""Pictures are measured at this width."""
DARK, BURNT = 25, 250
MOVED = 20
"""Difference in brightness (0 to 255) that is no noise of a codec."""
GREY_SATURATION = 40.0
"""Mean saturation (0 to 255) under which a picture has no colour."""
COLOURS = ((8, "red"), (22, "orange"), (38, "yellow"), (80, "green"), (100, "turquoise"), (130, "blue"),
           (150, "violet"), (170, "pink"), (181, "red"))  # fmt: skip
"""Words by OpenCV's hue, 0 to 180."""
NICENESS = 5


def pictures(path: Path) -> Iterator[Picture]:
    """Yield the measured pictures of a file, none for what is no video."""
    video = cv2.VideoCapture(str(path))
    before: Any = None
    due = 0.0
    for _ in range(PICTURES_MAX * 10):
        if not video.grab():
            return
        at = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if at + 1e-6 < due:
            continue
        decoded, frame = video.retrieve()
        if not decoded:
            return
        due = at + 1 / PICTURES_A_SECOND - 1e-3
        small = cv2.resize(frame, (SIDE, max(1, SIDE * frame.shape[0] // frame.shape[1])))
        colours: Any = cv2.cvtColor(small, cv2.COLOR_BGR2HSV).astype(np.int16)
        light: Any = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.int16)
        yield _measured(at, colours, light, before)
        before = colours, light


def _measured(at: float, colours: Any, light: Any, before: Any) -> Picture:  # noqa: ANN401 (arrays)
    saturation = float(colours[:, :, 1].mean())
    hue = float(np.median(colours[:, :, 0]))
    name = next(name for most, name in COLOURS if hue <= most)
    return Picture(
        at=at,
        brightness=float(light.mean()),
        dark=float((light < DARK).mean()),
        burnt=float((light >= BURNT).mean()),
        # The first picture is no copy of one before.
        change=255.0 if before is None else float(np.abs(colours - before[0]).mean()),
        moved=1.0 if before is None else float((np.abs(light - before[1]) > MOVED).mean()),
        colour=name if saturation >= GREY_SATURATION else "grey",
    )


def seconds_of(path: Path, seen: list[Picture]) -> float:
    """Return how long a video lasts: by its header, else until its last picture."""
    video = cv2.VideoCapture(str(path))
    rate, count = video.get(cv2.CAP_PROP_FPS), video.get(cv2.CAP_PROP_FRAME_COUNT)
    by_header = count / rate if rate > 0 and count > 0 else 0.0
    return max(by_header, seen[-1].at + (1 / rate if rate > 0 else 0.0))


def watched(path: Path) -> Document:
    """Return what was measured of a file, or the reason why nothing was."""
    seen = list(pictures(path))
    if not seen:
        return {"reason": "The video cannot be decoded."}
    return described(seen, seconds_of(path, seen))


def main() -> int:
    """Look at the video that stdin names."""
    os.nice(NICENESS)
    work = cast("Document", json.load(sys.stdin))
    s3: Any = boto3.client("s3")  # pyright: ignore[reportUnknownMemberType]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "video"
        try:
            s3.download_file(work["bucket"], work["key"], str(path))
        except ClientError:
            outcome: Document = {"reason": "The S3 location of the video cannot be read."}
        else:
            outcome = watched(path)
    json.dump(outcome, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
