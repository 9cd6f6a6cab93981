"""Pictures that a video can be found by: one of each scene, bounded, whatever the file is like."""

import io
from itertools import pairwise
from pathlib import Path

import pytest
from nova_common.contracts.video import KEY_FRAME_BYTES_MAX, KEY_FRAMES_MAX, KeyFrame, Scene
from nova_common.media import UnusableMediaError
from nova_video import key_frames
from nova_video.key_frames import take_key_frames
from PIL import Image, ImageStat

from tests.services.support.video import CODECS, clip

YARD = Path(__file__).parents[3] / "samples" / "yard.mp4"


def scenes(*times: float) -> list[Scene]:
    """Scenes that follow each other, between these times."""
    return [Scene(start=start, end=end, description="A scene.") for start, end in pairwise(times)]


def taken(content: bytes, *times: float, media_format: str = "mp4") -> list[KeyFrame]:
    return take_key_frames(io.BytesIO(content), media_format, scenes(*times), 2.0)


def opened(frame: KeyFrame) -> Image.Image:
    picture = Image.open(io.BytesIO(frame.image))
    picture.load()
    assert picture.format == "JPEG"
    return picture


def test_each_scene_has_a_picture_from_its_middle() -> None:
    found = taken(YARD.read_bytes(), 0, 4, 8, 12, 18)
    assert [(frame.scene, frame.at) for frame in found] == [(0, 2.0), (1, 6.0), (2, 10.0), (3, 15.0)]
    colours = [ImageStat.Stat(opened(frame)).mean for frame in found]
    blue, orange, black, green = colours
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]
    assert max(black) < 10
    assert green[1] > max(green[0], green[2])
    assert opened(found[0]).size == (320, 180)


@pytest.mark.parametrize("media_format", CODECS)
def test_pictures_are_taken_of_every_accepted_format(media_format: str) -> None:
    found = taken(clip(media_format), 0, 1, 2, media_format=media_format)
    assert [frame.at for frame in found] == pytest.approx([0.5, 1.5], abs=0.2)


def test_a_video_without_scenes_has_one_picture() -> None:
    (frame,) = taken(clip())
    assert (frame.scene, frame.at) == (None, 1.0)


def test_of_many_scenes_some_are_chosen_at_equal_distances() -> None:
    found = taken(clip(), *(place / 50 for place in range(101)))
    assert len(found) <= KEY_FRAMES_MAX
    numbers = [frame.scene or 0 for frame in found]
    assert numbers == sorted(set(numbers))
    assert {number // 20 for number in numbers} == set(range(5))


def test_what_is_out_of_reach_or_not_there_has_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [frame.scene for frame in taken(clip(), 0, 1, 90, 91)] == [0, 1]
    monkeypatch.setattr(key_frames, "FRAMES_DECODED_MAX", 50)
    # The sample's only full picture is its first one, ten pictures make a second.
    assert [(frame.scene, frame.at) for frame in taken(YARD.read_bytes(), 0, 16, 18)] == [(0, 4.9)]


def test_a_large_picture_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_frames, "SIDE_PIXELS_MAX", 33)
    (frame,) = taken(clip())
    assert opened(frame).size == (32, 32)
    monkeypatch.setattr(key_frames, "KEY_FRAME_BYTES_MAX", 10)
    assert taken(clip()) == []
    assert KEY_FRAMES_MAX * KEY_FRAME_BYTES_MAX * 4 / 3 < 12 * 1024 * 1024


def test_a_damaged_stretch_costs_its_pictures_alone() -> None:
    whole = YARD.read_bytes()
    middle = whole.index(b"mdat") + 2400
    damaged = whole[:middle] + b"\xff" * 400 + whole[middle + 400 :]
    assert taken(damaged, 0, 4, 8, 12, 18)[0].at == 2.0
    with pytest.raises(UnusableMediaError):
        taken(b"no video" * 500, 0, 1)
