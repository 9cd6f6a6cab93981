"""What `nova scan` makes of the scanner's report. tests/scanner asks the scanner itself."""

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nova_policy.exemptions import Exemption

from cli import scan as scans
from cli import scanner
from cli.errors import NovaError
from cli.home import Home

TODAY = datetime.date(2030, 1, 31)
OPEN = "CKV_AWS_59"


ACCEPTING = Exemption(
    rule=OPEN,
    resource="offers-*",
    stacks=("prod",),
    reason="Anybody may read what is on offer.",
    expires=TODAY,
    reviewed_by="platform",
)


def judged(*failed: tuple[str, str], exemptions: tuple[Exemption, ...] = ()) -> scans.Scan:
    report = {
        "summary": {"resource_count": 2, "passed": 5},
        "results": {
            "failed_checks": [
                {"check_id": check, "check_name": "Ensure something", "resource": address}
                for check, address in failed
            ]
        },
    }
    return scans.judged("prod", report, exemptions, {"CKV_AWS_120": "low"}, TODAY)


def test_whatever_fails_is_severe_unless_it_was_reviewed() -> None:
    found = judged((OPEN, "aws_api_gateway_method.offers-get"), ("CKV_AWS_120", "aws_api_gateway_stage.one"))
    assert [one.check for one in found.severe] == [OPEN]
    assert scans.lines(found) == [
        f"{OPEN} aws_api_gateway_method.offers-get: Ensure something",
        "2 resources, 5 checks passed; failed and not accepted: 1 high, 0 medium, 1 low",
    ]


def test_an_exception_accepts_what_it_names() -> None:
    found = judged(
        (OPEN, "aws_api_gateway_method.offers-get"),
        (OPEN, "aws_api_gateway_method.orders-get"),
        exemptions=(ACCEPTING,),
    )
    assert [one.address for one in found.severe] == ["aws_api_gateway_method.orders-get"]
    assert found.unneeded == ()
    assert "accepted until 2030-01-31" in scans.lines(found)[1]
    assert scans.document(found)["findings"][0]["accepted"] == ACCEPTING.reason


@pytest.mark.parametrize(
    "late",
    [replace(ACCEPTING, expires=TODAY - datetime.timedelta(days=1)), replace(ACCEPTING, rule="CKV_AWS_58")],
)
def test_an_exception_that_has_ended_or_is_about_something_else_accepts_nothing(late: Exemption) -> None:
    found = judged((OPEN, "aws_api_gateway_method.offers-get"), exemptions=(late,))
    assert len(found.severe) == 1
    assert found.unneeded == (late,)


def test_what_nothing_needs_is_said_for_its_own_stack_alone() -> None:
    assert judged(exemptions=(ACCEPTING,)).unneeded == (ACCEPTING,)
    assert judged(exemptions=(replace(ACCEPTING, stacks=("dev",)),)).unneeded == ()
    assert judged(exemptions=(replace(ACCEPTING, rule="dynamodb-table-key"),)).unneeded == ()


def test_the_reviews_are_what_the_file_says() -> None:
    assert {row["severity"] for row in scans.reviews().values()} <= set(scans.LESSER)
    assert all(len(row["reason"]) > 12 for row in scans.reviews().values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[CKV_AWS_1]\nseverity = "high"\nreference = ""\nreason = "x"\n', "CKV_AWS_1: it has to say"),
        ('[CKV_AWS_1]\nseverity = "low"\n', "CKV_AWS_1: it has to say"),
        ("CKV_AWS_1 = 3\n", "CKV_AWS_1: it has to say"),
        ("[", "cannot be read"),
    ],
)
def test_reviews_in_another_form_are_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "severities.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NovaError, match=said):
        scans.reviews(file)


def stand_in(folder: Path, prints: str) -> Path:
    """An interpreter's path, with a program beside it that prints something in the scanner's place."""
    program = folder / "checkov"
    program.write_text(f"#!/bin/sh\nenv > {folder}/env\ncat <<'END'\n{prints}\nEND\n", encoding="utf-8")
    program.chmod(0o755)
    return folder / "python"


PLAN: dict[str, Any] = {"planned_values": {"root_module": {"resources": [{}, {}]}}}


def test_a_scanner_that_skips_resources_is_not_believed(tmp_path: Path) -> None:
    few = {"summary": {"resource_count": 1, "parsing_errors": 0}, "results": {}}
    with pytest.raises(NovaError, match="read 1 of the 2 resources"):
        scanner.scan(stand_in(tmp_path, json.dumps(few)), PLAN)


def test_a_scanner_that_says_nothing_readable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NovaError, match="no report:\nout of order"):
        scanner.scan(stand_in(tmp_path, "out of order"), PLAN)


def test_the_scanner_gets_no_account_and_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "BC_API_KEY", "PRISMA_API_URL", "CKV_CHECK", "LOG_LEVEL"):
        monkeypatch.setenv(name, "given")
    all_ = {"summary": {"resource_count": 2, "parsing_errors": 0}, "results": {}}
    assert scanner.scan(stand_in(tmp_path, json.dumps(all_)), PLAN) == all_
    got = (tmp_path / "env").read_text(encoding="utf-8")
    assert "given" not in got
    assert f"HOME={Path.home()}\n" not in got


def test_without_uv_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "find_uv", lambda: None)
    with pytest.raises(NovaError, match="uv is missing"):
        scanner.prepare(Home(tmp_path))
