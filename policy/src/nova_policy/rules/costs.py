"""Rules about money."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from nova_policy.fixed_costs import COUNTED, counts
from nova_policy.graph import Graph
from nova_policy.prices import rates, regions
from nova_policy.rule import Finding, Options, Severity, stack_rule
from nova_policy.values import is_certainly, numbers

_OF_A_PART = re.compile(r'"(dimensions|Service|UsageType|Operation)"')
"""Filters by anything but tags and accounts; as budgets of the older and of the newer form write them."""
BUDGET = "aws:budgets/budget:Budget"


@stack_rule(
    "stack-cost-fixed",
    severity=Severity.MEDIUM,
    types=(*COUNTED, BUDGET),
    controls=(68,),
    description="What is paid while nobody uses the stack stays within its budget.",
    remediation="Run less of what is paid by the hour, or raise the budget; give a price to what has none.",
    options={
        "usd": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 1500,
            "description": "The most that an idle month may cost, in USD; so do budgets in the stack",
        },
        "region": {
            "type": "string",
            "enum": regions(),
            "default": "us-east-1",
            "description": "The region whose prices to take from prices.toml of the pack",
        },
        "prices": {
            "type": "object",
            "additionalProperties": {"type": "number", "minimum": 0},
            "default": {},
            "description": "USD a month for one, by the names of prices.toml: they go before that table's",
        },
    },
)
def fixed(graph: Graph, options: Options) -> Iterable[Finding]:
    """Say it of the dearest resource; a month's free ones are the account's, and taken for this stack's."""
    found = rates(options["region"])
    own: dict[str, float] = options["prices"]
    usd_a_month = {kind: rate.usd_a_month for kind, rate in found.items()} | own
    free = {kind: rate.free for kind, rate in found.items()}
    total: Counter[str] = Counter()
    dearest, most = None, 0.0
    for resource in graph.of_type(*COUNTED):
        usd = 0.0
        for kind, count in counts(graph, resource):
            if kind not in usd_a_month:
                yield Finding(resource, "what it runs on has no price in the table")
                continue
            total[kind] += count  # pyright: ignore[reportArgumentType] (halves of a vCPU)
            usd += count * usd_a_month[kind]
        if usd > most:
            dearest, most = resource, usd
    month = sum(max(0.0, count - free.get(kind, 0)) * usd_a_month[kind] for kind, count in total.items())
    if dearest and month > (limit := min([options["usd"], *_budgets(graph)])):
        over = f"{month:.0f} USD in an idle month, {month - limit:.0f} over its budget"
        yield Finding(dearest, f"the stack costs {over}, and this the most")


def _budgets(graph: Graph) -> Iterator[float]:
    """Yield the limits of the stack's own monthly budgets in USD; leave out what is about a service alone."""
    kinds = (("budgetType", "COST"), ("timeUnit", "MONTHLY"), ("limitUnit", "USD"))
    for budget in graph.of_type(BUDGET):
        filters = json.dumps([budget.at(key) for key in ("costFilters", "filterExpression")], default=str)
        whole = not _OF_A_PART.search(filters)
        if whole and all(is_certainly(budget.at(key), kind) for key, kind in kinds):
            yield from numbers(budget.at("limitAmount"))
