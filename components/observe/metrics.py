"""Metrics of CloudWatch, as alarms and dashboards name them (pure, no resources)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

PERIOD_SECONDS = 60
"""The finest period of what AWS's services report."""
METRICS_MAX = 10
"""Metrics that one expression of an alarm may read (CloudWatch quota)."""
RESULT = "result"
"""What an expression's own value is called; no metric may be."""

_SIMPLE_STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
_PERCENTILE = re.compile(r"p(\d{1,2}(\.\d{1,10})?|100)")
# What an expression calls its metrics (GetMetricData): lower case first, so that functions are told apart.
_IDENTIFIER = re.compile(r"[a-z][A-Za-z0-9_]*")
_IDENTIFIERS_IN_FORMULA = re.compile(r"(?<![A-Za-z0-9_])[a-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric's statistic over periods.

    Raises ``ValueError`` for a statistic or a period that CloudWatch does not have.
    """

    namespace: str
    name: str
    dimensions: Mapping[str, pulumi.Input[str]]
    """A metric is reported under one exact set of dimensions: one more or less is another, empty one."""
    statistic: str = "Maximum"
    """``Average``, ``Maximum``, ``Minimum``, ``SampleCount``, ``Sum`` or a percentile such as ``p95``."""
    period_seconds: int = PERIOD_SECONDS

    def __post_init__(self) -> None:
        """Check statistic and period."""
        if self.statistic not in _SIMPLE_STATISTICS and not self.is_percentile:
            raise ValueError(
                f"statistic: {self.statistic} is not allowed; it is {', '.join(_SIMPLE_STATISTICS)} or a "
                "percentile from p0 to p100"
            )
        if self.period_seconds < PERIOD_SECONDS or self.period_seconds % PERIOD_SECONDS:
            raise ValueError(
                f"period_seconds: {self.period_seconds} is not allowed; it is a multiple of {PERIOD_SECONDS}"
            )

    @property
    def is_percentile(self) -> bool:
        """Whether the statistic is one that CloudWatch calls extended."""
        return _PERCENTILE.fullmatch(self.statistic) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """What is computed from several metrics, such as a rate: ``100 * errors / requests``.

    Raises ``ValueError`` for metrics that the formula does not read, names in it that no metric has, metrics
    of different periods, and more of them than an alarm takes.
    """

    formula: str
    """In CloudWatch's language of metric math."""
    metrics: Mapping[str, Metric]
    """By the name that the formula calls them: it starts with a lower-case letter."""

    def __post_init__(self) -> None:
        """Check names, number and periods."""
        named = set(_IDENTIFIERS_IN_FORMULA.findall(self.formula))
        legal = all(_IDENTIFIER.fullmatch(name) and name != RESULT for name in self.metrics)
        if not legal or named != set(self.metrics):
            raise ValueError(
                f"formula: {self.formula} has to name each of {', '.join(self.metrics)} and nothing else, in "
                f"letters, digits and underscores that start in lower case; {RESULT} is taken"
            )
        if len(self.metrics) > METRICS_MAX:
            raise ValueError(f"metrics: {len(self.metrics)} are not allowed; it is up to {METRICS_MAX}")
        if len({metric.period_seconds for metric in self.metrics.values()}) != 1:
            raise ValueError("metrics: all have the same period")

    @property
    def period_seconds(self) -> int:
        """The period of all its metrics."""
        return next(iter(self.metrics.values())).period_seconds

    def suffixed(self, suffix: str) -> "Expression":
        """Return the same with ``suffix`` after each name, so that several stand in one graph."""
        return Expression(
            formula=_IDENTIFIERS_IN_FORMULA.sub(lambda found: f"{found.group()}{suffix}", self.formula),
            metrics={f"{name}{suffix}": metric for name, metric in self.metrics.items()},
        )
