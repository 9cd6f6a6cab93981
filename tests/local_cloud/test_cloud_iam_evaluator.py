"""What a request cannot express: operators and principals in documents, without the gateway."""

from typing import Any

import pytest

from local_cloud.gateway.iam import patterns as iam_patterns
from local_cloud.gateway.iam import policies as iam_policies
from local_cloud.gateway.iam.policies import Caller, Question
from local_cloud.gateway.iam.requests import NotMappedError, read
from local_cloud.gateway.iam.services import NONE, TABLES

VERSION = "2012-10-17"
ROLE = "arn:aws:iam::123456789012:role/path/reader"
SESSION = "arn:aws:sts::123456789012:assumed-role/reader/one"
CALLER = Caller(SESSION, "123456789012", ROLE)


def allows(condition: dict[str, Any], keys: dict[str, Any], effect: str = "Allow") -> bool:
    statement = {"Effect": effect, "Action": "a:B", "Resource": "*", "Condition": condition}
    policy = iam_policies.parse({"Version": VERSION, "Statement": statement})
    return iam_policies.matches(policy[0], Question(CALLER, "a:B", "*", keys))


@pytest.mark.parametrize(
    ("condition", "keys", "expected"),
    [
        # IAM user guide, "Binary condition operators": the values are compared as bytes, base64 or not.
        ({"BinaryEquals": {"k": "QmluYXJ5"}}, {"k": "QmluYXJ5"}, True),
        ({"BinaryEquals": {"k": "QmluYXJ5"}}, {"k": "T3RoZXI="}, False),
        ({"BinaryEquals": {"k": "QmluYXJ5"}}, {"k": "not base64"}, False),
        # "Date condition operators": to the second, in any of ISO 8601's forms.
        ({"DateEquals": {"k": "2026-01-02T03:04:05Z"}}, {"k": "2026-01-02T04:04:05+01:00"}, True),
        ({"DateNotEquals": {"k": "2026-01-02T03:04:05Z"}}, {"k": "2026-01-02T03:04:06Z"}, True),
        ({"DateLessThan": {"k": "2026-01-02"}}, {"k": "2026-01-01T23:59:59Z"}, True),
        # "IP address condition operators": version 6 as well.
        ({"IpAddress": {"k": "2001:db8::/32"}}, {"k": "2001:db8::7"}, True),
        ({"IpAddress": {"k": "2001:db8::/32"}}, {"k": "10.0.0.1"}, False),
        ({"NotIpAddress": {"k": "no network"}}, {"k": "10.0.0.1"}, True),
        # "Set operators": empty sets.
        ({"ForAllValues:StringEquals": {"k": ["a"]}}, {"k": []}, True),
        ({"ForAnyValue:StringEquals": {"k": ["a"]}}, {"k": []}, False),
        ({"ForAllValues:ArnLike": {"k": "arn:aws:s3:::a"}}, {"k": ["arn:aws:s3:::a", "b"]}, False),
        ({"ForAnyValue:NumericGreaterThan": {"k": "5"}}, {"k": ["1", "9"]}, True),
        ({"ForAllValues:DateLessThan": {"k": "2026-01-01"}}, {"k": ["2025-01-01", "2027-01-01"]}, False),
        # "IfExists" after a set operator.
        ({"ForAnyValue:StringLikeIfExists": {"k": "a*"}}, {}, True),
        ({"ForAnyValue:StringLikeIfExists": {"k": "a*"}}, {"k": ["b"]}, False),
        ({"Null": {"k": ["true", "false"]}}, {}, True),
        ({"StringEquals": {"aws:principaltag/Team": "x"}}, {"aws:principaltag/team": "x"}, True),
        ({"NumericEquals": {"k": "1e1"}}, {"k": "10"}, True),
        ({"StringLike": {"k": "a?c*"}}, {"k": "abc"}, True),
        ({"StringLike": {"k": "a?c*"}}, {"k": "ac"}, False),
        ({"StringEquals": {"k": ["${one}", "x"]}}, {"k": "1", "one": "1"}, True),
        ({"StringEquals": {"k": "${many}"}}, {"k": "1", "many": ["1"]}, False),
    ],
)  # fmt: skip
def test_conditions(condition: dict[str, Any], keys: dict[str, Any], expected: bool) -> None:
    assert allows(condition, keys) == expected


def test_an_operator_that_does_not_exist_never_opens() -> None:
    assert not allows({"StringMatches": {"k": "a"}}, {"k": "a"})
    assert allows({"StringMatches": {"k": "a"}}, {"k": "b"}, effect="Deny")


