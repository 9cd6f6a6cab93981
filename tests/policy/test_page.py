"""docs/add-a-policy.md names what there is; tests/docs follows it."""

from nova_policy import graph, values

from tests.infra.deployment import ROOT

PAGE = (ROOT / "docs" / "add-a-policy.md").read_text(encoding="utf-8")


def test_the_names_that_the_page_tells_exist() -> None:
    for name in ("is_set", "may_be", "at_least", "is_certainly", "parsed", "each", "texts"):
        assert f"`{name}`" in PAGE
        assert hasattr(values, name)
    assert hasattr(graph.Graph, "referring_to")
