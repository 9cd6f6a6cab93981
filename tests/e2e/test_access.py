"""Who may do what, and what is said to bad requests."""

import time
from pathlib import Path

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.e2e.running import Running, eventually, request_upload, send, settled

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def test_lists_are_newest_first_in_pages(platform: Running, sample: Path) -> None:
    with platform.api(platform.token_of_new_user("collector")) as api:
        made = [request_upload(api, sample, "audio/wav")["id"] for _ in range(53)]
        eventually(lambda: len(listed(api)) == len(made), "the list has all recordings")
        first = api.get("/audio").json()
        assert len(first["items"]) == 50
        assert first["next_cursor"]
        second = api.get("/audio", params={"cursor": first["next_cursor"]}).json()
        assert second["next_cursor"] is None
        assert [item["id"] for item in [*first["items"], *second["items"]]] == made[::-1]


def test_a_deleted_recording_is_gone_for_everybody(
    platform: Running, api: httpx2.Client, sample: Path
) -> None:
    recording_id = send(api, sample, "audio/wav")
    assert settled(api, recording_id)["status"] == "completed"
    assert api.delete(f"/audio/{recording_id}").status_code == 204
    assert api.get(f"/audio/{recording_id}").status_code == 404
    assert api.get(f"/audio/{recording_id}/transcript").status_code == 404
    assert api.delete(f"/audio/{recording_id}").status_code == 404
    eventually(lambda: recording_id not in listed(api), "the list forgets it")
    left = platform.aws("s3").list_objects_v2(Bucket=platform.outputs()["content_bucket"])
    assert not [item for item in left.get("Contents", []) if recording_id in item["Key"]]


def test_another_users_recording_does_not_exist(platform: Running, api: httpx2.Client, sample: Path) -> None:
    recording_id = request_upload(api, sample, "audio/wav")["id"]
    with platform.api(platform.token_of_new_user("stranger")) as stranger:
        foreign = stranger.get(f"/audio/{recording_id}")
        unknown = stranger.get("/audio/00000000-0000-4000-8000-000000000000")
        malformed = stranger.get("/audio/nothing")
        assert [foreign.status_code, unknown.status_code, malformed.status_code] == [404, 404, 404]
        assert len({answer.json()["title"] for answer in (foreign, unknown, malformed)}) == 1
        assert stranger.delete(f"/audio/{recording_id}").status_code == 404
        assert stranger.get(f"/audio/{recording_id}/transcript").status_code == 404
        assert recording_id not in listed(stranger)
    assert api.get(f"/audio/{recording_id}").status_code == 200


def test_a_page_of_the_site_may_upload_and_no_other(
    platform: Running, api: httpx2.Client, sample: Path
) -> None:
    address = request_upload(api, sample, "audio/wav")["upload"]["url"]
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-type"}

    def ask(origin: str) -> httpx2.Response:
        return httpx2.options(address, headers={"Origin": origin, **asked}, trust_env=False)

    site = platform.outputs()["site_url"]
    assert site.startswith("http://127.0.0.1:")
    assert ask(site).headers["Access-Control-Allow-Origin"] == site
    assert ask("https://elsewhere.example").status_code == 403


def test_only_genuine_tokens_are_let_in(platform: Running) -> None:
    genuine = platform.nova("token").stdout.strip()
    claims = jwt.decode(genuine, options={"verify_signature": False})
    key_id = jwt.get_unverified_header(genuine)["kid"]
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt.encode(claims, forger, algorithm="RS256", headers={"kid": key_id})
    past = {**claims, "exp": int(time.time()) - 60, "iat": int(time.time()) - 3600}
    expired = jwt.encode(past, forger, algorithm="RS256", headers={"kid": key_id})
    tampered = genuine[:-8] + ("A" * 8)
    for token in ("", "nonsense", forged, expired, tampered):
        with platform.api(token) as api:
            assert api.get("/audio").status_code == 401, token
            assert api.post("/audio", json={}).status_code == 401, token
    assert platform.api(genuine).get("/audio").status_code == 200


def test_services_verify_tokens_themselves(platform: Running) -> None:
    for service in ("audio", "projector"):
        url = platform.status()["services"][service]["url"]
        assert httpx2.get(f"{url}/health", trust_env=False).status_code == 200
        assert httpx2.get(f"{url}/api/audio", trust_env=False).status_code in {401, 404, 405}
    url = platform.status()["services"]["projector"]["url"]
    headers = {"Authorization": "Bearer nonsense"}
    assert httpx2.get(f"{url}/api/audio", headers=headers, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ('{"filename": "a.wav"}', 422),
        ('{"filename": "a.wav", "content_type": "audio/wav", "size_bytes": "many"}', 422),
        ('{"filename": "a.exe", "content_type": "application/x-msdownload", "size_bytes": 10}', 415),
        ('{"filename": "a.wav", "content_type": "audio/wav", "size_bytes": 3000000000}', 413),
        ('{"filename": "a.wav", "content_type": "audio/wav", "size_bytes": 0}', 422),
    ],
)
def test_bad_requests_are_answered_with_problems(api: httpx2.Client, body: str, status: int) -> None:
    answer = api.post("/audio", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"]


def listed(api: httpx2.Client) -> list[str]:
    """Ids of all the user's recordings."""
    ids: list[str] = []
    cursor: str | None = None
    for _page in range(20):
        page = api.get("/audio", params={"cursor": cursor} if cursor else None).json()
        ids += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return ids
    raise AssertionError("the cursor never ends")
