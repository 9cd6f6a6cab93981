"""What can be told of a video by the brightness of its pictures and how they change. No I/O, no decoder.

Thresholds are those of the tools that people use for it, as far as there are any: FFmpeg's blackdetect and
freezedetect, and PySceneDetect's content detector; severity follows from the length alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from local_cloud.documents import Document

CUT = 27.0
"""Mean change of hue, saturation and value (0 to 255) that makes a cut (PySceneDetect, ContentDetector)."""
SCENE_SECONDS_MIN = 0.6
"""A scene is at least as long (PySceneDetect: 15 pictures)."""
DARK_SHARE = 0.98
"""Share of dark pixels that makes a picture black (blackdetect, pic_th)."""
STILL = 0.001
"""Share of pixels that moved under which a picture is the one before: a codec's noise, and no thing."""
MUCH = 0.05
"""Share of pixels that moved from which much moves."""
STILL_SECONDS_MIN = 2.0
"""A picture may stand still that long before it counts as frozen (freezedetect)."""
BLACK_SECONDS_MIN = 0.5
EXPOSURE_SECONDS_MIN = 1.0
BURNT_SHARE = 0.5
"""Share of pixels without any detail left that makes a picture over-exposed."""
DIM = 40.0
"""Mean brightness (0 to 255) under which a picture is under-exposed."""

SEVERITIES = ((10.0, "CRITICAL"), (3.0, "HIGH"), (1.0, "MEDIUM"), (0.0, "LOW"))
"""From so many seconds on a black or frozen stretch is so bad; a wrong exposure is one step less."""
MILDER = {"CRITICAL": "HIGH", "HIGH": "MEDIUM", "MEDIUM": "LOW", "LOW": "LOW"}

ENTRIES_MAX = 50
"""Scenes, and anomalies, of one answer; further ones are counted in the summary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture, measured; `change` and `moved` are against the one before, colour is a word."""

    at: float
    """Seconds from the start."""
    brightness: float
    dark: float
    """Share of pixels with less than a tenth of full brightness."""
    burnt: float
    """Share of pixels at full brightness."""
    change: float
    """Mean difference of hue, saturation and value, 0 to 255."""
    moved: float
    """Share of pixels whose brightness differs visibly."""
    colour: str

    @property
    def is_black(self) -> bool:
        """Whether nothing is seen on it."""
        return self.dark >= DARK_SHARE


def described(pictures: Sequence[Picture], seconds: float) -> Document:
    """Return summary, scenes and anomalies of a video that lasts so long."""
    scenes = list(_scenes(pictures, seconds))
    anomalies = sorted(_anomalies(pictures, seconds), key=lambda found: found["start"])
    cuts = ", ".join(f"{scene['start']:.1f}" for scene in scenes[1:ENTRIES_MAX])
    told = ", ".join(
        f"{found['kind']} {found['start']:.1f}-{found['end']:.1f} s ({found['severity']})"
        for found in anomalies[:ENTRIES_MAX]
    )
    summary = (
        f"The video lasts {seconds:.1f} s and has {_count(len(scenes), 'scene')}"
        f"{f', with cuts at {cuts} s' if cuts else ''}. "
        f"{f'{_count(len(anomalies), "anomaly")}: {told}.' if anomalies else 'No anomalies were measured.'}"
    )
    return {"summary": summary, "scenes": scenes[:ENTRIES_MAX], "anomalies": anomalies[:ENTRIES_MAX]}


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


def _scenes(pictures: Sequence[Picture], seconds: float) -> Iterator[Document]:
    starts = [0.0]
    for picture in pictures[1:]:
        if picture.change >= CUT and picture.at - starts[-1] >= SCENE_SECONDS_MIN:
            starts.append(picture.at)
    for start, end in pairwise([*starts, max(seconds, starts[-1])]):
        within = [picture for picture in pictures if start <= picture.at < end] or [pictures[-1]]
        yield {"start": round(start, 2), "end": round(end, 2), "description": _looks(within)}


def _looks(pictures: Sequence[Picture]) -> str:
    """Return in words how a scene looks."""
    middle = pictures[len(pictures) // 2]
    mean = sum(picture.brightness for picture in pictures) / len(pictures)
    moving = sum(picture.moved for picture in pictures[1:]) / max(1, len(pictures) - 1)
    light = "dark" if mean < 2 * DIM else "bright" if mean > 170 else "of medium brightness"  # noqa: PLR2004
    motion = "nothing moves" if moving < STILL else "little moves" if moving < MUCH else "much moves"
    return f"The picture is {light} and mostly {middle.colour}; {motion}."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """A kind of anomaly: on which pictures it is, how long it has to last, and what is said of it."""

    name: str
    holds: Callable[[Picture], bool]
    seconds_min: float
    description: str
    mild: bool = False
    since_before: bool = False
    """Whether the picture before the first one belongs to it."""


_KINDS = (
    _Kind(
        name="black_picture",
        holds=lambda found: found.is_black,
        seconds_min=BLACK_SECONDS_MIN,
        description="Nothing is seen: the picture is black",
    ),
    _Kind(
        name="frozen_picture",
        holds=lambda found: found.moved < STILL and not found.is_black,
        seconds_min=STILL_SECONDS_MIN,
        description="The picture stands still",
        since_before=True,
    ),
    _Kind(
        name="overexposed_picture",
        holds=lambda found: found.burnt >= BURNT_SHARE,
        seconds_min=EXPOSURE_SECONDS_MIN,
        description="Half of the picture or more has no detail left: it is over-exposed",
        mild=True,
    ),
    _Kind(
        name="underexposed_picture",
        holds=lambda found: found.brightness < DIM and not found.is_black,
        seconds_min=EXPOSURE_SECONDS_MIN,
        description="Little is seen: the picture is under-exposed",
        mild=True,
    ),
)


def _anomalies(pictures: Sequence[Picture], seconds: float) -> Iterator[Document]:
    for kind in _KINDS:
        for start, end in _runs(pictures, seconds, kind):
            if end - start >= kind.seconds_min:
                severity = next(name for least, name in SEVERITIES if end - start >= least)
                yield {
                    "kind": kind.name,
                    "severity": MILDER[severity] if kind.mild else severity,
                    "start": start,
                    "end": end,
                    "description": f"{kind.description} for {end - start:.1f} s.",
                }


def _runs(pictures: Sequence[Picture], seconds: float, kind: _Kind) -> Iterator[tuple[float, float]]:
    """Yield from when to when a kind of anomaly lasts: until the first picture without it, or the end."""
    start: float | None = None
    before = 0.0
    for picture in pictures:
        if kind.holds(picture) and start is None:
            start = before if kind.since_before else picture.at
        elif not kind.holds(picture) and start is not None:
            yield round(start, 2), round(picture.at, 2)
            start = None
        before = picture.at
    if start is not None:
        yield round(start, 2), round(max(start, seconds), 2)
