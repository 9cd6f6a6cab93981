"""docs/add-a-policy.md, followed as it is written."""

import re

import pytest
from nova_policy import judgement, registry
from nova_policy.rule import AnyRule

from tests.infra.deployment import ROOT
from tests.policy import test_mutations as checks
from tests.policy.conftest import unchanged
from tests.policy.mutation import Mutation

PAGE = (ROOT / "docs" / "add-a-policy.md").read_text(encoding="utf-8")
RULE_FILE = ROOT / "policy" / "src" / "nova_policy" / "rules" / "tables.py"
MUTATION_FILE = ROOT / "tests" / "policy" / "mutations" / "tables.py"


def blocks() -> list[str]:
    """The page's blocks of Python, as they would stand in a file."""
    found = re.findall(r"^   ```python\n(.*?)^   ```$", PAGE, re.DOTALL | re.MULTILINE)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in found]


def followed() -> tuple[AnyRule, Mutation]:
    """What a reader gets who puts each block into the file that the page names."""
    change, rule = blocks()
    rules: dict[str, object] = {}
    exec(RULE_FILE.read_text(encoding="utf-8") + rule, rules)  # noqa: S102 (the page's own code)
    mutations: dict[str, object] = {}
    exec(MUTATION_FILE.read_text(encoding="utf-8") + f"\nADDED = ({change})", mutations)  # noqa: S102
    made, added = rules["billing"], mutations["ADDED"]
    assert isinstance(made, registry.ResourceRule)
    assert isinstance(added, tuple)
    (mutation,) = added  # pyright: ignore[reportUnknownVariableType]
    assert isinstance(mutation, Mutation)
    return made, mutation


def test_a_reader_gets_a_rule_that_passes_all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    rule, mutation = followed()
    every = (*registry.all_rules(), rule)
    monkeypatch.setattr("tests.policy.conftest.all_rules", lambda: every)
    unchanged.cache_clear()
    try:
        for stack in ("dev", "prod"):
            checks.test_the_real_stack_is_refused_nothing(stack)
            assert unchanged(stack).rules > 1
        checks.test_a_mutation_is_refused_by_its_rule_alone(mutation)
        checks.test_what_is_unknown_is_not_refused(mutation)
        checks.test_what_is_unknown_beside_it_hides_nothing(mutation)
    finally:
        unchanged.cache_clear()


def test_the_names_that_the_page_tells_exist() -> None:
    from nova_policy import graph, values  # noqa: PLC0415

    for name in ("is_set", "may_be", "at_least", "is_certainly", "parsed", "each", "texts"):
        assert f"`{name}`" in PAGE
        assert hasattr(values, name)
    assert hasattr(graph.Graph, "referring_to")
    assert judgement.EXEMPTIONS
