"""The file of exceptions: what is refused of it, and what judges those that have outlived their reason."""

import datetime
from pathlib import Path
from typing import Any

import pytest
from nova_policy.exemptions import DAYS_MAX, Exemption, problems, read_exemptions
from nova_policy.graph import Graph, Resource
from nova_policy.judgement import EXEMPTIONS, judge
from nova_policy.registry import all_rules
from nova_policy.rule import Level
from nova_policy.settings import PolicySettingsError, Settings

from cli.policies import EXEMPTIONS as FILE

TODAY = datetime.date(2026, 5, 1)
ENTRY = {
    "rule": '"dynamodb-table-recovery"',
    "resource": '"scratch"',
    "stacks": '["dev"]',
    "reason": '"Holds nothing that is not elsewhere."',
    "expires": "2026-12-31",
    "reviewed_by": '"platform"',
}
TABLE = Resource(
    urn="urn:pulumi:dev::shop::aws:dynamodb/table:Table::scratch",
    type="aws:dynamodb/table:Table",
    name="scratch",
    props={"serverSideEncryption": {"enabled": True, "kmsKeyArn": "arn:key"}},
)


def written(tmp_path: Path, text: str = "", **changed: str | None) -> Path:
    """A file with one exception, some of its keys changed or left out."""
    entry = {key: value for key, value in ({**ENTRY, **changed}).items() if value is not None}
    file = tmp_path / "exceptions.toml"
    lines = [f"{key} = {value}" for key, value in entry.items()]
    file.write_text(text or "\n".join(["[[exception]]", *lines]), encoding="utf-8")
    return file


def one(**changed: Any) -> Exemption:
    values: dict[str, Any] = {
        "rule": "dynamodb-table-recovery",
        "resource": "scratch",
        "stacks": ("dev",),
        "reason": "Holds nothing that is not elsewhere.",
        "expires": datetime.date(2026, 12, 31),
        "reviewed_by": "platform",
    }
    return Exemption(**(values | changed))


def test_an_exception_is_read_as_it_is_written(tmp_path: Path) -> None:
    assert read_exemptions(written(tmp_path)) == (one(),)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"reason": None}, "reason is missing"),
        ({"until": "1"}, "until is not known"),
        ({"expires": '"2026-12-31"'}, "expires has to be a day"),
        ({"expires": "2026-12-31T00:00:00"}, "expires has to be a day"),
        ({"stacks": '"dev"'}, "stacks has to be a list"),
        ({"stacks": "[]"}, "stacks has to be a list"),
        ({"rule": "1"}, "rule has to be a text"),
    ],
)
def test_what_cannot_be_understood_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(PolicySettingsError, match=said):
        read_exemptions(written(tmp_path, **changed))


@pytest.mark.parametrize("text", ["[exception", "[[exceptions]]", "exception = 1"])
def test_another_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PolicySettingsError, match=r"exceptions\.toml"):
        read_exemptions(written(tmp_path, text))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rule": "dynamodb-table-gone"}, "there is no rule"),
        ({"reason": "because"}, "says too little"),
        ({"reviewed_by": " "}, "nobody has reviewed"),
        ({"expires": TODAY - datetime.timedelta(days=1)}, "it ended"),
        ({"expires": TODAY + datetime.timedelta(days=DAYS_MAX + 1)}, "more than"),
    ],
)
def test_what_should_not_be_there_is_said(changed: dict[str, Any], said: str) -> None:
    (found,) = problems([one(**changed)], {"dynamodb-table-recovery"}, TODAY)
    assert said in found[1]


def test_what_is_in_order_is_not() -> None:
    edges = [
        one(expires=TODAY),
        one(expires=TODAY + datetime.timedelta(days=DAYS_MAX)),
        one(rule="CKV_AWS_119"),
    ]
    assert list(problems(edges, {"dynamodb-table-recovery"}, TODAY)) == []


def test_an_exception_accepts_a_finding_and_is_counted() -> None:
    judgement = judge(Graph([TABLE]), all_rules(), Settings(), [one()], TODAY, "dev")
    assert judgement.verdicts == ()
    assert [verdict.rule for verdict, _ in judgement.accepted] == ["dynamodb-table-recovery"]


def test_an_exception_that_covers_nothing_is_found() -> None:
    stale, elsewhere = one(resource="gone"), one(resource="gone", stacks=("prod",))
    scanner = one(rule="CKV_AWS_119", resource="gone")
    judgement = judge(
        Graph([TABLE]), all_rules(), Settings(), [one(), stale, elsewhere, scanner], TODAY, "dev"
    )
    (verdict,) = judgement.verdicts
    assert (verdict.rule, verdict.level) == (EXEMPTIONS, Level.MANDATORY)
    assert "it covers nothing" in verdict.message


def test_the_file_of_this_repository_is_in_order() -> None:
    names = {rule.name for rule in all_rules()}
    today = datetime.datetime.now(datetime.UTC).date()
    assert list(problems(read_exemptions(FILE), names, today)) == []
