"""After an upgrade people are told what they have to do, and nothing that they have done before."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import upgrade
from cli.app import app
from cli.errors import NovaError
from evaluation.program import ROOT

CHANGES = """\
# Changelog

## 2.0.0

- Buckets have new names.

**Upgrade**

Copy what is in the old ones.

## 1.1.0

- A queue more.

## 1.0.0

- First.
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "components").mkdir()
    (tmp_path / upgrade.CHANGELOG).write_text(CHANGES, encoding="utf-8")
    return tmp_path


def test_steps_are_told_in_their_order(checkout: Path) -> None:
    found = upgrade.since(checkout, "1.0.0")
    assert list(upgrade.lines(found, "1.0.0")) == [
        "1.1.0: nothing to do by hand, `pulumi up` does it all",
        "2.0.0: Copy what is in the old ones.",
    ]
    assert [release.version for release in upgrade.since(checkout, "1.1.0")] == ["2.0.0"]


def test_who_has_the_newest_has_nothing_to_do(checkout: Path) -> None:
    assert "nothing to do" in "".join(upgrade.lines(upgrade.since(checkout, "2.0.0"), "2.0.0"))


@pytest.mark.parametrize("version", ["1.0.1", "latest", ""])
def test_a_version_that_never_was_is_named_with_those_that_were(checkout: Path, version: str) -> None:
    with pytest.raises(NovaError, match=r"2\.0\.0, 1\.1\.0, 1\.0\.0"):
        upgrade.since(checkout, version)


def test_the_command_reads_the_changelog_of_the_checkout() -> None:
    newest = upgrade.releases((ROOT / upgrade.CHANGELOG).read_text(encoding="utf-8"))[0].version
    told = CliRunner().invoke(app, ["upgrade", "--from", newest])
    assert told.exit_code == 0
    assert "nothing to do" in told.stdout
