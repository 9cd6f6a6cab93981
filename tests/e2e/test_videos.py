"""Videos become analyses; what is wrong in them reaches people; nobody sees another's."""

import base64
import io
import re
from pathlib import Path
from typing import Any, cast

import av
import httpx2
import pytest
from PIL import Image

from tests.e2e.conversations import asked, opened
from tests.e2e.running import CHECKOUT, Running, eventually, send, settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

YARD = CHECKOUT / "samples" / "yard.mp4"


def upload(api: httpx2.Client, file: Path = YARD, content_type: str = "video/mp4") -> str:
    return send(api, file, content_type, "/video")


def found(api: httpx2.Client, video_id: str, **body: object) -> list[dict[str, Any]]:
    """What a search finds in one video."""
    narrowed = {"media_id": video_id, **cast("dict[str, str]", body.pop("filter", {}))}
    answer = api.post("/search", json={"filter": narrowed, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()["hits"]


def still(at: float) -> str:
    """A picture of the sample at some second, in base64."""
    with av.open(str(YARD)) as container:
        frame = next(frame for frame in container.decode(video=0) if (frame.time or 0) >= at)
    content = io.BytesIO()
    pixels = frame.reformat(format="rgb24").planes[0]
    size = (frame.width, frame.height)
    Image.frombuffer("RGB", size, bytes(pixels), "raw", "RGB", pixels.line_size, 1).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def listed(api: httpx2.Client) -> dict[str, object]:
    return {item["id"]: item["status"] for item in api.get("/video").json()["items"]}


def test_a_video_becomes_an_analysis_with_times(platform: Running, api: httpx2.Client) -> None:
    video_id = upload(api)
    video = settled(api, video_id, path="/video")
    assert (video["status"], video["anomalies"]) == ("completed", 2), video
    assert video["duration_seconds"] == pytest.approx(18, abs=0.2)
    analysis = api.get(f"/video/{video_id}/analysis").json()
    assert analysis["summary"].startswith("Offline model: I measured the pictures")
    times = [(scene["start"], scene["end"]) for scene in analysis["scenes"]]
    assert times == [pytest.approx(pair, abs=0.11) for pair in ((0, 4), (4, 8), (8, 12), (12, 18))]
    pictures = api.get(f"/video/{video_id}/key-frames").json()["frames"]
    assert [picture["scene"] for picture in pictures] == [0, 1, 2, 3]
    played = api.get(f"/video/{video_id}/content").json()
    assert httpx2.get(played["url"], headers={"Range": "bytes=4-7"}).content == b"ftyp"
    black, frozen = analysis["anomalies"]
    assert (black["kind"], black["severity"], frozen["kind"]) == ("black_picture", "HIGH", "frozen_picture")
    assert (black["start"], black["end"]) == pytest.approx((8, 12), abs=0.11)
    eventually(lambda: listed(api).get(video_id) == "completed", "the list follows")

    # HIGH anomalies reach the alerts topic by way of store, pipe, bus and rule.
    def told() -> bool:
        log = platform.nova("logs", "alerts").stdout
        return log.count("AnomalyDetected (severity HIGH) from nova.video at ") >= 2 and video_id in log

    eventually(told, "both anomalies are told to the alerts topic")
    alerts = platform.nova("logs", "alerts").stdout
    assert "yard.mp4" not in alerts


def test_a_scene_is_found_by_words_and_a_picture_by_an_image(platform: Running, api: httpx2.Client) -> None:
    video_id = upload(api)
    settled(api, video_id, path="/video")
    # Summary, four scenes, two anomalies and four key frames.
    eventually(lambda: len(found(api, video_id, text="anything", limit=50)) == 11, "the video is indexed")
    words = found(api, video_id, text="an orange picture with motion", filter={"kind": "video"})
    assert {hit["kind"] for hit in words} == {"video"}
    assert (words[0]["start"], words[0]["end"]) == pytest.approx((4, 8), abs=0.11), words
    black = found(api, video_id, text="The picture is black.", filter={"kind": "video"})[0]
    assert (black["start"], black["end"]) == pytest.approx((8, 12), abs=0.11)
    for second, place in ((1.0, 2.0), (5.0, 6.0), (9.0, 10.0)):
        nearest = found(api, video_id, image=still(second), filter={"kind": "frame"})[0]
        assert nearest["start"] == pytest.approx(place, abs=0.11)
    with platform.api(platform.token_of_new_user("video-searcher")) as stranger:
        assert found(stranger, video_id, text="anything") == []
    assert api.delete(f"/video/{video_id}").status_code == 204
    eventually(lambda: found(api, video_id, text="anything") == [], "the index forgets it")


def test_the_coordinator_tells_what_happens_in_a_video(platform: Running) -> None:
    with platform.api(platform.token_of_new_user("video-asker")) as asker:
        video_id = upload(asker)
        settled(asker, video_id, path="/video")
        eventually(lambda: video_id in listed(asker), "the list follows")
        session = opened(asker)
        overview = asked(asker, session, "Which videos do I have?")
        assert [data["name"] for data in overview.of("tool") if data["status"] == "completed"] == [
            "list_videos"
        ]
        assert "yard.mp4" in overview.text
        told = asked(asker, session, "What happens in my video?")
        called = [data["name"] for data in told.of("tool") if data["status"] == "completed"]
        assert called == ["get_video_analysis"], told.events
        assert re.search(r"mostly \w+; .+\(0:\d\d", told.text), told.text


def test_what_is_no_video_fails_with_a_reason(api: httpx2.Client, tmp_path: Path, sample: Path) -> None:
    corrupt = tmp_path / "noise.mp4"
    corrupt.write_bytes(b"this is no video" * 500)
    failed = settled(api, upload(api, corrupt), path="/video")
    assert failed["status"] == "failed"
    assert "corrupt" in failed["reason"]
    answer = api.get(f"/video/{failed['id']}/analysis")
    assert answer.status_code == 409
    assert "corrupt" in answer.json()["detail"]
    assert (
        api.post("/video", json={"filename": "a", "content_type": "audio/wav", "size_bytes": 5}).status_code
        == 415
    )
    assert sample.exists()


def test_another_users_video_does_not_exist(platform: Running, api: httpx2.Client) -> None:
    video_id = upload(api)
    settled(api, video_id, path="/video")
    with platform.api(platform.token_of_new_user("video-stranger")) as stranger:
        for path in (f"/video/{video_id}", f"/video/{video_id}/analysis"):
            assert stranger.get(path).status_code == 404
        assert stranger.delete(f"/video/{video_id}").status_code == 404
        assert listed(stranger) == {}
    assert api.get(f"/video/{video_id}").status_code == 200


def test_a_deleted_video_leaves_nothing(platform: Running, api: httpx2.Client) -> None:
    video_id = upload(api)
    settled(api, video_id, path="/video")
    assert api.delete(f"/video/{video_id}").status_code == 204
    for path in (f"/video/{video_id}", f"/video/{video_id}/analysis"):
        assert api.get(path).status_code == 404
    eventually(lambda: video_id not in listed(api), "the list forgets it")
    versions = platform.aws("s3").list_object_versions(Bucket=platform.outputs()["content_bucket"])
    left = [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]
    assert not [item for item in left if video_id in item["Key"]]


def test_the_way_of_a_video_is_refused_nothing(platform: Running, api: httpx2.Client) -> None:
    before = platform.status()["refused"]["total"]
    settled(api, upload(api), path="/video")
    assert platform.status()["refused"]["total"] == before, platform.status()["refused"]
