"""The page of policies is what the rules and the mutations are."""

from tests.policy.table import PAGE, page


def test_the_page_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.policy.table`"