@pytest.mark.parametrize(
    ("pattern", "resolved"),
    [
        ("a/${k}", "a/v"), ("${ K }", "v"), ("${missing, 'd'}", "d"), ("${k, 'd'}", "v"),
        ("plain*", "plain*"),
    ],
)  # fmt: skip
def test_variables(pattern: str, resolved: str) -> None:
    assert iam_patterns.resolve(pattern, {"k": "v"}, literal=True) == resolved


def test_a_variable_brings_no_wildcard_and_no_colon() -> None:
    pattern = iam_patterns.resolve("arn:aws:s3:::b/${k}", {"k": "*"})
    assert iam_patterns.matches_arn("arn:aws:s3:::b/*", pattern)
    assert not iam_patterns.matches_arn("arn:aws:s3:::b/x", pattern)
    inner = iam_patterns.resolve("arn:aws:logs:${k}:log-group:g", {"k": "us-east-1:1"})
    assert not iam_patterns.matches_arn("arn:aws:logs:us-east-1:1:log-group:g", inner)


@pytest.mark.parametrize(
    ("principal", "how"),
    [
        ("*", ["everyone"]),
        ({"AWS": "*"}, ["everyone"]),
        ({"AWS": ROLE}, ["role"]),
        ({"AWS": SESSION}, ["itself"]),
        ({"AWS": "123456789012"}, ["account"]),
        ({"AWS": "arn:aws:iam::123456789012:root"}, ["account"]),
        ({"AWS": "210987654321"}, []),
        ({"AWS": "arn:aws:iam::123456789012:role/reader"}, []),
        ({"AWS": ROLE.upper()}, []),
        ({"Service": "s3.amazonaws.com"}, []),
        ({"Service": ""}, []),
        ({"Federated": ""}, []),
    ],
)
def test_principals(principal: object, how: list[str]) -> None:
    document: dict[str, Any] = {"Effect": "Allow", "Action": "a:B", "Principal": principal}
    statements = iam_policies.parse({"Version": VERSION, "Statement": [document]})
    asked = iam_policies.ask_resource(statements, Question(CALLER, "a:B", "arn:aws:s3:::b"))
    assert sorted(asked.allowed_as) == how


@pytest.mark.parametrize("document", ["", "{", "[]", "null", '{"Statement": ["x", {"Effect": "Perhaps"}]}'])
def test_what_is_no_policy_allows_nothing(document: str) -> None:
    assert iam_policies.parse(document) == ()


def test_across_accounts_both_sides_have_to_allow() -> None:
    """IAM user guide, "Cross-account policy evaluation logic"."""
    everything = iam_policies.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    named = iam_policies.parse(
        {"Statement": {"Effect": "Allow", "Action": "*", "Principal": {"AWS": SESSION}}}
    )
    question = Question(CALLER, "a:B", "arn:aws:sqs:us-east-1:210987654321:q")
    for identity, resource, allowed in (
        (everything, named, True), (everything, (), False), ((), named, False),
    ):  # fmt: skip
        decision = iam_policies.decide(question, identity, (), resource, same_account=False)
        assert decision.allowed == allowed


def test_an_operation_has_one_name() -> None:
    def operation(service: str, target: str, action: list[str], path: str = "/", body: bytes = b"") -> str:
        headers = {"x-amz-target": target} if target else {}
        query = {"Action": action} if action else {}
        return read(service, "POST", path, headers, body, query, "us-east-1").operation

    assert operation("dynamodb", "DynamoDB_20120810.GetItem", []) == "GetItem"
    assert operation("dynamodb", "DynamoDB_20120810.GetItem", ["PutItem"]) == ""
    assert operation("dynamodb", "", ["GetItem"]) == ""
    assert operation("iam", "", ["GetRole"]) == "GetRole"
    assert operation("iam", "", ["GetRole", "PutRolePolicy"]) == ""
    # MiniStack's IAM takes the body's members first, whatever its content type.
    assert operation("iam", "X.GetRole", [], body=b"Action=DeleteRole") == ""
    assert operation("iam", "", ["GetRole"], body=b"Action=DeleteRole") == ""
    assert operation("iam", "", ["GetRole"], body=b"RoleName=other") == ""
    assert operation("iam", "", ["GetRole"], body=b"Action=GetRole") == "GetRole"
    assert operation("monitoring", "", [], "/service/X/operation/PutMetricData") == "PutMetricData"
    assert operation("monitoring", "", ["GetMetricData"], "/service/X/operation/PutMetricData") == ""


def test_the_tables_name_operations_once_and_kinds_that_exist() -> None:
    for service, table in TABLES.items():
        for operation, kind in table.kinds.items():
            names = [name.removesuffix("?") for name in kind.split("+") if kind != NONE]
            assert all(name in table.resources for name in names), f"{service}: {operation}"
        assert set(table.actions) <= set(table.kinds)
        assert set(table.passes) <= set(table.kinds)
    assert issubclass(NotMappedError, Exception)
