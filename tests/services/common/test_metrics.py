"""What services count: lines that CloudWatch makes metrics of, and that the stack's filters find."""

import io
import json
import logging
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError
from nova_common.logs import JsonFormatter
from nova_common.metrics import Metric, counting

from components.observe import log_watch


def line_of(
    namespace: str, level: int, extra: dict[str, Any] | None = None, error: Exception | None = None
) -> dict[str, Any]:
    """What is written for one record."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter("audio", namespace))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.log(level, "said", exc_info=error, extra=extra)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


@pytest.mark.parametrize("metric", Metric)
def test_a_counted_line_is_one_of_a_metric_of_the_stack(metric: Metric) -> None:
    line = line_of("nova/dev", logging.WARNING, counting(metric, taken=3))
    directive = line["_aws"]["CloudWatchMetrics"]
    assert directive == [
        {"Namespace": "nova/dev", "Dimensions": [[]], "Metrics": [{"Name": metric.value, "Unit": "Count"}]}
    ]
    assert line[metric.value] == 1
    assert line["taken"] == 3
    assert line["_aws"]["Timestamp"] - 1_700_000_000_000 > 0


def test_other_lines_and_processes_without_a_namespace_count_nothing() -> None:
    assert "_aws" not in line_of("nova/dev", logging.WARNING, {"fields": {"taken": 3}})
    assert line_of("", logging.WARNING, counting(Metric.DEGRADED, taken=3))["taken"] == 3
    assert "_aws" not in line_of("", logging.WARNING, counting(Metric.DEGRADED))


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """Whether a filter pattern of one JSON field with `*` at either end finds a line."""
    found = re.fullmatch(r'\{ \$\.(\w+) = "([^"]*)" \}', pattern)
    assert found is not None, pattern
    wanted = ".*".join(re.escape(piece) for piece in found[2].split("*"))
    return re.fullmatch(wanted, str(line.get(found[1], "")), re.DOTALL) is not None


def test_the_filters_find_what_they_count() -> None:
    patterns = log_watch.PATTERNS
    answer: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    try:
        raise ClientError(answer, "PutItem")
    except ClientError as error:
        refused = line_of("", logging.ERROR, error=error)
    critical = line_of("", logging.CRITICAL)
    assert matches(patterns["RefusedCalls"], refused)
    assert not matches(patterns["RefusedCalls"], critical)
    assert matches(patterns["CriticalLogEntries"], critical)
    assert not matches(patterns["CriticalLogEntries"], refused)
