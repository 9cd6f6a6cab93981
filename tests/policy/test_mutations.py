"""Every rule refuses its mutations of the real stacks, alone, and none of the stacks as they are."""

from collections import Counter
from dataclasses import replace

import pytest
from nova_policy.graph import Graph
from nova_policy.judgement import Verdict
from nova_policy.registry import all_rules
from nova_policy.values import UNKNOWN

from tests.policy.conftest import STACKS, graph, judgement, unchanged
from tests.policy.mutation import Mutation, all_mutations, found, unknown

RULES = {rule.name: rule for rule in all_rules()}
CONTROLS = 70
"""The last of the list that the rules are made after."""
each_mutation = pytest.mark.parametrize(
    "mutation", all_mutations(), ids=lambda one: f"{one.rule}: {one.what}"
)


def new_verdicts(changed: Graph, stack: str) -> list[Verdict]:
    """What the pack says of a changed graph that it does not say of the real one."""
    before = Counter(unchanged(stack).verdicts)
    return list((Counter(judgement(changed, stack).verdicts) - before).elements())


@pytest.mark.parametrize("stack", STACKS)
def test_the_real_stack_is_refused_nothing(stack: str) -> None:
    assert [f"{one.rule}: {one.resource}: {one.message}" for one in unchanged(stack).verdicts] == []


@each_mutation
def test_a_mutation_is_refused_by_its_rule_alone(mutation: Mutation) -> None:
    changed = mutation.change(graph(mutation.stack))
    target = found(changed, *mutation.at).urn
    verdicts = new_verdicts(changed, mutation.stack)
    here = {one.rule for one in verdicts if one.resource == target}
    assert mutation.rule in here, verdicts
    assert {one.rule for one in verdicts} <= {mutation.rule, *mutation.with_rules}, verdicts
    assert here == {mutation.rule, *(rule for rule in mutation.with_rules if rule in here)}


@each_mutation
def test_what_is_unknown_is_not_refused(mutation: Mutation) -> None:
    changed = unknown(mutation.unknown)(graph(mutation.stack))
    assert new_verdicts(changed, mutation.stack) == []


@each_mutation
def test_what_is_unknown_beside_it_hides_nothing(mutation: Mutation) -> None:
    changed = mutation.change(graph(mutation.stack))
    target = found(changed, *mutation.at)
    kept = {*mutation.needs, *([str(mutation.unknown[2])] if mutation.unknown[:2] == mutation.at else [])}
    props = {key: value if key in kept else UNKNOWN for key, value in target.props.items()}
    veiled = Graph(replace(one, props=props) if one.urn == target.urn else one for one in changed.resources)
    assert mutation.rule in {one.rule for one in new_verdicts(veiled, mutation.stack)}


def test_every_rule_has_a_mutation_and_every_mutation_a_rule() -> None:
    assert {mutation.rule for mutation in all_mutations()} == set(RULES)


def test_every_control_has_a_rule() -> None:
    covered = {control for rule in RULES.values() for control in rule.controls}
    assert set(range(1, CONTROLS + 1)) - covered == set()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_is_about_something_that_a_stack_has_or_its_mutation_adds(rule: str) -> None:
    changed = [one.change(graph(one.stack)) for one in all_mutations() if one.rule == rule]
    graphs = [*(graph(stack) for stack in STACKS), *changed]
    missing = [kind for kind in RULES[rule].types if not any(one.of_type(kind) for one in graphs)]
    assert missing == [], f"{rule} is about types that nothing shown to it has: a mutation has to add one"
