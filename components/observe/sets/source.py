"""Resources as their metrics name them, and what is computed of such metrics (pure, no resources).

The dimensions have to be those under which AWS reports a metric: under any other set of them it stays empty
for ever, and its alarm silent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from .. import thresholds
from ..alarms import AlarmArgs
from ..metrics import Expression, Metric

type AlarmSet = dict[str, AlarmArgs]
"""All that is watched of one resource, by a label that is unique in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A resource that reports metrics."""

    namespace: str
    dimensions: Mapping[str, pulumi.Input[str]]

    def metric(
        self, name: str, statistic: str = "Sum", period_seconds: int = thresholds.WINDOW_SECONDS
    ) -> Metric:
        """Return one of its metrics."""
        return Metric(
            namespace=self.namespace,
            name=name,
            dimensions=self.dimensions,
            statistic=statistic,
            period_seconds=period_seconds,
        )

    def operation(self, name: str) -> "Source":
        """Return what is reported of one API operation."""
        return Source(namespace=self.namespace, dimensions={**self.dimensions, "Operation": name})

    def by_operation(self, name: str, operations: Sequence[str], statistic: str = "Sum") -> dict[str, Metric]:
        """Return a metric of each of ``operations``, by the operation's name in camel case."""
        return {
            operation[0].lower() + operation[1:]: self.operation(operation).metric(name, statistic)
            for operation in operations
        }


def rate(errors: Metric, requests: Metric, ignored: int = thresholds.ERRORS_IGNORED) -> Expression:
    """Return the percentage of ``errors`` among ``requests``, or 0 up to ``ignored`` of them."""
    return Expression(
        formula=f"IF(errors > {ignored}, 100 * errors / requests, 0)",
        metrics={"errors": errors, "requests": requests},
    )


def total(metrics: Mapping[str, Metric]) -> Expression:
    """Return the sum of ``metrics``, of which some report nothing while there is nothing to report."""
    return Expression(formula=" + ".join(f"FILL({name}, 0)" for name in metrics), metrics=metrics)
