"""Each stack's program is evaluated and judged once a session."""

import datetime
from functools import cache

from nova_policy.exemptions import read_exemptions
from nova_policy.graph import Graph
from nova_policy.judgement import Judgement, judge
from nova_policy.registry import all_rules
from nova_policy.settings import Settings

from cli.policies import EXEMPTIONS, graph_of
from tests.infra.deployment import deployed

STACKS = ("dev", "prod")
TODAY = datetime.datetime.now(datetime.UTC).date()


@cache
def graph(stack: str) -> Graph:
    """The real graph of a stack."""
    return graph_of(deployed(stack))


def judgement(found: Graph, stack: str) -> Judgement:
    """What the pack says of a graph, with the exceptions as they are."""
    return judge(found, all_rules(), Settings(), read_exemptions(EXEMPTIONS), TODAY, stack)


@cache
def unchanged(stack: str) -> Judgement:
    """What the pack says of the real graph."""
    return judgement(graph(stack), stack)
