"""Pure matching of load balancer rules (ELB user guide, "Condition types for listener rules")."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from local_cloud.documents import Document, part, parts


@dataclass(frozen=True, slots=True)
class Request:
    """What rules look at; header names in lower case."""

    method: str
    path: str
    query: str
    client: str
    headers: Mapping[str, str]


@lru_cache(maxsize=1024)
def _pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    text = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def wildcard(value: str, patterns: Iterable[str], ignore_case: bool) -> bool:
    """Whether a value matches any pattern of `*` (any characters) and `?` (one)."""
    return any(_pattern(pattern, ignore_case).fullmatch(value) for pattern in patterns)


def _values(condition: Document, configuration: str) -> list[str]:
    return part(condition, configuration).get("Values") or condition.get("Values") or []


def _query_matches(condition: Document, query: str) -> bool:
    pairs = parse_qsl(query, keep_blank_values=True)
    return any(
        wildcard(value, [wanted["Value"]], ignore_case=True)
        and (not wanted.get("Key") or wildcard(key, [wanted["Key"]], ignore_case=True))
        for wanted in parts(part(condition, "QueryStringConfig"), "Values")
        for key, value in pairs
    )


def matches(condition: Document, request: Request) -> bool:
    """Whether a request meets one condition; an unknown kind of condition meets nothing."""
    match condition.get("Field"):
        case "path-pattern":
            return wildcard(request.path, _values(condition, "PathPatternConfig"), ignore_case=False)
        case "host-header":
            host = request.headers.get("host", "").partition(":")[0]
            return wildcard(host, _values(condition, "HostHeaderConfig"), ignore_case=True)
        case "http-request-method":
            return request.method in _values(condition, "HttpRequestMethodConfig")
        case "http-header":
            configuration = part(condition, "HttpHeaderConfig")
            value = request.headers.get(str(configuration.get("HttpHeaderName", "")).lower())
            return value is not None and wildcard(value, configuration.get("Values", []), ignore_case=True)
        case "query-string":
            return _query_matches(condition, request.query)
        case _:
            return False


def choose(rules: Iterable[Document], request: Request) -> Document | None:
    """Return the first rule by priority of which all conditions are met; the default rule comes last."""

    def priority(rule: Document) -> float:
        return float("inf") if rule["Priority"] == "default" else int(rule["Priority"])

    for rule in sorted(rules, key=priority):
        if all(matches(condition, request) for condition in rule.get("Conditions", [])):
            return rule
    return None
