"""What a vector says, what a query asks for, what a hit is, and how pages follow each other."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nova_common.contracts.search import SearchFilter, SearchRequest
from nova_search import domain
from nova_search.recordings import IndexedRecording
from nova_search.sources import Passage

ID = "00000000-0000-0000-0000-000000000001"
OWNER = IndexedRecording(id=ID, user="alice", created_at=datetime(2026, 1, 1, tzinfo=UTC))
PASSAGE = Passage(key=f"{ID}#0", kind="transcript", text="hello", start=0, end=0.5)


def test_the_user_is_in_every_filter() -> None:
    mine = {"user": {"$eq": "alice"}}
    assert domain.query_filter("alice", None) == mine
    assert domain.query_filter("alice", SearchFilter()) == mine
    assert domain.query_filter("alice", SearchFilter(media_id="m")) == {
        "$and": [mine, {"media_id": {"$eq": "m"}}]
    }
    assert domain.query_filter("alice", SearchFilter(media_id="m", kind="transcript")) == {
        "$and": [mine, {"media_id": {"$eq": "m"}}, {"kind": {"$eq": "transcript"}}]
    }
    period = SearchFilter.model_validate(
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-01T01:00:00+01:00"}
    )
    at = OWNER.created_at.timestamp()
    assert domain.query_filter("alice", period) == {
        "$and": [mine, {"created_at": {"$gte": at}}, {"created_at": {"$lte": at}}]
    }


@pytest.mark.parametrize(
    "period",
    [
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-02T00:00:00"},
        {"until": "yesterday"},
    ],
)
def test_a_period_has_a_zone_and_an_order(period: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"since|until"):
        SearchFilter.model_validate(period)


def test_what_is_not_known_is_left_out_of_what_a_vector_says() -> None:
    assert domain.metadata(OWNER, Passage(key="k", kind="image", text="a tree", title="a tree")) == {
        "user": "alice",
        "media_id": ID,
        "kind": "image",
        "created_at": OWNER.created_at.timestamp(),
        "title": "a tree",
        "text": "a tree",
    }


@given(st.integers(1, 100), st.integers(0, 100))
def test_pages_show_every_match_once_and_end(limit: int, count: int) -> None:
    matches: Sequence[int] = range(count)
    shown: list[int] = []
    request = SearchRequest(text="a", limit=limit)
    for _ in range(101):
        first = domain.first_hit(request)
        found = matches[: min(first + limit + 1, 100)]
        shown += found[first : first + limit]
        cursor = domain.next_cursor(request, first, len(found))
        if cursor is None:
            break
        request = SearchRequest(text="a", limit=limit, cursor=cursor)
    assert shown == list(matches)


def test_a_cursor_belongs_to_its_search() -> None:
    cursor = domain.next_cursor(SearchRequest(text="a", limit=5), 0, 6)
    assert cursor is not None
    assert domain.first_hit(SearchRequest(text="a", limit=7, cursor=cursor)) == 5
    for other in (
        SearchRequest(text="b", limit=5, cursor=cursor),
        SearchRequest(text="a", limit=5, cursor=cursor, filter=SearchFilter(kind="image")),
        SearchRequest(text="a", cursor="5"),
        SearchRequest(text="a", cursor="ü"),
        SearchRequest(text="a", cursor=cursor[:-4]),
    ):
        with pytest.raises(domain.InvalidCursorError):
            domain.first_hit(other)


@pytest.mark.parametrize(
    ("distance", "score"), [(0, 1), (0.25, 0.75), (1, 0), (2, -1), (-1e-7, 1), (2.0000001, -1)]
)
def test_the_score_is_one_minus_the_distance(distance: float, score: float) -> None:
    user, hit = domain.hit(PASSAGE.key, distance, domain.metadata(OWNER, PASSAGE))
    assert user == "alice"
    assert hit.model_dump() == {
        "id": f"{ID}#0",
        "media_id": ID,
        "kind": "transcript",
        "score": score,
        "text": "hello",
        "start": 0,
        "end": 0.5,
    }


def test_a_vector_of_another_kind_is_no_hit() -> None:
    said = domain.metadata(OWNER, PASSAGE)
    for broken in (said | {"kind": "scent"}, said | {"user": None}, {}):
        with pytest.raises(ValueError, match="VectorMetadata"):
            domain.hit(PASSAGE.key, 0.5, broken)
