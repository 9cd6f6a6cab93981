"""What it costs to judge stack prod by policies: ``python -m benchmarks.policy_pack``.

Prints CPU seconds of this process, and their ratio to the limit: from the recorded program to the findings,
the best of several runs. Evaluating the program has a limit of its own (`benchmarks.program_start`). With
``--sdk`` also what the same rules take under the SDK of policy packs, which makes each resource anew for each
policy.
"""

import argparse
import datetime
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nova_policy.exemptions import read_exemptions
from nova_policy.judgement import Judgement, judge
from nova_policy.registry import all_rules
from nova_policy.settings import Settings

from cli.graph import evaluated
from cli.policies import EXEMPTIONS, graph_of

if TYPE_CHECKING:
    from nova_policy.graph import Graph

    from evaluation.program import Deployment

LIMIT_CPU_S = 2.0
"""On two cores that nobody else uses; see `make bench`."""
STACK = "prod"


def judged(deployment: "Deployment") -> Judgement:
    """Judge a recorded deployment, as `nova policy` does."""
    today = datetime.datetime.now(datetime.UTC).date()
    return judge(graph_of(deployment), all_rules(), Settings(), read_exemptions(EXEMPTIONS), today, STACK)


def best(runs: int, measured: Callable[[], Any]) -> float:
    """Return the CPU seconds of the cheapest of ``runs``."""
    taken: list[float] = []
    for _ in range(runs):
        before = time.process_time()
        measured()
        taken.append(time.process_time() - before)
    return min(taken)


def under_the_sdk(graph: "Graph") -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return what asks all policies about every resource, and about the stack, as the engine does."""
    from google.protobuf import struct_pb2  # noqa: PLC0415 (asked for with --sdk alone)
    from nova_policy.pack import Pack  # noqa: PLC0415
    from pulumi.runtime import proto  # noqa: PLC0415
    from pulumi_policy import EnforcementLevel  # noqa: PLC0415
    from pulumi_policy import policy as sdk  # noqa: PLC0415

    policies = Pack(all_rules(), read_exemptions(EXEMPTIONS)).policies()
    make: Any = getattr(sdk, "_PolicyAnalyzerServicer")  # noqa: B009 (private, and what the engine calls)
    servicer = make("nova-policy", "0.1.0", policies, EnforcementLevel.ADVISORY)
    asked: list[Any] = []
    for one in graph.resources:
        properties = struct_pb2.Struct()
        properties.update(dict(one.props))
        asked.append(
            proto.AnalyzerResource(
                urn=one.urn, type=one.type, name=one.name, properties=properties, parent=one.parent,
                propertyDependencies={
                    key: proto.AnalyzerPropertyDependencies(urns=sorted(urns))
                    for key, urns in one.references.items()
                },
            )
        )  # fmt: skip

    def resources() -> None:
        for one in asked:
            servicer.Analyze(
                proto.AnalyzeRequest(urn=one.urn, type=one.type, name=one.name, properties=one.properties),
                None,
            )

    return resources, lambda: servicer.AnalyzeStack(proto.AnalyzeStackRequest(resources=asked), None)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and return 1 if the limit is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policy_pack", description=__doc__)
    parser.add_argument(
        "--runs", type=int, default=5, help="the best of so many counts (default %(default)s)"
    )
    parser.add_argument("--sdk", action="store_true", help="measure the rules under the SDK of packs, too")
    chosen = parser.parse_args(arguments)
    deployment = evaluated(STACK)
    found = judged(deployment)
    cpu_s = best(chosen.runs, lambda: judged(deployment))
    ratio = cpu_s / LIMIT_CPU_S
    print(
        f"judging {STACK}: {cpu_s:.2f} s CPU (best of {chosen.runs}) for {found.rules} rules over "
        f"{found.resources} resources, {ratio:.2f} of the limit of {LIMIT_CPU_S:.0f} s"
    )
    if chosen.sdk:
        resources, stack = under_the_sdk(graph_of(deployment))
        print(
            f"under the SDK of packs: {best(1, resources):.1f} s CPU for all resources one by one, "
            f"{best(1, stack):.1f} s for the stack"
        )
    return int(ratio > 1)


if __name__ == "__main__":
    sys.exit(main())
