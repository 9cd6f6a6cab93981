"""Documents that people add are found by what they say or show, by their owner alone."""

import base64
from collections.abc import Generator

import httpx2
import pytest

from tests.e2e.conversations import searched
from tests.e2e.running import Running, eventually
from tests.services.support.pictures import picture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

PLAN = """The annual meeting of the sailing club takes place in the old harbour.

Members who want to bring a guest tell the secretary a week before. The fee for guests is twelve euros."""


@pytest.fixture(scope="module")
def reader(platform: Running) -> Generator[httpx2.Client]:
    with platform.api(platform.token_of_new_user("reader")) as client:
        yield client


def added(api: httpx2.Client, **body: str) -> str:
    answer = api.post("/documents", json=body)
    assert answer.status_code == 201, answer.text
    document_id = answer.json()["id"]
    eventually(
        lambda: bool(searched(api, "anything", filter={"media_id": document_id})), "the document is indexed"
    )
    return document_id


def titles(api: httpx2.Client) -> list[str]:
    return [item["title"] for item in api.get("/documents").json()["items"]]


def encoded(colour: str) -> str:
    return base64.b64encode(picture("JPEG", colour)).decode()


def test_a_text_is_found_by_its_meaning_and_kept_from_others(
    platform: Running, reader: httpx2.Client
) -> None:
    document_id = added(reader, title="Sailing club", text=PLAN)
    added(reader, title="Pasta", text="Boil the noodles in salted water and serve them with tomato sauce.")
    hit = searched(reader, "How much does it cost to take a visitor along?", limit=1)[0]
    assert (hit["media_id"], hit["kind"], hit["title"]) == (document_id, "document", "Sailing club")
    assert "twelve euros" in hit["text"]
    assert reader.get(f"/documents/{document_id}").json()["text"] == PLAN
    eventually(lambda: "Sailing club" in titles(reader), "the list follows")
    with platform.api(platform.token_of_new_user("other-reader")) as other:
        assert searched(other, "sailing club") == []
        assert other.get(f"/documents/{document_id}").status_code == 404
        assert titles(other) == []
        assert other.delete(f"/documents/{document_id}").status_code == 404


def test_images_are_found_by_words_and_by_images(reader: httpx2.Client) -> None:
    blue, red = (
        added(reader, title="one", image=encoded("blue")),
        added(reader, title="two", image=encoded("red")),
    )
    images = {"kind": "image"}
    assert searched(reader, "a blue picture", filter=images)[0]["media_id"] == blue
    by_image = reader.post("/search", json={"image": encoded("red"), "filter": images}).json()["hits"]
    assert by_image[0]["media_id"] == red
    assert by_image[0]["score"] > 0.99


def test_a_deleted_document_leaves_nothing(platform: Running, reader: httpx2.Client) -> None:
    document_id = added(reader, title="Secret", text="The treasure lies under the third palm tree.")
    assert reader.delete(f"/documents/{document_id}").status_code == 204
    assert reader.get(f"/documents/{document_id}").status_code == 404
    eventually(
        lambda: not searched(reader, "treasure", filter={"media_id": document_id}), "the index forgets it"
    )
    left = platform.aws("s3").list_object_versions(
        Bucket=platform.outputs()["content_bucket"], Prefix=f"documents/{document_id}"
    )
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")


def test_an_index_that_was_lost_is_filled_again(platform: Running, reader: httpx2.Client) -> None:
    document_id = added(reader, title="Recipe", text="Knead the dough for ten minutes and let it rest.")
    outputs = platform.outputs()
    vectors = platform.aws("s3vectors")
    place = {"vectorBucketName": outputs["vector_bucket"], "indexName": outputs["vector_index"]}
    vectors.delete_vectors(**place, keys=[f"{document_id}#0"])
    assert not searched(reader, "dough", filter={"media_id": document_id})
    for expected in ("1 vectors added", "0 vectors added"):
        finished = platform.nova("reindex", timeout_s=240)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        assert expected in finished.stdout + finished.stderr
    assert searched(reader, "dough", filter={"media_id": document_id})
