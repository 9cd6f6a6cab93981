"""Documents whose parts may be missing."""

from local_cloud.documents import Document, part, parts

DOCUMENT: Document = {
    "check": {"path": "/health", "matcher": {"codes": "200"}},
    "rules": [{"name": "a"}],
    "nothing": None,
}


def test_a_part_is_empty_when_anything_on_its_path_is_missing() -> None:
    assert part(DOCUMENT, "check", "matcher") == {"codes": "200"}
    assert part(DOCUMENT, "check", "other") == {}
    assert part(DOCUMENT, "other", "matcher", "codes") == {}
    assert part(DOCUMENT, "nothing", "matcher") == {}
    assert part(DOCUMENT) is DOCUMENT


def test_parts_are_none_when_the_list_is_missing() -> None:
    assert parts(DOCUMENT, "rules") == [{"name": "a"}]
    assert parts(DOCUMENT, "nothing") == parts(DOCUMENT, "other") == []
